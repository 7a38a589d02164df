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
from tests.document.forming import formed
from tests.document.mutants import COMPOSED, RICH, ROOT

EDITORS = jsonschema_rs.validator_for(dict(editor_schema()))


def data(text: str) -> JsonValue:
    return load(text, "p.yaml").data


@pytest.mark.parametrize(
    "key",
    [
        *("prompt", "messages", "call", "uses", "with", "steps"),
        *("foreach", "if", "needs", "expect", "as", "repeat"),
    ],
)
def test_a_key_of_a_step_with_nothing_behind_it_does_not_fit(key: str) -> None:
    with pytest.raises(ValidationError):
        Pipeline.model_validate({"steps": {"a": {key: None}}})


@pytest.mark.parametrize(
    "key",
    [
        *("seed", "model", "system", "fallback", "timeout", "cache", "stop"),
        *("tools", "tool_choice", "max_turns"),
    ],
)
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


@pytest.mark.parametrize("text", [RICH, COMPOSED], ids=["rich", "composed"])
def test_editors_take_the_whole_language(text: str) -> None:
    assert [str(each) for each in EDITORS.iter_errors(data(text))] == []


@pytest.mark.parametrize(
    "step",
    [
        {"promt": "x"},
        {"prompt": 3},
        {"prompt": "x", "temperature": 3},
        {"prompt": "x", "retry": "often"},
        {"prompt": "x", "messages": [{"role": "bob", "content": "x"}]},
        {"prompt": "x", "response_format": {"type": "xml"}},
        {"prompt": "x", "tools": "search"},
        {"prompt": "x", "tools": [3]},
        {"prompt": "x", "tool_choice": {"type": "function"}},
        {"prompt": "x", "max_turns": 0},
        {"prompt": "x", "budget": {"usd": 0}},
        {"prompt": "x", "budget": 1},
        {"call": 3},
        {"call": "a", "with": 3},
        {"value": 1, "repeat": {"until": "x"}},
        {"value": 1, "repeat": {"until": "x", "max": 1001}},
        {"steps": {"b": {"promt": "x"}}},
        {"steps": {"b": {"steps": {"c": 3}}}},
        {"steps": {"b-c": {"value": 1}}},
    ],
)
def test_editors_refuse_what_the_check_refuses(step: dict[str, JsonValue]) -> None:
    assert not EDITORS.is_valid({"steps": {"a": step}})
    assert not EDITORS.is_valid({"steps": {"b": {"steps": {"a": step}}}})


@pytest.mark.parametrize(
    "tool",
    [
        {"python": "a"},
        {"http": {"method": "GET"}},
        {"http": {"url": "x", "bearer": "a-b"}},
        {"shell": "ls"},
        {"shell": []},
        {"shell": [{"eech": "x"}]},
        {"mcp": {"comand": ["a"]}},
        {"uses": 3},
        {"pure": "yes"},
        3,
    ],
)
def test_editors_refuse_tools_that_the_check_refuses(tool: JsonValue) -> None:
    assert not EDITORS.is_valid({"tools": {"a": tool}, "steps": {"b": {"value": 1}}})


def test_editors_take_free_keys_where_the_check_takes_them() -> None:
    text = """
    x-a: 1
    tools:
      x-b: 1
      a: {x-c: 1, http: {x-d: 1, url: x}}
      b: {shell: [a, {x-e: 1, each: "{{ a }}"}]}
      c: {shell: {x-f: 1, command: [a]}}
      d: {mcp: {x-g: 1, command: [a]}}
    steps:
      x-h: 1
      a:
        x-i: 1
        messages: [{x-j: 1, role: user, content: x}]
        tools: [a]
        tool_choice: {x-k: 1, type: function, function: {x-l: 1, name: a}}
      b: {repeat: {x-m: 1, until: b, max: 1}, steps: {x-n: 1, c: {x-o: 1, value: 1}}}
      c: {prompt: {x-p: 1, file: a.md}}
    schemas: {a: {x-q: 1, file: a.json}}
    """
    assert [str(each) for each in EDITORS.iter_errors(data(text))] == []
    assert formed(text) == []


def test_the_schema_for_editors_is_one() -> None:
    jsonschema_rs.meta.validate(dict(editor_schema()))


def test_every_key_is_described_for_editors() -> None:
    schema = json.loads(json.dumps(editor_schema()))
    for part in [schema, *schema["$defs"].values()]:
        for name, each in part.get("properties", {}).items():
            assert "description" in each, name


def test_every_example_for_editors_is_valid() -> None:
    schema = json.loads(json.dumps(editor_schema()))
    for part in [schema, *schema["$defs"].values()]:
        for name, each in part.get("properties", {}).items():
            validator = jsonschema_rs.validator_for({"$defs": schema["$defs"], **each})
            assert all(validator.is_valid(example) for example in each.get("examples", ())), name
            assert "default" not in each or validator.is_valid(each["default"]), name
