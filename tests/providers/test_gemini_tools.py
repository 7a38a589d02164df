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
from flowrun.providers.anthropic_tools import ANSWER
from flowrun.providers.gemini_models import facts_of
from flowrun.providers.gemini_tools import wire_form, wire_tools
from tests.support.gemini_types import valid_request

THIRD, SECOND = "gemini-3.1-pro-preview", "gemini-2.5-flash"
CLOSED: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"a": {"const": 1}},
    "additionalProperties": False,
}
SEARCH = ToolDefinition("search", "Finds pages.", CLOSED)
NAMED: JsonValue = {"type": "function", "function": {"name": "search"}}
ASKED = ChatRequest(THIRD, (Message("user", (Text("a"),)),), tools=(SEARCH,))
JSON = ResponseFormat("json_object")
SCHEMA = ResponseFormat("json_schema", "answer", CLOSED)
SENT = {**CLOSED, "properties": {"a": {"enum": [1]}}}


def wire(model: str = THIRD, **change: Any) -> dict[str, Any]:
    asked, facts = replace(ASKED, **change), facts_of(model)
    tools = wire_tools(asked, facts)
    form = wire_form(asked, tools, facts)
    return valid_request({**tools, **({"generationConfig": form} if form else {})})


def names(body: dict[str, Any]) -> list[str]:
    (tool,) = body["tools"]
    return [each["name"] for each in tool["functionDeclarations"]]


def test_pitfall_47_tools_are_declared_in_json_schema() -> None:
    odd: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"const": {"exclusiveMinimum": 0, "type": ["integer", "null"]}},
        "propertyNames": {"pattern": "^c"},
    }
    (tool,) = wire(tools=(SEARCH, ToolDefinition("odd", "", odd)))["tools"]
    assert tool["functionDeclarations"] == [
        {"name": "search", "description": "Finds pages.", "parametersJsonSchema": SENT},
        {
            "name": "odd",
            "parametersJsonSchema": {
                "type": "object",
                "properties": odd["properties"],
                "propertyNames": {"pattern": "^c"},
            },
        },
    ]


@pytest.mark.parametrize("nothing", [{}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_a_tool_that_takes_nothing_has_no_schema(nothing: dict[str, Any]) -> None:
    (tool,) = wire(tools=(ToolDefinition("now", "", nothing),))["tools"]
    assert tool["functionDeclarations"] == [{"name": "now"}]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NAMED, {"mode": "ANY", "allowedFunctionNames": ["search"]}),
    ],
)
def test_pitfall_12_a_choice_is_mapped(choice: JsonValue, said: Any) -> None:
    found = wire(tool_choice=choice, parallel_tool_calls=True).get("toolConfig")
    assert found == (None if said is None else {"functionCallingConfig": said})


def test_a_choice_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Unsupported, match="sometimes") as caught:
        wire(tool_choice="sometimes")
    assert caught.value.param == "tool_choice"


def test_pitfall_43_one_call_at_a_time_cannot_be_asked_for() -> None:
    with pytest.raises(Unsupported, match="it makes as many calls at once as it likes") as caught:
        wire(parallel_tool_calls=False)
    assert caught.value.param == "parallel_tool_calls"
    assert "tools" in wire(parallel_tool_calls=False, tool_choice="none")


@pytest.mark.parametrize("choice", [None, "auto", "none", "required"])
def test_pitfall_61_without_tools_nothing_is_said_of_them(choice: JsonValue) -> None:
    called = Message("assistant", (), (ToolCall("1", "search", "{}"),))
    messages = (*ASKED.messages, called)
    assert wire(tools=(), tool_choice=choice, parallel_tool_calls=False, messages=messages) == {}


@pytest.mark.parametrize("name", ["", "1st", "-x", "a b", "é", "x" * 129])
def test_a_tool_of_a_name_that_no_function_may_have_is_refused(name: str) -> None:
    with pytest.raises(Unsupported, match="cannot take the name of the tool") as caught:
        wire(tools=(ToolDefinition(name, "", {}),))
    assert caught.value.param == "tools"


@pytest.mark.parametrize("model", [THIRD, SECOND])
def test_an_answer_in_json_is_enforced(model: str) -> None:
    kind = {"responseMimeType": "application/json"}
    assert wire(model, tools=(), response_format=JSON) == {"generationConfig": kind}
    found = wire(model, tools=(), response_format=SCHEMA)
    assert found == {"generationConfig": {**kind, "responseJsonSchema": SENT}}


def test_an_answer_in_json_stands_beside_tools() -> None:
    found = wire(response_format=SCHEMA)
    assert names(found) == ["search"]
    assert found["generationConfig"]["responseJsonSchema"] == SENT


def test_pitfall_21_before_the_third_generation_it_is_one_of_what_must_be_called() -> None:
    found = wire(SECOND, response_format=SCHEMA)
    assert names(found) == ["search", ANSWER]
    assert found["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert "generationConfig" not in found
    assert names(wire(SECOND, response_format=JSON)) == ["search", ANSWER]


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_where_a_tool_must_be_called_the_answer_is_none_of_them(choice: JsonValue) -> None:
    found = wire(SECOND, tool_choice=choice, response_format=JSON)
    assert names(found) == ["search"]
    assert "generationConfig" not in found


def test_where_no_tool_may_be_called_none_is_declared_beside_json() -> None:
    found = wire(SECOND, tool_choice="none", response_format=JSON)
    assert found == {"generationConfig": {"responseMimeType": "application/json"}}
    assert "tools" in wire(SECOND, tool_choice="none")


def test_an_answer_that_is_no_object_cannot_stand_beside_tools_there() -> None:
    form = ResponseFormat("json_schema", "any", {"type": "array", "items": {}})
    with pytest.raises(Unsupported, match="this model answers in objects there") as caught:
        wire(SECOND, response_format=form)
    assert caught.value.param == "response_format"
