from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config, read
from flowrun.errors import UsageError
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import ENDPOINTS, FREE, endpoints, models_of, preset, price_of


def configured(text: str) -> Config:
    return read(text, Path("flowrun.toml"))


def test_known_endpoints_need_no_configuration() -> None:
    assert endpoints(Config()) == ENDPOINTS
    assert sorted(ENDPOINTS) == [
        *("anthropic", "fake", "gemini", "gumloop", "local", "openai", "openrouter")
    ]


def test_gumloop_has_one_host_for_chat_and_one_for_models() -> None:
    row = ENDPOINTS["gumloop"]
    assert row.base_url == "https://ws.gumloop.com/api/v1"
    assert row.models_url == "https://api.gumloop.com/api/v1/models"
    assert row.header_env == {"x-auth-key": "GUMLOOP_USER_ID"}


def test_a_new_endpoint_takes_what_its_table_says() -> None:
    text = """
    [endpoints.mine]
    base_url = "https://llm.example.org:8443/v1"
    key_env = "MINE_API_KEY"
    max_in_flight = 8
    headers = {x-team = "blue"}
    timeouts = {idle = 60}
    capabilities = {json_schema = true}
    """
    assert endpoints(configured(text))["mine"] == Endpoint(
        name="mine",
        dialect="openai",
        base_url="https://llm.example.org:8443/v1",
        key_env="MINE_API_KEY",
        max_in_flight=8,
        headers={"x-team": "blue"},
        capabilities=Capabilities(json_schema=True),
        idle_timeout_s=60.0,
    )


def test_a_known_endpoint_keeps_what_its_table_does_not_say() -> None:
    text = '[endpoints.gumloop]\nmax_in_flight = 2\nheaders = {x-team = "blue"}'
    row = endpoints(configured(text))["gumloop"]
    assert (row.max_in_flight, row.headers) == (2, {"x-team": "blue"})
    assert row.models_url == "https://api.gumloop.com/api/v1/models"
    assert row.key_env == "GUMLOOP_API_KEY"


def test_an_endpoint_that_moved_has_another_list_of_models() -> None:
    text = '[endpoints.gumloop]\nbase_url = "http://127.0.0.1:1/v1"'
    assert endpoints(configured(text))["gumloop"].models_url is None


@pytest.mark.parametrize(
    ("name", "row", "fault"),
    [
        ("mine", "", "base_url is missing"),
        ("local", 'base_url = "http://localhost/v1"',
         "local runs in this process and cannot be configured"),
        ('"a/b"', 'base_url = "http://localhost/v1"',
         "the name of an endpoint may not hold a slash"),
        ("mine", 'base_url = "llm.example.org"',
         "base_url must begin with https:// or http:// and name a host"),
        ("mine", 'base_url = "ftp://llm.example.org"',
         "base_url must begin with https:// or http:// and name a host"),
        ("mine", 'base_url = "https://"',
         "base_url must begin with https:// or http:// and name a host"),
        ("mine", 'base_url = "https://example.org:0"',
         "base_url must begin with https:// or http:// and name a host"),
        ("mine", 'base_url = "https://example.org:99999"',
         "base_url is no address: Port out of range 0-65535"),
        ("mine", 'base_url = "https://[::1"', "base_url is no address: Invalid IPv6 URL"),
        ("mine", 'base_url = "https://me:secret@example.org"',
         "base_url holds a password: name its variable in key_env instead"),
        ("mine", 'base_url = "https://example.org/v1?key=1"',
         "base_url must be plain, without a query: https://example.org/v1?key=1"),
        ("mine", 'base_url = "https://example.org/ v1"',
         "base_url must be plain, without a query: https://example.org/ v1"),
        ("mine", "base_url = 'https://example.org\\@evil.example'",
         "base_url holds a password: name its variable in key_env instead"),
        ("mine", "base_url = 'https://example.org\\evil'",
         "base_url must be plain, without a query: https://example.org\\evil"),
        ("mine", 'base_url = "http://llm.example.org/v1"\nkey_env = "MINE_API_KEY"',
         "base_url sends a key in the clear: use https://"),
        ("mine", 'base_url = "http://127.0.0.1.example.org/v1"\nkey_env = "MINE_API_KEY"',
         "base_url sends a key in the clear: use https://"),
        ("mine", 'base_url = "http://llm.example.org/v1"\nheader_env = {x-user = "MINE_USER"}',
         "base_url sends a key in the clear: use https://"),
        ("mine",
         'base_url = "http://127.0.0.1/v1"\nkey_env = "A"\nmodels_url = "http://example.org/models"',
         "models_url sends a key in the clear: use https://"),
        ("openai", 'base_url = "https://evil.example/v1"',
         "base_url would send openai's key (OPENAI_API_KEY) to evil.example: "
         "name another variable in key_env"),
        ("mine", 'base_url = "https://evil.example/v1"\nkey_env = "OPENROUTER_API_KEY"',
         "base_url would send openrouter's key (OPENROUTER_API_KEY) to evil.example: "
         "name another variable in key_env"),
    ],
)  # fmt: skip
def test_an_endpoint_that_cannot_be_used(name: str, row: str, fault: str) -> None:
    config = configured(f"[endpoints.{name}]\n{row}")
    with pytest.raises(UsageError) as caught:
        endpoints(config)
    assert str(caught.value) == f"flowrun.toml: [endpoints.{name.strip(chr(34))}] {fault}"


@pytest.mark.parametrize(
    "row",
    [
        'base_url = "http://localhost:8080/v1"\nkey_env = "OPENAI_API_KEY"',
        'base_url = "http://127.1.2.3/v1"\nkey_env = "MINE_API_KEY"',
        'base_url = "http://[::1]:8080/v1"\nkey_env = "MINE_API_KEY"',
        'base_url = "http://llm.example.org/v1"',
        'base_url = "https://eu.example.org/v1"\nkey_env = "MINE_API_KEY"',
        'base_url = "https://api.openai.com/v2"\nkey_env = "OPENAI_API_KEY"',
    ],
)
def test_keys_may_stay_here_or_travel_safely(row: str) -> None:
    assert "mine" in endpoints(configured(f"[endpoints.mine]\n{row}"))


def test_presets_are_the_embedded_model_where_nothing_is_configured() -> None:
    names = ("recommended", "smartest", "fastest", "auto")
    assert {preset(name, Config()) for name in names} == {"local/smollm2-135m-instruct"}
    assert preset("image", Config()) == "local/placeholder"
    assert preset("other", Config()) is None


def test_presets_for_text_follow_the_one_that_is_configured() -> None:
    config = configured('[models]\nrecommended = "mine/a"\nfastest = "mine/b"\nother = "mine/c"')
    assert preset("smartest", config) == "mine/a"
    assert preset("fastest", config) == "mine/b"
    assert preset("image", config) == "local/placeholder"
    assert preset("other", config) == "mine/c"


def test_what_runs_here_is_known_and_costs_nothing() -> None:
    config = configured('[fake.mine]\nreplies = ["x"]')
    assert models_of(ENDPOINTS["openai"], config) is None
    assert sorted(models_of(ENDPOINTS["local"], config) or ()) == [
        "placeholder",
        "smollm2-135m-instruct",
    ]
    fakes = models_of(ENDPOINTS["fake"], config) or {}
    assert sorted(fakes) == ["echo", "image", "mine"]
    assert fakes["mine"] == Capabilities(tools=True)
    assert price_of("local/placeholder", ENDPOINTS["local"], config) == FREE


def test_prices_are_those_of_the_project() -> None:
    config = configured('[prices."openai/a"]\ninput = 0.25\noutput = 2\ncache_read = 0.02')
    row = ENDPOINTS["openai"]
    assert price_of("openai/b", row, config) is None
    assert price_of("openai/a", row, config) == Price(Decimal("0.25"), Decimal(2), Decimal("0.02"))
