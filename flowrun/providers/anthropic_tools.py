"""Tools and the choice among them in Anthropic's protocol, and answers in JSON as a forced call.

A schema that the protocol can enforce goes into `output_config.format`. Any other JSON is asked
for by forcing a tool whose arguments are the answer; whoever reads the reply takes its call for
text. Where a conversation holds calls but offers no tools, the API wants them declared all the
same: they are, and none may be called.
Source: platform.claude.com/docs, Tool use, Structured outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.messages import ChatRequest, ResponseFormat, ToolDefinition
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.anthropic_models import Facts
from flowrun.providers.anthropic_schema import wire_schema

ANSWER = "flowrun_answer"
"""The tool that is no tool: its arguments are the answer."""

_OPEN: Mapping[str, JsonValue] = {"type": "object", "properties": {}}


def wire_tools(request: ChatRequest, facts: Facts) -> dict[str, JsonValue]:
    """What the body says of tools and of the form of the answer.

    Raises: Unsupported for a choice or a form that the model does not take.
    """
    form = _form(request.response_format)
    answer = None if form is not None else _answer(request)
    offered = [*request.tools, *([answer] if answer is not None else [])]
    found: dict[str, JsonValue] = {} if form is None else {"output_config": {"format": form}}
    if not offered:
        return found | _declared(request)
    choice = _choice(request, answer)
    if choice["type"] in ("any", "tool") and not facts.is_forcible:
        raise Unsupported(
            "cannot be made to call a tool: this model chooses for itself",
            param="tool_choice" if answer is None else "response_format",
        )
    if choice["type"] != "none" and request.parallel_tool_calls is False:
        choice["disable_parallel_tool_use"] = True
    found["tools"] = [_tool(each) for each in offered]
    if choice != {"type": "auto"}:
        found["tool_choice"] = choice
    return found


def is_forced(body: Mapping[str, JsonValue]) -> bool:
    """Whether what `wire_tools` gave forces a tool on the model."""
    choice = body.get("tool_choice")
    return isinstance(choice, Mapping) and choice["type"] in ("any", "tool")


def _tool(tool: ToolDefinition) -> JsonValue:
    schema = {**_OPEN, **tool.parameters}
    found: dict[str, JsonValue] = {"name": tool.name, "input_schema": schema}
    if tool.description:
        found["description"] = tool.description
    return found


def _choice(request: ChatRequest, answer: ToolDefinition | None) -> dict[str, JsonValue]:
    """The choice; the answer is one of what may be chosen, unless a tool is named."""
    chosen = request.tool_choice if request.tools else "none"
    match chosen:
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case "none" if answer is not None:
            return {"type": "tool", "name": answer.name}
        case "none":
            return {"type": "none"}
        case "required":
            return {"type": "any"}
        case None | "auto":
            return {"type": "auto" if answer is None else "any"}
        case _:
            raise Unsupported(f'cannot take "tool_choice": {chosen}', param="tool_choice")


def _declared(request: ChatRequest) -> dict[str, JsonValue]:
    """The tools that a conversation holds calls of, when none is offered any more."""
    names = dict.fromkeys(call.name for each in request.messages for call in each.tool_calls)
    if not names:
        return {}
    return {
        "tools": [{"name": name, "input_schema": _OPEN} for name in names],
        "tool_choice": {"type": "none"},
    }


def _form(form: ResponseFormat) -> JsonValue:
    """The form that the API itself enforces; None where there is none, or it cannot."""
    if form.kind != "json_schema" or form.schema is None:
        return None
    schema = wire_schema(form.schema)
    return None if schema is None else {"type": "json_schema", "schema": schema}


def _answer(request: ChatRequest) -> ToolDefinition | None:
    """The tool whose arguments are the answer; none where another tool has to be called.

    Raises: Unsupported if they can be no answer, for they are always an object.
    """
    form = request.response_format
    if form.kind == "text" or request.forced_tools:
        return None
    schema = _OPEN if form.schema is None else form.schema
    if schema.get("type") != "object":
        raise Unsupported(
            "cannot take this schema: it is neither one that can be enforced nor of an object",
            param="response_format",
        )
    said = "Gives the answer, as one JSON object. Call it in place of writing text."
    return ToolDefinition(ANSWER, said, schema)
