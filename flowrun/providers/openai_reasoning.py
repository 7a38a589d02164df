"""The `reasoning_details` of a reply, kept as blocks and sent back as they came.

Those of a whole reply are whole. In a stream a text or a summary comes bit by bit: pieces of one
kind and one index are one, and its signature, which may come last, ends it. What is encrypted
comes whole and is never joined.
Source: openrouter.ai/docs, Reasoning Tokens, Preserving reasoning blocks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field

from flowrun.chat.messages import Block, Message
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError
from flowrun.providers.reading import without_halves

_SPOKEN: Mapping[str, str] = {"reasoning.text": "text", "reasoning.summary": "summary"}


@dataclass(slots=True)
class _Detail:
    """One of them as far as it has come; `told` are the bits of what it says."""

    held: dict[str, JsonValue]
    told: list[str] = field(default_factory=list)


class ReasoningDetails:
    """Collects those of one reply; true if there are any. `by` marks their blocks."""

    def __init__(self, by: str) -> None:
        self._by = by
        self._found: list[_Detail] = []
        self._at: dict[tuple[str, int], _Detail] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def feed(self, items: object, *, is_whole: bool) -> None:
        """Takes in the `reasoning_details` of a message or of a delta."""
        for item in items if isinstance(items, list) else []:
            if not isinstance(item, dict):
                continue
            place = _place(item)
            begun = None if is_whole else self._begun(place)
            if begun is None or not _goes_on(begun.held, item):
                begun = _Detail({})
                self._found.append(begun)
            if place is not None:
                self._at[place] = begun
            _add(begun, item)

    def blocks(self) -> tuple[Block, ...]:
        """All of them, in their order. Raises: ProviderError for what is no plain data."""
        return tuple({"by": self._by, "block": _whole(each)} for each in self._found)

    def _begun(self, place: tuple[str, int] | None) -> _Detail | None:
        """The one that a piece may go on with; without an index that is the last."""
        if place is not None:
            return self._at.get(place)
        return self._found[-1] if self._found else None


def details_of(message: Message, by: str) -> list[JsonValue]:
    """What goes back with an assistant's turn: the blocks with that mark."""
    return [each["block"] for each in message.blocks if each.get("by") == by and "block" in each]


def _place(item: Mapping[str, JsonValue]) -> tuple[str, int] | None:
    index = item.get("index")
    return (str(item.get("type")), index) if isinstance(index, int) else None


def _goes_on(held: Mapping[str, JsonValue], item: Mapping[str, JsonValue]) -> bool:
    kind = held.get("type")
    if str(kind) not in _SPOKEN or item.get("type") != kind or held.get("signature"):
        return False
    own, other = held.get("id"), item.get("id")
    return not own or not other or own == other


def _add(detail: _Detail, item: Mapping[str, JsonValue]) -> None:
    said = _SPOKEN.get(str(item.get("type")))
    for name, value in item.items():
        if name == said and isinstance(value, str):
            detail.told.append(value)
            detail.held.setdefault(name, "")
        elif detail.held.get(name) is None:
            detail.held[name] = value


def _whole(detail: _Detail) -> JsonValue:
    if detail.told:
        detail.held[_SPOKEN[str(detail.held["type"])]] = "".join(detail.told)
    try:
        text = json.dumps(detail.held, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise ProviderError("sent reasoning that cannot be sent back") from None
    if text.isascii():
        return detail.held
    whole: JsonValue = json.loads(without_halves(text))
    return whole
