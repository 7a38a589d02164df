"""Messages as contents of Gemini's protocol: the user's and the model's, each a list of parts.

    system ............  one `systemInstruction` beside the contents
    tool, tool ........  one content: a response for each call, in the calls' order
    user ..............  one content after it
    assistant .........  what it thought, said, drew and called, in the order in which it did

The signatures of a reply go back on the parts that they came on. From the third generation on
the first call of each step needs one, so that a step which others wrote gets the word that
stands for none.
Source: ai.google.dev, Gemini API, Function calling, Thought signatures.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import Block, ImageUrl, Message, Part, Text, ToolCall
from flowrun.digest import JsonValue, is_crowded
from flowrun.errors import Unsupported
from flowrun.providers.gemini_models import Facts

NAME = "gemini"
UNSIGNED = "skip_thought_signature_validator"
"""Stands for a signature where another model made the call."""

_Wire: TypeAlias = dict[str, JsonValue]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_STRANGE = re.compile(r"[^A-Za-z0-9_]")
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,(.+)", re.DOTALL)
_FILE = re.compile(r"https://generativelanguage\.googleapis\.com/[a-z0-9]+/files/[a-z0-9-]+")
_NOTHING = ("", "null")


def wire_contents(messages: Iterable[Message], facts: Facts) -> list[JsonValue]:
    """The contents of a conversation.

    Raises: Unsupported if a user's does not come first, or a call and its result do not pair.
    """
    found: list[JsonValue] = []
    calls: tuple[ToolCall, ...] = ()
    turns = (each for each in messages if each.role != "system")
    for is_said, group in groupby(turns, key=lambda each: each.role == "assistant"):
        these = list(group)
        if is_said:
            calls = tuple(call for each in these for call in each.tool_calls)
            said = [part for each in these for part in _said(each)]
            found += _content("model", _signed_step(said) if facts.is_third else said)
            continue
        results = [each for each in these if each.role == "tool"]
        found += _content("user", _responses(calls, results, facts))
        asked = [part for each in these if each.role == "user" for part in each.parts]
        found += _content("user", _parts(asked))
        calls = ()
    if calls:
        raise _unanswered(calls[0])
    if not found or not isinstance(found[0], Mapping) or found[0]["role"] != "user":
        raise _refused("the first message beside the system's must be a user's, and say something")
    return found


def wire_name(name: str) -> str:
    """The name of a function, or, where others named it, one that is as good as it."""
    return name if is_name(name) else _fit(name)


def is_name(name: str) -> bool:
    """Whether a function may have that name."""
    return _NAME.fullmatch(name) is not None


def _content(role: str, parts: Sequence[JsonValue]) -> list[JsonValue]:
    return [{"role": role, "parts": parts}] if parts else []


def _parts(parts: Iterable[Part]) -> list[_Wire]:
    """Parts as the wire has them; what stands side by side as text is one."""
    found: list[_Wire] = []
    text = ""
    for part in parts:
        if isinstance(part, Text):
            text += part.text
            continue
        found += [*_text(text), _picture(part)]
        text = ""
    return [*found, *_text(text)]


def _text(text: str) -> list[_Wire]:
    return [{"text": text}] if text.strip() else []


def _picture(part: Image | ImageUrl) -> _Wire:
    if isinstance(part, Image):
        encoded = base64.b64encode(part.data).decode()
        return {"inlineData": {"mimeType": part.mime_type, "data": encoded}}
    if found := _DATA_URL.fullmatch(part.url):
        return {"inlineData": {"mimeType": found[1], "data": found[2]}}
    if _FILE.fullmatch(part.url):
        return {"fileData": {"fileUri": part.url}}
    raise _refused("a picture must come whole, or be a file that was uploaded there before")


def _responses(
    calls: Iterable[ToolCall], results: Iterable[Message], facts: Facts
) -> list[JsonValue]:
    """The responses to a step's calls, in their order, and the pictures beside them."""
    left = list(results)
    found: list[JsonValue] = []
    beside: list[_Wire] = []
    for call in calls:
        place = next((n for n, each in enumerate(left) if each.tool_call_id == call.id), None)
        if place is None:
            raise _unanswered(call)
        found.append(_response(call, left.pop(place), beside, facts))
    if left:
        raise _refused(f'the result "{left[0].tool_call_id}" is of no call right before it')
    return [*found, *beside]


def _response(call: ToolCall, message: Message, beside: list[_Wire], facts: Facts) -> JsonValue:
    """One result; a picture that cannot stand in it is added to those beside it, with a mark."""
    texts: list[str] = []
    within: list[JsonValue] = []
    for part in message.parts:
        if isinstance(part, Text):
            texts.append(part.text)
            continue
        picture = _picture(part)
        if facts.is_third and "inlineData" in picture:
            within.append(picture)
            continue
        texts.append(mark := f"[image {len(beside) // 2 + 1}]")
        beside += [{"text": mark}, picture]
    response: _Wire = {
        "id": _wire_id(call.id),
        "name": wire_name(call.name),
        "response": {"output": "".join(texts)},
        **({"parts": within} if within else {}),
    }
    return {"functionResponse": response}


def _said(message: Message) -> list[_Wire]:
    """An assistant's turn; its blocks of ours tell in which order, and what was signed."""
    calls = [_call(each) for each in message.tool_calls]
    ours = [each for each in message.blocks if each.get("by") == NAME]
    if not ours:
        return [*_parts(message.parts), *calls]
    text = "".join(each.text for each in message.parts if isinstance(each, Text))
    drawn = _Row([_picture(each) for each in message.parts if not isinstance(each, Text)])
    called = _Row(calls)
    lengths = [length for each in ours if isinstance(length := each.get("text"), int)]
    found: list[_Wire] = []
    if not lengths:
        found, text = _text(text), ""
    is_cut = sum(lengths) == len(text)
    for each in ours:
        match each:
            case {"text": int(length)}:
                # Text that is not what it was, as where a secret is masked, is not cut again.
                length = length if is_cut else len(text)
                found += _signed_text(text[:length], each)
                text = text[length:]
            case {"image": int(index)}:
                found += drawn.until(index, each)
            case {"call": int(index)}:
                found += called.until(index, each)
            case {"block": Mapping() as block}:
                found.append(dict(block))
            case _:
                pass
    return [*found, *_text(text), *drawn.rest(), *called.rest()]


class _Row:
    """Parts of one kind, which go back in their order."""

    def __init__(self, parts: list[_Wire]) -> None:
        self._parts = parts
        self._done = 0

    def until(self, index: int, note: Block) -> list[_Wire]:
        """Those up to that place; the one that stands there is signed as it was."""
        if not self._done <= index < len(self._parts):
            return []
        found = self._parts[self._done : index + 1]
        self._done = index + 1
        return [*found[:-1], _signed(found[-1], note)]

    def rest(self) -> list[_Wire]:
        """Those that no place was told of."""
        return self._parts[self._done :]


def _signed(part: _Wire, note: Block) -> _Wire:
    signature = note.get("signature")
    return {**part, "thoughtSignature": signature} if signature else part


def _signed_text(text: str, note: Block) -> list[_Wire]:
    """A signature may stand on a text that is empty."""
    return [_signed({"text": text}, note)] if note.get("signature") else _text(text)


def _signed_step(parts: list[_Wire]) -> list[_Wire]:
    """A step whose calls others made, with the word in place of a signature."""
    calls = [place for place, each in enumerate(parts) if "functionCall" in each]
    if not calls or any("thoughtSignature" in parts[place] for place in calls):
        return parts
    first = calls[0]
    return [*parts[:first], {**parts[first], "thoughtSignature": UNSIGNED}, *parts[first + 1 :]]


def _call(call: ToolCall) -> _Wire:
    said: _Wire = {"id": _wire_id(call.id), "name": wire_name(call.name), "args": _arguments(call)}
    return {"functionCall": said}


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
    """The id of a call, or, where others made it, one that is as good as it."""
    return identity if _ID.fullmatch(identity) else _fit(identity)


def _fit(word: str) -> str:
    """A word of plain characters for it: equal words stay equal, others different."""
    unique = hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()[:16]
    return f"_{_STRANGE.sub('_', word[:40])}_{unique}"


def _unanswered(call: ToolCall) -> Unsupported:
    return _refused(f'the call "{call.id}" of "{call.name}" has no result right after it')


def _refused(why: str) -> Unsupported:
    return Unsupported(f"cannot take these messages: {why}", param="messages")
