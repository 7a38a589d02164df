"""The models of the language: what fits them, and the schema that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import ValidationError

from flowrun.digest import JsonValue
from flowrun.document.source import load
from flowrun.document.spec import Pipeline, editor_schema
from flowrun.document.structure import flaws
from tests.document.mutants import RICH, ROOT

EDITORS = jsonschema_rs.validator_for(dict(editor_schema()))


def data(text: str) -> JsonValue:
    return load(text, "p.yaml").data


@pytest.mark.parametrize("key", ["prompt", "messages", "foreach", "if", "needs", "expect", "as"])
def test_a_key_of_a_step_with_nothing_behind_it_does_not_fit(key: str) -> None:
    with pytest.raises(ValidationError):
        Pipeline.model_validate({"steps": {"a": {key: None}}})


@pytest.mark.parametrize("key", ["seed", "model", "system", "fallback", "timeout", "cache", "stop"])
def test_what_defaults_say_may_be_taken_back_by_nothing(key: str) -> None:
    Pipeline.model_validate({"steps": {"a": {"prompt": "x", key: None}}})


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Pipeline.model_validate({"steps": {}}).name = "x"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda path: path.stem
)
def test_editors_take_the_examples(path: Path) -> None:
    assert [str(each) for each in EDITORS.iter_errors(data(path.read_text("utf-8")))] == []


def test_editors_take_the_whole_language() -> None:
    assert [str(each) for each in EDITORS.iter_errors(data(RICH))] == []


@pytest.mark.parametrize(
    "step",
    [
        {"promt": "x"},
        {"prompt": 3},
        {"prompt": "x", "temperature": 3},
        {"prompt": "x", "retry": "often"},
        {"prompt": "x", "messages": [{"role": "bob", "content": "x"}]},
        {"prompt": "x", "response_format": {"type": "xml"}},
    ],
)
def test_editors_refuse_what_the_check_refuses(step: dict[str, JsonValue]) -> None:
    assert not EDITORS.is_valid({"steps": {"a": step}})


def test_editors_take_free_keys_where_the_check_takes_them() -> None:
    text = "x-a: 1\nsteps: {a: {x-b: 1, messages: [{x-c: 1, role: user, content: x}]}}"
    assert EDITORS.is_valid(data(text))
    assert flaws(load(text, "p.yaml")) == []


def test_every_key_is_described_for_editors() -> None:
    parts = json.loads(json.dumps(editor_schema()))["$defs"]
    for part in ("Step", "Asking", "OutputForm", "InputSpec"):
        assert all("description" in each for each in parts[part]["properties"].values())
