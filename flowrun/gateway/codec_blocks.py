"""What a provider wants back as it came, carried by clients that know nothing of it.

It stands in the `reasoning_details` of a message, as OpenRouter has them: its own as they are, and
those of others sealed,

    {"type": "reasoning.encrypted", "format": "flowrun/1", "data": <base64 of JSON>, "index": 0}

Google's own clients carry the signature of a call on the call, so that it stands there too:

    {"id", "type", "function", "extra_content": {"google": {"thought_signature": "..."}}}

A client may make up what it likes: what comes back is plain data of a bounded depth, and only the
dialect that it names reads it.
Source: openrouter.ai/docs, Reasoning tokens; ai.google.dev, OpenAI compatibility, Thought
signatures.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping

from flowrun.chat.messages import Block
from flowrun.digest import JsonValue
from flowrun.gateway.codec_fields import list_of, object_of, refused, text_of
from flowrun.gateway.codec_json import object_in

SEAL = "flowrun/1"
MOST_BLOCKS = 2_000
"""How many of them one message may hold."""

_OPENROUTER = "openrouter"
_GEMINI = "gemini"
_GEMINI_THOUGHT = frozenset(("thought", "text", "thoughtSignature"))
_ANTHROPIC_THOUGHTS = ("thinking", "redacted_thinking")
_LONGEST_SIGNATURE = 2**20


def details_of(blocks: Iterable[Block], first: int = 0) -> list[JsonValue]:
    """The `reasoning_details` that carry them; `first` is the index of the first."""
    return [_detail(each, at) for at, each in enumerate(blocks, first)]


def _detail(block: Block, index: int) -> JsonValue:
    held = block.get("block")
    if block.get("by") == _OPENROUTER and isinstance(held, Mapping) and held.get("format") != SEAL:
        return held
    data = base64.b64encode(json.dumps(block, separators=(",", ":")).encode()).decode()
    return {"type": "reasoning.encrypted", "format": SEAL, "data": data, "index": index}


def signatures_of(blocks: Iterable[Block]) -> dict[int, JsonValue]:
    """For each call that Gemini signed, what it carries, by its place among the calls."""
    found: dict[int, JsonValue] = {}
    for each in blocks:
        match each:
            case {"by": "gemini", "call": int(place), "signature": str(signature)}:
                found[place] = {"google": {"thought_signature": signature}}
            case _:
                pass
    return found


def blocks_of(message: Mapping[str, JsonValue], param: str) -> tuple[Block, ...]:
    """The blocks that an assistant's message carries. Raises: Fault for what cannot be one."""
    said = message.get("reasoning_details")
    where = f"{param}.reasoning_details"
    rows = [] if said is None else list_of(said, where, most=MOST_BLOCKS)
    found = tuple(_block(each, f"{where}[{at}]") for at, each in enumerate(rows))
    if any(each["by"] == _GEMINI for each in found):
        return found
    calls = message.get("tool_calls")
    rows = calls if isinstance(calls, list) else []
    signed = (_signed(each, at, f"{param}.tool_calls[{at}]") for at, each in enumerate(rows))
    return (*found, *(each for each in signed if each is not None))


def _signed(call: JsonValue, place: int, param: str) -> Block | None:
    """The block of a call that carries its signature."""
    match call:
        case {"extra_content": {"google": {"thought_signature": signature}}}:
            pass
        case _:
            return None
    param = f"{param}.extra_content.google.thought_signature"
    text = text_of(signature, param, longest=_LONGEST_SIGNATURE)
    return {"by": _GEMINI, "call": place, "signature": text}


def _block(value: JsonValue, param: str) -> Block:
    detail = object_of(value, param)
    if detail.get("format") != SEAL:
        return {"by": _OPENROUTER, "block": detail}
    param = f"{param}.data"
    sealed = text_of(detail.get("data"), param)
    try:
        block = object_in(base64.b64decode(sealed, validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise refused(param, f"it is not as it was given out: {error}") from None
    if not isinstance(block.get("by"), str):
        raise refused(param, "it is not as it was given out: it does not say whose it is")
    if not _is_thought(block):
        raise refused(param, "it is not as it was given out: only thoughts go back like this")
    return block


def _is_thought(block: Block) -> bool:
    """Whether what goes back as it is may: no file or address, which cost beyond their size."""
    match block:
        case {"by": "anthropic", "block": held}:
            return isinstance(held, dict) and held.get("type") in _ANTHROPIC_THOUGHTS
        case {"by": "gemini", "block": held}:
            return isinstance(held, dict) and held.keys() <= _GEMINI_THOUGHT
        case _:
            return True
