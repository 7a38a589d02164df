"""The messages of a body: each turn read, each call of a tool with its one result.

    system, developer   texts
    user, tool          texts and pictures
    assistant           texts, calls of tools, and what its provider wants back

Source: developers.openai.com, API reference, Chat; docs.gumloop.com, Create completion.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.messages import Message, Part, Role, Text, ToolCall
from flowrun.digest import JsonValue
from flowrun.gateway.codec_blocks import blocks_of
from flowrun.gateway.codec_fields import (
    list_of,
    object_of,
    one_of,
    refuse_unknown,
    refused,
    text_of,
)
from flowrun.gateway.codec_images import picture_of
from flowrun.gateway.codec_json import object_in

MOST_MESSAGES = 10_000
MOST_CALLS = 1_000
MOST_PICTURES = 100
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_SAID = frozenset(("role", "content"))
_MUTE = ("name", "cache_control", "id", "reasoning", "reasoning_content", "annotations", "parsed")
_OF_ROLE: Mapping[Role, frozenset[str]] = {
    "system": _SAID | {*_MUTE},
    "user": _SAID | {*_MUTE},
    "tool": _SAID | {*_MUTE, "tool_call_id"},
    "assistant": _SAID | {*_MUTE, "tool_calls", "refusal", "reasoning_details", "images"},
}
_CALL = frozenset(("id", "type", "function", "index", "extra_content"))
_FUNCTION = frozenset(("name", "arguments", "parsed_arguments"))
_PART = frozenset(("type", "text", "image_url", "refusal", "cache_control"))
_URL = frozenset(("url", "detail"))
_KINDS: Mapping[Role, tuple[str, ...]] = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "tool": ("text", "image_url"),
    "assistant": ("text", "refusal"),
}


def messages_of(value: JsonValue, dropped: set[str], *, draws: bool = False) -> tuple[Message, ...]:
    """The messages; `dropped` takes the names of what means nothing here. Raises: Fault.

    Pictures that an assistant's turn echoes go back only if it `draws`: others take none there.
    """
    if value is None:
        raise refused("messages", '"messages" is missing: it holds the conversation')
    rows = list_of(value, "messages", most=MOST_MESSAGES)
    found = tuple(
        _message(each, f"messages[{at}]", dropped, draws=draws) for at, each in enumerate(rows)
    )
    if all(each.role == "system" for each in found):
        raise refused("messages", '"messages" must hold a turn beside the system\'s')
    _refuse_unpaired(found)
    return found


def _message(value: JsonValue, param: str, dropped: set[str], *, draws: bool) -> Message:
    data = object_of(value, param)
    role = _ROLES[one_of(data.get("role"), f"{param}.role", _ROLES)]
    if not data.keys() <= _SAID:
        refuse_unknown(data, _OF_ROLE[role], param)
        dropped.update(f"messages[].{each}" for each in _MUTE if data.get(each) is not None)
    parts = _parts(data.get("content"), role, f"{param}.content", dropped)
    if role == "tool":
        answered = text_of(data.get("tool_call_id"), f"{param}.tool_call_id")
        return Message(role, parts, tool_call_id=answered)
    if role != "assistant" or data.keys() <= _SAID:
        return Message(role, parts)
    if (refusal := data.get("refusal")) is not None:
        parts = (*parts, Text(text_of(refusal, f"{param}.refusal")))
    if (images := data.get("images")) is not None:
        if draws:
            parts = (*parts, *_drawn(images, f"{param}.images"))
        else:
            dropped.add("messages[].images")
    calls = _calls(data.get("tool_calls"), f"{param}.tool_calls")
    return Message(role, parts, calls, blocks=blocks_of(data, param))


def _drawn(value: JsonValue, param: str) -> tuple[Part, ...]:
    """The pictures of an answer that is sent back."""
    rows = list_of(value, param, most=MOST_PICTURES)
    found = []
    for at, each in enumerate(rows):
        held = object_of(
            object_of(each, f"{param}[{at}]").get("image_url"), f"{param}[{at}].image_url"
        )
        url = f"{param}[{at}].image_url.url"
        found.append(picture_of(text_of(held.get("url"), url), url))
    return tuple(found)


def _parts(value: JsonValue, role: Role, param: str, dropped: set[str]) -> tuple[Part, ...]:
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if value is None and role in ("assistant", "tool"):
        return ()
    if not isinstance(value, list):
        raise refused(param, f'"{param}" must be a text or a list of parts')
    return tuple(_part(each, role, f"{param}[{at}]", dropped) for at, each in enumerate(value))


def _part(value: JsonValue, role: Role, param: str, dropped: set[str]) -> Part:
    data = object_of(value, param)
    kind = one_of(data.get("type"), f"{param}.type", _KINDS[role])
    refuse_unknown(data, _PART, param)
    if data.get("cache_control") is not None:
        dropped.add("messages[].content[].cache_control")
    if kind != "image_url":
        return Text(text_of(data.get(kind), f"{param}.{kind}"))
    param = f"{param}.image_url"
    held = data.get("image_url")
    if isinstance(held, str):
        return picture_of(held, param)
    held = object_of(held, param)
    refuse_unknown(held, _URL, param)
    if held.get("detail") is not None:
        text_of(held["detail"], f"{param}.detail")
        dropped.add("messages[].content[].image_url.detail")
    return picture_of(text_of(held.get("url"), f"{param}.url"), f"{param}.url")


def _calls(value: JsonValue, param: str) -> tuple[ToolCall, ...]:
    rows = [] if value is None else list_of(value, param, most=MOST_CALLS)
    found = tuple(_call(each, f"{param}[{at}]") for at, each in enumerate(rows))
    ids: set[str] = set()
    for at, each in enumerate(found):
        if each.id in ids:
            raise refused(f"{param}[{at}].id", "two calls of one turn have the same id")
        ids.add(each.id)
    return found


def _call(value: JsonValue, param: str) -> ToolCall:
    data = object_of(value, param)
    one_of(data.get("type", "function"), f"{param}.type", ("function",))
    refuse_unknown(data, _CALL, param)
    id = text_of(data.get("id"), f"{param}.id")
    if not id:
        raise refused(f"{param}.id", "a call must have an id, by which its result is known")
    param = f"{param}.function"
    function = object_of(data.get("function"), param)
    refuse_unknown(function, _FUNCTION, param)
    name = text_of(function.get("name"), f"{param}.name", longest=256)
    if not name:
        raise refused(f"{param}.name", "a call must name its function")
    return ToolCall(id, name, _arguments(function.get("arguments"), f"{param}.arguments"))


def _arguments(value: JsonValue, param: str) -> str:
    """JSON text as the model wrote it; many write nothing at all where nothing is asked."""
    text = "{}" if value is None else text_of(value, param)
    if text.strip() in ("", "null", "{}"):
        return "{}"
    try:
        object_in(text)
    except ValueError as error:
        raise refused(param, f"the arguments of a call must be a JSON object: {error}") from None
    return text


def _refuse_unpaired(messages: tuple[Message, ...]) -> None:
    """Raises: Fault unless each call has one result, before anything else is said."""
    open_ids: dict[str, str] = {}
    for at, each in enumerate(messages):
        if each.role == "tool":
            if open_ids.pop(each.tool_call_id, None) is None:
                raise refused(
                    f"messages[{at}].tool_call_id",
                    "a tool's message must answer a call of the assistant's turn before it, once",
                )
            continue
        _refuse_open(open_ids)
        for number, call in enumerate(each.tool_calls):
            open_ids[call.id] = f"messages[{at}].tool_calls[{number}].id"
    _refuse_open(open_ids)


def _refuse_open(open_ids: Mapping[str, str]) -> None:
    for param in open_ids.values():
        raise refused(param, "a call must be answered by a tool's message that follows its turn")
