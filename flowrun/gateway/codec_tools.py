"""What a body says of tools and of the form of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.messages import ResponseFormat, ToolDefinition
from flowrun.digest import JsonValue
from flowrun.gateway.codec_fields import (
    list_of,
    name_of,
    object_of,
    one_of,
    refuse_unknown,
    refused,
    text_of,
    truth_of,
)

MOST_TOOLS = 512
_NOTHING: Mapping[str, JsonValue] = {"type": "object", "properties": {}}
_TOOL = frozenset(("type", "function", "cache_control"))
_FUNCTION = frozenset(("name", "description", "parameters", "strict"))
_FORMAT = frozenset(("type", "json_schema"))
_SCHEMA = frozenset(("name", "description", "schema", "strict"))
_OF_SCHEMAS = frozenset(
    ("type", "properties", "$ref", "$schema", "anyOf", "oneOf", "allOf", "enum")
)


def tools_of(value: JsonValue, dropped: set[str]) -> tuple[ToolDefinition, ...]:
    """The tools that may be called; an empty list is none. Raises: Fault."""
    if value is None:
        return ()
    rows = list_of(value, "tools", most=MOST_TOOLS)
    found = tuple(_tool(each, f"tools[{at}]", dropped) for at, each in enumerate(rows))
    names: set[str] = set()
    for at, each in enumerate(found):
        if each.name in names:
            raise refused(f"tools[{at}].function.name", f'two tools are named "{each.name}"')
        names.add(each.name)
    return found


def _tool(value: JsonValue, param: str, dropped: set[str]) -> ToolDefinition:
    data = object_of(value, param)
    _refuse_kind(data, param)
    refuse_unknown(data, _TOOL if "function" in data else _TOOL | _FUNCTION, param)
    if data.get("cache_control") is not None:
        dropped.add("tools[].cache_control")
    if data.get("function") is None:
        mend = 'write {"type": "function", "function": {"name": …}}'
        raise refused(f"{param}.function", f'"{param}" has no function: {mend}')
    param = f"{param}.function"
    function = object_of(data["function"], param)
    refuse_unknown(function, _FUNCTION, param)
    if function.get("strict") is not None:
        truth_of(function["strict"], f"{param}.strict")
        dropped.add("tools[].function.strict")
    said, schema = function.get("description"), function.get("parameters")
    return ToolDefinition(
        name_of(function.get("name"), f"{param}.name"),
        "" if said is None else text_of(said, f"{param}.description"),
        _NOTHING if schema is None else object_of(schema, f"{param}.parameters"),
    )


def tool_choice_of(value: JsonValue, tools: tuple[ToolDefinition, ...]) -> JsonValue:
    """Which tools are to be called, None where nothing is said of it. Raises: Fault."""
    if value is None:
        return None
    if isinstance(value, str):
        one_of(value, "tool_choice", ("auto", "none", "required"))
        if value == "required" and not tools:
            raise refused("tool_choice", '"tool_choice" requires a call, but there are no tools')
        return value if tools else None
    data = object_of(value, "tool_choice")
    _refuse_kind(data, "tool_choice")
    refuse_unknown(data, ("type", "function"), "tool_choice")
    function = object_of(data.get("function"), "tool_choice.function")
    refuse_unknown(function, ("name",), "tool_choice.function")
    name = name_of(function.get("name"), "tool_choice.function.name")
    if all(each.name != name for each in tools):
        raise refused("tool_choice.function.name", f'there is no tool "{name}" among "tools"')
    return {"type": "function", "function": {"name": name}}


def response_format_of(value: JsonValue, dropped: set[str]) -> ResponseFormat:
    """The form that the answer is to have. Raises: Fault.

    As with OpenAI, a schema is enforced by the provider only where `strict` is said.
    """
    if value is None:
        return ResponseFormat()
    data = object_of(value, "response_format")
    kind = one_of(data.get("type"), "response_format.type", ("text", "json_object", "json_schema"))
    refuse_unknown(data, _FORMAT, "response_format")
    if kind == "text":
        return ResponseFormat()
    if kind == "json_object":
        return ResponseFormat("json_object")
    param = "response_format.json_schema"
    held = object_of(data.get("json_schema"), param)
    if held.get("schema") is None and held.keys() & _OF_SCHEMAS:
        mend = 'write "json_schema": {"name": …, "schema": {…}}'
        raise refused(f"{param}.schema", f"the schema stands inside json_schema: {mend}")
    refuse_unknown(held, _SCHEMA, param)
    if held.get("description") is not None:
        text_of(held["description"], f"{param}.description")
        dropped.add(f"{param}.description")
    strict = held.get("strict")
    return ResponseFormat(
        "json_schema",
        name_of(held.get("name"), f"{param}.name"),
        object_of(held.get("schema"), f"{param}.schema"),
        strict=False if strict is None else truth_of(strict, f"{param}.strict"),
    )


def _refuse_kind(data: Mapping[str, JsonValue], param: str) -> None:
    """Raises: Fault for anything but a function."""
    one_of(data.get("type", "function"), f"{param}.type", ("function",))
