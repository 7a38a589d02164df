"""Replies as the store keeps them: JSON, with pictures as blobs by digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from flowrun.chat.images import Image
from flowrun.chat.messages import Block, ChatReply, FinishReason, ToolCall
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue


def to_kept(reply: ChatReply) -> tuple[dict[str, JsonValue], dict[str, bytes]]:
    """The reply as JSON, and the blobs that it names."""
    answer: dict[str, JsonValue] = {
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "model": reply.model,
        "usage": None if reply.usage is None else reply.usage.as_json(),
        "images": [{"sha256": image.sha256, "text": image.text} for image in reply.images],
        "id": reply.id,
    }
    if reply.reasoning:
        answer["reasoning"] = reply.reasoning
    if reply.tool_calls:
        answer["tool_calls"] = [
            {"id": each.id, "name": each.name, "arguments": each.arguments}
            for each in reply.tool_calls
        ]
    if reply.blocks:
        answer["blocks"] = list(reply.blocks)
    return answer, {image.sha256: image.data for image in reply.images}


def from_kept(
    answer: Mapping[str, JsonValue], blob: Callable[[str], bytes | None]
) -> ChatReply | None:
    """The reply that `to_kept` wrote; None if a picture of it is gone or it is of another form."""
    text, usage = answer.get("text"), answer.get("usage")
    finish = next(
        (each for each in get_args(FinishReason) if each == answer.get("finish_reason")), None
    )
    images, calls = _images(answer.get("images"), blob), _calls(answer.get("tool_calls"))
    if not isinstance(text, str) or finish is None or images is None or calls is None:
        return None
    try:
        counted = Usage.from_json(usage) if isinstance(usage, Mapping) else None
    except ArithmeticError:
        return None
    return ChatReply(
        text=text,
        finish_reason=finish,
        model=str(answer.get("model", "")),
        usage=counted,
        images=images,
        reasoning=str(answer.get("reasoning", "")),
        id=str(answer.get("id", "")),
        tool_calls=calls,
        blocks=_blocks(answer.get("blocks")),
    )


def _blocks(value: JsonValue) -> tuple[Block, ...]:
    return tuple(each for each in _list(value) if isinstance(each, Mapping))


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _calls(value: JsonValue) -> tuple[ToolCall, ...] | None:
    found: list[ToolCall] = []
    for each in _list(value):
        match each:
            case {"id": str(id), "name": str(name), "arguments": str(arguments)}:
                found.append(ToolCall(id, name, arguments))
            case _:
                return None
    return tuple(found)


def _images(value: JsonValue, blob: Callable[[str], bytes | None]) -> tuple[Image, ...] | None:
    found: list[Image] = []
    for each in _list(value):
        image = each if isinstance(each, Mapping) else {}
        data = blob(str(image.get("sha256")))
        if data is None:
            return None
        try:
            found.append(Image.from_bytes(data, text=str(image.get("text", ""))))
        except ValueError:
            return None
    return tuple(found)
