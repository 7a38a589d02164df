"""One content block of a reply in Anthropic's protocol, from its start to its end.

Text and thoughts are told as they come. A call is told when it is whole: a reply that is sent at
once holds its arguments as data, a streamed one as text, and only then are they spelled alike.
Source: platform.claude.com/docs, Streaming messages, Extended thinking.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flowrun.chat.messages import Block, Delta, ToolCallPiece
from flowrun.digest import JsonValue, is_crowded
from flowrun.providers.anthropic_messages import NAME
from flowrun.providers.anthropic_tools import ANSWER
from flowrun.providers.reading import mapping_of, text_of, without_halves


class OpenBlock:
    """A block as far as it has come; `calls` is how many calls stand before it in the reply."""

    def __init__(self, start: object, calls: int) -> None:
        self._start = mapping_of(start)
        self._calls = calls
        self._kind = text_of(self._start.get("type"))
        self._signature = text_of(self._start.get("signature"))
        self._told: list[str] = []
        self._json: list[str] = []
        self._half = ""

    @property
    def is_call(self) -> bool:
        """Whether it calls a tool that is one."""
        return self._kind == "tool_use" and self._start.get("name") != ANSWER

    def begin(self) -> Iterator[Delta]:
        """What it starts with: all of it, if it was sent at once."""
        if self._kind in ("text", "thinking"):
            yield from self._tell(text_of(self._start.get(self._kind)))

    def add(self, delta: object) -> Iterator[Delta]:
        """What a piece of it says; kinds that are not known say nothing."""
        piece = mapping_of(delta)
        match piece.get("type"):
            case "text_delta":
                yield from self._tell(text_of(piece.get("text")))
            case "thinking_delta":
                yield from self._tell(text_of(piece.get("thinking")))
            case "input_json_delta":
                self._json.append(text_of(piece.get("partial_json")))
            case "signature_delta":
                self._signature = text_of(piece.get("signature"))

    def end(self) -> Iterator[Delta]:
        """What can be told only now that it is whole."""
        if self.is_call:
            yield Delta(tool_calls=(self._call(),))
        elif self._kind == "tool_use":
            self._told.append(self._arguments())
            yield Delta(text=self._told[-1])
        else:
            yield from self._tell("", is_last=True)

    def note(self) -> Block | None:
        """Where it stood, or, if only the provider understands it, all of it.

        None for a thought without its signature, as in a reply that was cut: none takes it back.
        """
        match self._kind:
            case "text":
                return {"by": NAME, "text": self._length}
            case "tool_use":
                place: Block = {"call": self._calls} if self.is_call else {"text": self._length}
                return {"by": NAME, **place}
            case "thinking" if not self._signature:
                return None
            case "thinking":
                thought = {"thinking": "".join(self._told), "signature": self._signature}
                return {"by": NAME, "block": {**self._start, **thought}}
            case _:
                given: Block = {"input": _data("".join(self._json))} if self._json else {}
                return {"by": NAME, "block": {**self._start, **given}}

    @property
    def _length(self) -> int:
        return sum(map(len, self._told))

    def _tell(self, text: str, *, is_last: bool = False) -> Iterator[Delta]:
        """A piece of text or of thought; half a character at its end waits for the other."""
        text, self._half = self._half + text, ""
        if not is_last and text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        text = without_halves(text)
        if text:
            self._told.append(text)
            yield Delta(reasoning=text) if self._kind == "thinking" else Delta(text=text)

    def _call(self) -> ToolCallPiece:
        identity = without_halves(text_of(self._start.get("id")))
        name = without_halves(text_of(self._start.get("name")))
        return ToolCallPiece(
            self._calls, identity or f"call_{self._calls + 1}", name, self._arguments()
        )

    def _arguments(self) -> str:
        """As JSON text; as it came where it is none, as in a reply that was cut."""
        text = "".join(self._json)
        if not text.strip():
            return _spelled(self._start.get("input") or {})
        data = _data(text)
        return without_halves(text) if data is None else _spelled(data)


def _spelled(data: JsonValue) -> str:
    return without_halves(json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def _data(text: str) -> JsonValue:
    """The value that the text is the JSON of, None if of none."""
    try:
        found: JsonValue = None if is_crowded(text) else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
