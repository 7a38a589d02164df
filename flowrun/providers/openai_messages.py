"""Messages as OpenAI's wire has them, calls of tools and their results among them.

A tool's result is text there. Its images follow in a user's message after the last result, with
`[image 1]` where each of them stood.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import assert_never

from flowrun.chat.images import Image
from flowrun.chat.messages import ImageUrl, Message, Part, Text, ToolCall
from flowrun.digest import JsonValue
from flowrun.providers.openai_reasoning import details_of
from flowrun.providers.openai_tools import is_object


def wire_messages(messages: Iterable[Message], reasoning_by: str = "") -> list[JsonValue]:
    """The messages of a request, in order; with the reasoning that has that mark, if any."""
    found: list[JsonValue] = []
    shown: list[JsonValue] = []
    for each in messages:
        if each.role == "tool":
            found.append(_result(each, shown))
            continue
        if shown:
            found.append({"role": "user", "content": shown})
            shown = []
        turn = _calling(each) if each.tool_calls else _plain(each)
        if reasoning_by and (details := details_of(each, reasoning_by)):
            turn["reasoning_details"] = details
        found.append(turn)
    if shown:
        found.append({"role": "user", "content": shown})
    return found


def _plain(message: Message) -> dict[str, JsonValue]:
    return {"role": message.role, "content": _content(message)}


def _content(message: Message) -> JsonValue:
    if all(isinstance(part, Text) for part in message.parts):
        return "".join(part.text for part in message.parts if isinstance(part, Text))
    return [_part(part) for part in message.parts]


def _part(part: Part) -> dict[str, JsonValue]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case ImageUrl(url):
            return {"type": "image_url", "image_url": {"url": url}}
        case Image():
            encoded = base64.b64encode(part.data).decode()
            url = f"data:{part.mime_type};base64,{encoded}"
            return {"type": "image_url", "image_url": {"url": url}}
        case _ as never:
            assert_never(never)


def _calling(message: Message) -> dict[str, JsonValue]:
    """An assistant's turn that calls tools; without words its content is null, not empty."""
    calls: list[JsonValue] = [_call(each) for each in message.tool_calls]
    return {"role": message.role, "content": _content(message) or None, "tool_calls": calls}


def _call(call: ToolCall) -> dict[str, JsonValue]:
    # Many servers read the arguments again, and refuse a conversation where they are no object.
    arguments = call.arguments if is_object(call.arguments) else "{}"
    function: dict[str, JsonValue] = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _result(message: Message, shown: list[JsonValue]) -> dict[str, JsonValue]:
    """A tool's turn as text; its images are added to those that are yet to be shown."""
    texts: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        else:
            mark = f"[image {len(shown) // 2 + 1}]"
            texts.append(mark)
            shown += [_part(Text(mark)), _part(part)]
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": "".join(texts)}
