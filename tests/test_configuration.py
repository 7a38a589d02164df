"""docs/configuration.md against what reads the file."""

import re
import tomllib
from pathlib import Path

from flowrun import config, serving
from flowrun.config import ENVIRONMENT, Config, read
from flowrun.providers.catalog import ENDPOINTS, endpoints

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)[0]
WHERE = Path("/project/flowrun.toml")


def test_the_example_has_no_fault() -> None:
    found = read(EXAMPLE, WHERE)
    assert endpoints(found)["mine"].base_url == "https://llm.example.org/v1"


def test_it_shows_every_table_and_every_key() -> None:
    data = tomllib.loads(EXAMPLE)
    known = {
        "run": {"concurrency", "out", "store"},
        "tools": {"env", "private"},
        "serve": set(serving._SERVE),
        "credits": set(serving._CREDITS),
        "auto": set(serving._AUTO),
    }
    assert {name: set(data[name]) for name in known} == known
    assert set(data["endpoints"]["mine"]) == set(config._ENDPOINT)
    assert set(data["endpoints"]["mine"]["timeouts"]) == set(config._TIMEOUTS)
    assert set(data["endpoints"]["mine"]["capabilities"]) == set(config._CAPABILITIES)
    assert set(data["prices"]["mine/large"]) == set(config._BUCKETS)
    assert set(data) == {*known, "models", "endpoints", "prices", "fake"}


def test_its_figures_are_those_that_hold_where_nothing_is_said() -> None:
    usual, shown = serving.Serving(), read(EXAMPLE, WHERE).serving
    assert shown is not None
    assert shown.credits == usual.credits
    assert shown.serve.port == usual.serve.port
    assert shown.serve.drain_s == usual.serve.drain_s
    assert shown.serve.max_connections == usual.serve.max_connections
    assert shown.auto.long_characters == usual.auto.long_characters
    assert read(EXAMPLE, WHERE).concurrency == Config().concurrency


def test_every_variable_is_told() -> None:
    keys = {each.key_env for each in ENDPOINTS.values()} - {None}
    headers = {name for each in ENDPOINTS.values() for name in each.header_env.values()}
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", TEXT))
    assert {*ENVIRONMENT, *keys, *headers} <= told
