"""Tools, the choice among them, and the form of the answer in Gemini's protocol.

JSON is enforced by the protocol itself. Before the third generation it cannot stand beside
tools: there the answer is the call of a tool whose arguments it is, and whoever reads the reply
takes that call for text.
Source: ai.google.dev, Gemini API, Function calling, Structured outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.messages import ChatRequest, ToolDefinition
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.anthropic_tools import ANSWER
from flowrun.providers.gemini_messages import is_name, wire_name
from flowrun.providers.gemini_models import Facts
from flowrun.providers.gemini_schema import wire_schema

_OPEN: Mapping[str, JsonValue] = {"type": "object", "properties": {}}
_EMPTY: tuple[Mapping[str, JsonValue], ...] = (
    {},
    {"type": "object"},
    _OPEN,
    {**_OPEN, "additionalProperties": False},
)
_SAID = "Gives the answer, as one JSON object. Call it in place of writing text."


def wire_tools(request: ChatRequest, facts: Facts) -> dict[str, JsonValue]:
    """What the body says of tools.

    Raises: Unsupported for a choice that nobody knows, or a name that no function may have.
    """
    is_json = request.response_format.kind != "text"
    choice = _choice(request)
    if not request.tools or (choice == {"mode": "NONE"} and is_json and not facts.is_third):
        return {}
    offered: list[JsonValue] = [_declared(each) for each in request.tools]
    if choice["mode"] == "AUTO" and is_json and not facts.is_third:
        offered.append(_declared(_answer(request)))
        choice = {"mode": "ANY"}
    found: dict[str, JsonValue] = {"tools": [{"functionDeclarations": offered}]}
    if choice != {"mode": "AUTO"}:
        found["toolConfig"] = {"functionCallingConfig": choice}
    return found


def wire_form(
    request: ChatRequest, tools: Mapping[str, JsonValue], facts: Facts
) -> dict[str, JsonValue]:
    """What `generationConfig` says of the form; `tools` is what `wire_tools` gave."""
    form = request.response_format
    if form.kind == "text" or (tools and not facts.is_third):
        return {}
    schema = {} if form.schema is None else {"responseJsonSchema": wire_schema(form.schema)}
    return {"responseMimeType": "application/json", **schema}


def _declared(tool: ToolDefinition) -> JsonValue:
    if not is_name(tool.name):
        raise Unsupported(f'cannot take the name of the tool "{tool.name}"', param="tools")
    found: dict[str, JsonValue] = {"name": tool.name}
    if tool.description:
        found["description"] = tool.description
    if tool.parameters not in _EMPTY:
        found["parametersJsonSchema"] = wire_schema({**_OPEN, **tool.parameters})
    return found


def _choice(request: ChatRequest) -> dict[str, JsonValue]:
    if request.tools and request.tool_choice != "none" and request.parallel_tool_calls is False:
        raise Unsupported(
            'cannot take "parallel_tool_calls": it makes as many calls at once as it likes',
            param="parallel_tool_calls",
        )
    match request.tool_choice:
        case {"type": "function", "function": {"name": str(name)}}:
            return {"mode": "ANY", "allowedFunctionNames": [wire_name(name)]}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case None | "auto":
            return {"mode": "AUTO"}
        case _:
            said = f'cannot take "tool_choice": {request.tool_choice}'
            raise Unsupported(said, param="tool_choice")


def _answer(request: ChatRequest) -> ToolDefinition:
    """The tool whose arguments are the answer.

    Raises: Unsupported if they can be none, for they are always an object.
    """
    schema = request.response_format.schema or _OPEN
    if schema.get("type") != "object":
        raise Unsupported(
            "cannot take this schema beside tools: this model answers in objects there",
            param="response_format",
        )
    return ToolDefinition(ANSWER, _SAID, schema)
