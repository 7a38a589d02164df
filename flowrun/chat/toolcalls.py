"""A model's tool calls: judged before anything is run, and answered in the conversation.

Nothing that a model writes is run before it is known to be the call of an offered tool with
arguments that fit. What is wrong is written for the model, which gets it as the call's result.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from flowrun.chat import structured
from flowrun.chat.messages import ChatReply, Message, Part, Text, ToolCall, ToolDefinition
from flowrun.chat.schema import compile_schema
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CALLS = 16
"""How many calls of one reply are run."""
_MOST_HEARD = 64
"""How many are answered at all; the model never sees again that it made more."""
_LONGEST_NAME = 64
_LONGEST_ID = 200
_STRANGE = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Judged:
    """A call that may be run with its arguments, or what is wrong with it.

    `written` are the arguments as the model wrote them.
    """

    name: str
    written: str = ""
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    problem: str = ""


def readable(reply: ChatReply) -> ChatReply:
    """The reply, without the halves of characters that a model may leave in its calls."""
    if not reply.tool_calls:
        return reply
    return replace(
        reply,
        text=_mended(reply.text),
        tool_calls=tuple(
            ToolCall(_mended(each.id), _mended(each.name), _mended(each.arguments))
            for each in reply.tool_calls
        ),
    )


def _mended(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def calls_of(reply: ChatReply) -> tuple[ToolCall, ...]:
    """The calls that a reply makes; none if it was refused, filtered or cut."""
    if reply.refusal or reply.finish_reason not in ("stop", "tool_calls"):
        return ()
    return reply.tool_calls[:_MOST_HEARD]


def judge(
    calls: Sequence[ToolCall], tools: Sequence[ToolDefinition], routes: Collection[str]
) -> list[Judged]:
    """The calls in their order; `routes` are the tools that end a conversation.

    Beside a route nothing else may be called, for what should be run then is not clear.
    """
    if len(calls) > 1 and (route := next((c.name for c in calls if c.name in routes), None)):
        problem = f'not run: "{route}" may only be called alone, so choose one of these calls'
        return [_unfit(each, problem) for each in calls]
    known = {each.name: each for each in tools}
    found = [_judged(each, known) for each in calls[:MOST_CALLS]]
    problem = f"not run: no more than {MOST_CALLS} calls are run at once"
    return found + [_unfit(each, problem) for each in calls[MOST_CALLS:]]


def chosen(
    reply: ChatReply, tools: Sequence[ToolDefinition], routes: Collection[str]
) -> Judged | None:
    """The route that a reply takes; None if it takes none."""
    calls = calls_of(reply)
    if len(calls) != 1 or calls[0].name not in routes:
        return None
    (found,) = judge(calls, tools, routes)
    return None if found.problem else found


def answered(
    reply: ChatReply,
    judged: Sequence[Judged],
    results: Sequence[tuple[Part, ...]],
    taken: set[str],
) -> tuple[Message, ...]:
    """The reply as it is sent back, and the result of each of its calls, in their order.

    Calls are told apart by their ids on the wire, so that one which is empty or among `taken`
    gets another; `taken` grows. Names and arguments that no provider would take again are made
    harmless: the result says what was wrong.
    """
    calls = [
        _sendable(call, each, _free(call.id, taken))
        for call, each in zip(calls_of(reply), judged, strict=True)
    ]
    text = (Text(reply.text),) if reply.text.strip() else ()
    back = (
        Message("tool", parts, tool_call_id=call.id)
        for call, parts in zip(calls, results, strict=True)
    )
    return (Message("assistant", text, tuple(calls), blocks=reply.blocks), *back)


def refused(problem: str) -> tuple[Part, ...]:
    """The result of a call that came to nothing."""
    return (Text(f"error: {problem}"),)


def _judged(call: ToolCall, known: Mapping[str, ToolDefinition]) -> Judged:
    tool = known.get(call.name)
    if tool is None:
        name = _safe(call.name)
        mend = did_you_mean(name, known) or f"there are: {', '.join(known)}"
        return _unfit(call, f'there is no tool "{name}"; {mend}')
    try:
        # Many models write nothing at all for a tool that takes nothing.
        value = structured.parse(call.arguments, is_exact=True) if call.arguments.strip() else {}
    except ValueError as error:
        return _unfit(call, f"the arguments are not valid JSON: {error}")
    if not isinstance(value, dict):
        return _unfit(call, "the arguments are JSON, but no object")
    problems = compile_schema(tool.parameters).problems(value)
    if problems:
        return _unfit(call, f"the arguments do not fit: {'; '.join(problems)}")
    return Judged(call.name, call.arguments, value)


def _unfit(call: ToolCall, problem: str) -> Judged:
    return Judged(call.name, call.arguments, problem=problem)


def _free(id: str, taken: set[str]) -> str:
    """The id, or another where it is empty or taken."""
    free = id if id.isascii() and len(id) <= _LONGEST_ID else ""
    number = len(taken)
    while not free or free in taken:
        free, number = f"call_{number}", number + 1
    taken.add(free)
    return free


def _sendable(call: ToolCall, judged: Judged, id: str) -> ToolCall:
    arguments = call.arguments
    if not arguments.strip() or (judged.problem and not _is_object(arguments)):
        arguments = "{}"
    return replace(call, id=id, name=_safe(call.name), arguments=arguments)


def _safe(name: str) -> str:
    return _STRANGE.sub("_", name[:_LONGEST_NAME]) or "_"


def _is_object(text: str) -> bool:
    try:
        return isinstance(structured.parse(text, is_exact=True), dict)
    except ValueError:
        return False
