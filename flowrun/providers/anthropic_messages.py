"""Messages as turns of Anthropic's protocol: a user's and the assistant's, each a list of blocks.

    system ..................  one text beside the turns
    user, tool, tool, user ..  one user's turn: results first, as the API wants it, then the rest
    assistant ...............  what it thought, said and called, in the order in which it did

An empty text is no block there, so that a turn of nothing else is left out.
Source: platform.claude.com/docs, Messages, Tool use, Extended thinking.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, assert_never

from flowrun.chat.images import Image
from flowrun.chat.messages import ImageUrl, Message, Part, Text, ToolCall
from flowrun.digest import JsonValue, is_crowded
from flowrun.errors import Unsupported

NAME = "anthropic"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,(.+)", re.DOTALL)
_NOTHING = ("", "null")


class Turn(NamedTuple):
    """What one side says before the other does."""

    role: Literal["user", "assistant"]
    blocks: list[JsonValue]

    def as_json(self) -> dict[str, JsonValue]:
        """The wire's own object; of a user's blocks the results of tools come first."""
        first = sorted(self.blocks, key=lambda each: not _is_result(each))
        return {"role": self.role, "content": first if self.role == "user" else self.blocks}


def system_text(messages: Iterable[Message]) -> str:
    """What the system messages say, wherever they stand, line by line."""
    texts = ["".join(_texts(each.parts)) for each in messages if each.role == "system"]
    return "\n".join(text for text in texts if text.strip())


def wire_turns(messages: Iterable[Message]) -> list[JsonValue]:
    """The turns of a conversation. Raises: Unsupported if a user's does not come first."""
    turns: list[Turn] = []
    for each in messages:
        role: Literal["user", "assistant"]
        match each.role:
            case "system":
                continue
            case "assistant":
                role, blocks = "assistant", _said(each)
            case "user":
                role, blocks = "user", _blocks(each.parts)
            case "tool":
                role, blocks = "user", [_result(each)]
            case _ as never:
                assert_never(never)
        if blocks and turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
        elif blocks:
            turns.append(Turn(role, blocks))
    if not turns or turns[0].role != "user":
        raise _refused("the first message beside the system's must be a user's, and say something")
    return [each.as_json() for each in turns]


def _is_result(block: JsonValue) -> bool:
    return isinstance(block, Mapping) and block["type"] == "tool_result"


def _texts(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        if not isinstance(part, Text):
            raise _refused("a picture can stand in a user's message or a tool's result only")
        yield part.text


def _blocks(parts: Iterable[Part]) -> list[JsonValue]:
    """Parts as blocks; what stands side by side as text is one."""
    found: list[JsonValue] = []
    text = ""
    for part in parts:
        if isinstance(part, Text):
            text += part.text
            continue
        found += [*_text(text), _picture(part)]
        text = ""
    return [*found, *_text(text)]


def _text(text: str) -> list[JsonValue]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _picture(part: Image | ImageUrl) -> JsonValue:
    source: dict[str, JsonValue]
    if isinstance(part, Image):
        encoded = base64.b64encode(part.data).decode()
        source = {"type": "base64", "media_type": part.mime_type, "data": encoded}
    elif found := _DATA_URL.fullmatch(part.url):
        source = {"type": "base64", "media_type": found[1], "data": found[2]}
    elif part.url.startswith(("https://", "http://")):
        source = {"type": "url", "url": part.url}
    else:
        raise _refused("a picture must be a PNG, JPEG, GIF or WebP, or the address of one")
    return {"type": "image", "source": source}


def _result(message: Message) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        "type": "tool_result",
        "tool_use_id": _wire_id(message.tool_call_id),
    }
    if content := _blocks(message.parts):
        found["content"] = content
    return found


def _said(message: Message) -> list[JsonValue]:
    """An assistant's turn; its blocks of ours tell what stood between its texts and calls."""
    text, calls = "".join(_texts(message.parts)), [_call(each) for each in message.tool_calls]
    ours = [each for each in message.blocks if each.get("by") == NAME]
    lengths = [length for each in ours if isinstance(length := each.get("text"), int)]
    is_cut = sum(lengths) == len(text)
    found: list[JsonValue] = []
    called = 0
    for each in ours:
        match each:
            case {"text": int(length)}:
                # Text that is not what it was, as where a secret is masked, is not cut again.
                length = length if is_cut else len(text)
                found += _text(text[:length])
                text = text[length:]
            case {"call": int(index)}:
                found += calls[called : index + 1]
                called = max(called, index + 1)
            case {"block": Mapping() as block}:
                found.append(block)
            case _:
                pass
    return [*found, *_text(text), *calls[called:]]


def _call(call: ToolCall) -> JsonValue:
    return {
        "type": "tool_use",
        "id": _wire_id(call.id),
        "name": call.name,
        "input": _arguments(call),
    }


def _arguments(call: ToolCall) -> Mapping[str, JsonValue]:
    """What a call was made with; many models write nothing at all for a tool that takes nothing."""
    if call.arguments.strip() in _NOTHING:
        return {}
    try:
        found = None if is_crowded(call.arguments) else json.loads(call.arguments)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _refused(f'the arguments of a call of "{call.name}" are no JSON object')
    return found


def _wire_id(identity: str) -> str:
    """The id of a call, or, where another provider made it, one that is as good as it.

    Calls and results are told apart by it, so that equal ids stay equal, others different.
    """
    if _ID.fullmatch(identity):
        return identity
    unique = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{_STRANGE.sub('_', identity[:40])}_{unique}"


def _refused(why: str) -> Unsupported:
    return Unsupported(f"cannot take these messages: {why}", param="messages")
