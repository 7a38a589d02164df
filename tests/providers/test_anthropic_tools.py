from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.messages import (
    ChatRequest,
    Message,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.anthropic_models import facts_of
from flowrun.providers.anthropic_tools import ANSWER, is_forced, wire_tools

SEARCH = ToolDefinition("search", "Finds pages.", {"type": "object", "properties": {"q": {}}})
NAMED: JsonValue = {"type": "function", "function": {"name": "search"}}
ASKED = ChatRequest("claude-opus-5-5", (Message("user", (Text("a"),)),), tools=(SEARCH,))
JSON = ResponseFormat("json_object")
OPEN_MAP: dict[str, JsonValue] = {"type": "object", "additionalProperties": {"type": "integer"}}


def wire(model: str = "claude-opus-5-5", **change: Any) -> dict[str, Any]:
    return wire_tools(replace(ASKED, **change), facts_of(model))


def test_tools_have_their_own_names_for_things() -> None:
    bare = ToolDefinition("now", "", {})
    assert wire(tools=(SEARCH, bare)) == {
        "tools": [
            {"name": "search", "input_schema": SEARCH.parameters, "description": "Finds pages."},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ]
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "said"),
    [
        (None, None, None),
        ("auto", True, None),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (NAMED, None, {"type": "tool", "name": "search"}),
        (NAMED, False, {"type": "tool", "name": "search", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_is_mapped(choice: JsonValue, parallel: bool | None, said: Any) -> None:
    found = wire(tool_choice=choice, parallel_tool_calls=parallel)
    assert found.get("tool_choice") == said
    assert is_forced(found) == (choice in ("required", NAMED))


def test_a_choice_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Unsupported, match="sometimes") as caught:
        wire(tool_choice="sometimes")
    assert caught.value.param == "tool_choice"


def test_pitfall_61_without_tools_nothing_is_said_of_them() -> None:
    assert wire(tools=(), tool_choice="auto", parallel_tool_calls=False) == {}


def test_pitfall_12_calls_in_the_past_need_their_tools_declared() -> None:
    calls = (ToolCall("1", "search", "{}"), ToolCall("2", "now", "{}"), ToolCall("3", "now", "{}"))
    found = wire(tools=(), messages=(*ASKED.messages, Message("assistant", (), calls)))
    assert [each["name"] for each in found["tools"]] == ["search", "now"]
    assert found["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, {"type": "any"}),
        ("auto", {"type": "any"}),
        ("none", {"type": "tool", "name": ANSWER}),
    ],
)
def test_an_answer_in_json_is_one_of_what_may_be_called(choice: JsonValue, said: Any) -> None:
    found = wire(tool_choice=choice, response_format=JSON)
    assert [each["name"] for each in found["tools"]] == ["search", ANSWER]
    assert found["tool_choice"] == said


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_where_a_tool_must_be_called_the_answer_is_none_of_them(choice: JsonValue) -> None:
    found = wire(tool_choice=choice, response_format=JSON)
    assert [each["name"] for each in found["tools"]] == ["search"]


def test_a_schema_that_cannot_be_enforced_is_that_of_the_forced_answer() -> None:
    found = wire(tools=(), response_format=ResponseFormat("json_schema", "map", OPEN_MAP))
    (tool,) = found["tools"]
    assert tool["input_schema"] == {**OPEN_MAP, "properties": {}}
    assert "output_config" not in found


def test_a_schema_that_can_be_said_in_no_way_is_refused() -> None:
    form = ResponseFormat("json_schema", "any", {"type": "array", "items": {}})
    with pytest.raises(Unsupported, match="neither one that can be enforced nor") as caught:
        wire(response_format=form)
    assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": NAMED}, "tool_choice"),
        ({"response_format": JSON}, "response_format"),
    ],
)
def test_a_model_that_cannot_be_forced_is_not(change: dict[str, Any], param: str) -> None:
    with pytest.raises(Unsupported, match="this model chooses for itself") as caught:
        wire("claude-fable-5-1", **change)
    assert caught.value.param == param
    assert is_forced(wire("claude-fable-5", **change))
