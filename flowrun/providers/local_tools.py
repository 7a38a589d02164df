"""Tools for the embedded model, which knows none: a form that its reply must have.

It is told of the tools in the system message and held to one of these by a grammar:

    {"tool": "search", "arguments": {"query": "lamps"}}
    {"answer": "..."}                                       where it may also answer at once

Once it has results it answers, and calls no more tools: so small a model would not find an end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.chat.structured import parse
from flowrun.digest import JsonValue

Close: TypeAlias = Callable[[Mapping[str, JsonValue] | None, str], Mapping[str, JsonValue]]
"""Makes a schema finite; is told its name, for what it refuses."""

_WORDS: Mapping[str, JsonValue] = {"type": "string", "minLength": 1, "maxLength": 800}
_LONGEST_DESCRIPTION = 200


def offered(request: ChatRequest) -> tuple[ToolDefinition, ...]:
    """The tools that the reply may call, none where it is to answer."""
    if request.forced_tools:
        return request.forced_tools
    has_results = bool(request.messages) and request.messages[-1].role == "tool"
    return () if has_results else request.free_tools


def hint(request: ChatRequest) -> str:
    """What the model is told of the tools and of the form of its reply."""
    tools = offered(request)
    forms = ['{"tool": name, "arguments": {...}}']
    if not request.forced_tools:
        forms.append('{"answer": ...}')
    return "\n".join(
        ("You can call tools:", *map(_line, tools), f"Reply with JSON: {' or '.join(forms)}")
    )


def _line(tool: ToolDefinition) -> str:
    properties = tool.parameters.get("properties")
    names = ", ".join(properties) if isinstance(properties, Mapping) else ""
    description = " ".join(tool.description.split())[:_LONGEST_DESCRIPTION]
    return f"- {tool.name}({names}){f': {description}' if description else ''}"


def form(request: ChatRequest, close: Close) -> Mapping[str, JsonValue]:
    """The schema of a call, or of an answer where that is free too; `close` makes parts finite."""
    branches: list[Mapping[str, JsonValue]] = []
    for tool in offered(request):
        arguments = close({"properties": {}, **tool.parameters, "type": "object"}, tool.name)
        branches.append(_object({"tool": {"enum": [tool.name]}, "arguments": arguments}))
    if not request.forced_tools:
        wanted = request.response_format
        answer = _WORDS if wanted.kind == "text" else wanted.schema
        branches.append(_object({"answer": close(answer, wanted.name)}))
    return {"anyOf": branches} if len(branches) > 1 else branches[0]


def _object(properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def spoken(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """Roles and texts with calls and results told in words, for a model that knows neither."""
    names = {call.id: call.name for each in messages for call in each.tool_calls}
    found: list[tuple[str, str]] = []
    for each in messages:
        text = "".join(part.text for part in each.parts if isinstance(part, Text))
        if each.role == "tool":
            found.append(("user", f"Result of {names.get(each.tool_call_id, 'a tool')}: {text}"))
            continue
        calls = [_told(call) for call in each.tool_calls]
        found.append((each.role, "\n".join([*([text] if text or not calls else []), *calls])))
    return found


def _told(call: ToolCall) -> str:
    return f'{{"tool": {_json(call.name)}, "arguments": {call.arguments}}}'


def heard(reply: ChatReply, request: ChatRequest) -> ChatReply:
    """A reply in that form as a call or an answer; one that was cut stays what it is."""
    try:
        data = parse(reply.text) if reply.finish_reason == "stop" else None
    except ValueError:
        data = None
    match data:
        case {"tool": str(name), "arguments": arguments}:
            number = 1 + sum(len(each.tool_calls) for each in request.messages)
            call = ToolCall(f"call_{number}", name, _json(arguments))
            return replace(reply, text="", finish_reason="tool_calls", tool_calls=(call,))
        case {"answer": str(text)} if request.response_format.kind == "text":
            return replace(reply, text=text)
        case {"answer": answer}:
            return replace(reply, text=_json(answer))
        case _:
            return reply


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
