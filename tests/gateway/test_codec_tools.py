"""Tools, the choice between them, and the form of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.messages import ResponseFormat, ToolDefinition
from flowrun.digest import JsonValue
from tests.gateway.test_codec import asked, fault

NOW = {"type": "function", "function": {"name": "now"}}
SCHEMA: dict[str, JsonValue] = {"type": "object", "properties": {"a": {"type": "string"}}}


def named(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "now", **fields}}


def test_a_tool_is_read() -> None:
    found = asked(tools=[named(description="Tells the time.", parameters=SCHEMA)]).request
    assert found.tools == (ToolDefinition("now", "Tells the time.", SCHEMA),)


def test_a_tool_may_take_nothing() -> None:
    nothing: dict[str, JsonValue] = {"type": "object", "properties": {}}
    assert asked(tools=[NOW]).request.tools == (ToolDefinition("now", "", nothing),)


def test_what_a_tool_says_beside_is_dropped_by_name() -> None:
    found = asked(tools=[{**named(strict=True), "cache_control": {"type": "ephemeral"}}])
    assert found.dropped == ("tools[].cache_control", "tools[].function.strict")


@pytest.mark.parametrize("said", ["auto", "none", "required", NOW])
def test_the_choice_is_kept(said: object) -> None:
    assert asked(tools=[NOW], tool_choice=said).request.tool_choice == said


def test_a_choice_between_no_tools_says_nothing() -> None:
    assert asked(tool_choice="none").request.tool_choice is None


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [NOW] * 513}, "tools"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [named(name="a.b")]}, "tools[0].function.name"),
        ({"tools": [named(name="a" * 65)]}, "tools[0].function.name"),
        ({"tools": [NOW, NOW]}, "tools[1].function.name"),
        ({"tools": [named(parameters=[])]}, "tools[0].function.parameters"),
        ({"tools": [named(description=7)]}, "tools[0].function.description"),
        ({"tools": [named(strict="yes")]}, "tools[0].function.strict"),
        ({"tools": [named(url="x")]}, "tools[0].function.url"),
        ({"tools": [{**NOW, "url": "x"}]}, "tools[0].url"),
        ({"tool_choice": "any", "tools": [NOW]}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools"}, "tools": [NOW]}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}, "tools": [NOW]}, "tool_choice.function"),
        ({"tool_choice": NOW}, "tool_choice.function.name"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "text", "x": 1}}, "response_format.x"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_what_cannot_be_taken_is_named(said: dict[str, Any], param: str) -> None:
    assert fault(**said).param == param


def test_a_tool_without_its_function_is_told_how_to_be_written() -> None:
    found = fault(tools=[{"type": "function", "name": "now", "parameters": {}}])
    assert found.message == (
        '"tools[0]" has no function: write {"type": "function", "function": {"name": …}}'
    )


def test_a_schema_that_stands_alone_is_told_where_it_belongs() -> None:
    found = fault(response_format={"type": "json_schema", "json_schema": {"type": "object"}})
    assert found.param == "response_format.json_schema.schema"
    assert found.message == (
        'the schema stands inside json_schema: write "json_schema": {"name": …, "schema": {…}}'
    )


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_forms_without_a_schema(kind: Any) -> None:
    assert asked(response_format={"type": kind}).request.response_format == ResponseFormat(kind)


@pytest.mark.parametrize(
    ("strict", "read"), [({}, False), ({"strict": None}, False), ({"strict": True}, True)]
)
def test_a_schema_is_enforced_where_that_is_said(strict: dict[str, Any], read: bool) -> None:
    said = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, **strict}}
    found = asked(response_format=said).request.response_format
    assert found == ResponseFormat("json_schema", "a", SCHEMA, strict=read)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"name": "a b"}, "name"),
        ({"name": None}, "name"),
        ({"schema": None}, "schema"),
        ({"schema": []}, "schema"),
        ({"strict": 1}, "strict"),
        ({"description": 1}, "description"),
        ({"other": 1}, "other"),
    ],
)
def test_a_schema_that_is_none_is_named(said: dict[str, Any], param: str) -> None:
    held = {"name": "a", "schema": SCHEMA, **said}
    found = fault(response_format={"type": "json_schema", "json_schema": held})
    assert found.param == f"response_format.json_schema.{param}"


def test_the_description_of_a_schema_is_dropped_by_name() -> None:
    held = {"name": "a", "schema": SCHEMA, "description": "what it is"}
    found = asked(response_format={"type": "json_schema", "json_schema": held})
    assert found.dropped == ("response_format.json_schema.description",)
