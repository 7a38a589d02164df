from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowrun import config as configuration
from flowrun.cli.greeting import greeting
from flowrun.gateway.pipelines import found
from flowrun.providers.router import Providers

URL = "http://127.0.0.1:8600/v1"
MINE = '[endpoints.mine]\nbase_url = "https://llm.example.org/v1"\nkey_env = "MINE_API_KEY"\n'
NOT_INSTALLED = "the embedded model is not installed (pip install '.[local]')"
NO_KEY = "mine needs a key: set the environment variable MINE_API_KEY"
GREET = 'steps: {hello: {prompt: Greet., model: "MODEL"}}\noutputs: {text: "{{ hello }}"}\n'


def said(
    text: str = "",
    environ: Mapping[str, str] | None = None,
    *pipelines: str,
    has_keys: bool = False,
) -> list[str]:
    """What is said after whom it answers; each pipeline asks that model."""
    Path("flowrun.toml").write_text(text)
    for number, model in enumerate(pipelines):
        Path(f"p{number}.yaml").write_text(GREET.replace("MODEL", model))
    environ = environ or {}
    config = configuration.load(Path(), environ)
    providers = Providers(config, in_flight=1, environ=environ)
    paths = [Path(f"p{number}.yaml") for number in range(len(pipelines))]
    served = found(paths, config, providers)
    return greeting(URL, config, served, environ, has_keys=has_keys)[2:]


def tried(lines: list[str]) -> str | None:
    """The model of the example."""
    *_, last = lines
    return last.split('"model": "')[1].partition('"')[0] if last.startswith("try:") else None


@pytest.fixture
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of the embedded models."""
    for name in ("xllamacpp", "PIL"):
        monkeypatch.setitem(sys.modules, name, None)


def test_where_all_is_well_little_is_said() -> None:
    lines = said()
    assert (lines[0], len(lines), tried(lines)) == ("asks: local", 2, "recommended")


@pytest.mark.usefixtures("_bare")
def test_where_nobody_can_be_asked_it_is_said_why() -> None:
    assert said() == [
        f"asks: nobody yet: {NOT_INSTALLED}, and no provider's key is set",
        f"recommended, smartest, fastest, auto, image cannot be used: {NOT_INSTALLED}",
    ]


@pytest.mark.usefixtures("_bare")
def test_a_model_that_can_be_asked_is_tried() -> None:
    key = {"MINE_API_KEY": "sk-1"}
    lines = said(MINE + 'models = ["large"]\n', key)
    assert (lines[0], tried(lines)) == ("asks: mine", "mine/large")
    assert tried(said(MINE + '[models]\nwriter = "mine/large"\n', key)) == "writer"
    assert tried(said(MINE, key)) is None


def test_an_endpoint_without_its_key_is_told_with_the_names_that_lead_to_it() -> None:
    text = MINE + 'models = ["large"]\n[models]\nrecommended = "mine/large"\nquick = "local/nope"\n'
    lines = said(text)
    assert lines[:3] == [
        "asks: local",
        "not asked: mine (MINE_API_KEY is not set)",
        f"recommended, smartest, fastest, auto cannot be used: {NO_KEY}",
    ]
    assert lines[3].startswith('quick cannot be used: "local/nope" is not there: ')
    assert tried(lines) is None


def test_pipelines_are_counted_and_those_without_a_key_are_told() -> None:
    models = ["fake/echo"] * 6 + ["mine/large"]
    lines = said(MINE, {}, *models)
    names = ", ".join(f"pipeline/p{number}" for number in range(5))
    assert lines[2:4] == [
        f"runs: {names} and 2 more",
        f"pipeline/p6 cannot be used: {NO_KEY}",
    ]


def test_with_keys_the_example_sends_one() -> None:
    assert "Bearer $FLOWRUN_KEY" not in said()[-1]
    assert "Bearer $FLOWRUN_KEY" in said(has_keys=True)[-1]
