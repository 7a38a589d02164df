"""The events of one reply in Anthropic's protocol as deltas; a whole reply is read block by block.

    message_start           model, id, and the usage of the input
    content_block_start ┐
    content_block_delta │   text, thoughts and calls
    content_block_stop  ┘
    message_delta           why it ends, the usage so far, and the blocks that go back
    message_stop            nothing follows

Whatever else there is, `ping` and kinds that are yet to come, says nothing.
Source: platform.claude.com/docs, Streaming messages, Handling stop reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flowrun.chat.messages import Block, Delta, FinishReason
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.anthropic_blocks import OpenBlock
from flowrun.providers.anthropic_errors import error_of_body
from flowrun.providers.anthropic_usage import UsageSoFar
from flowrun.providers.reading import (
    event_of,
    items_of,
    mapping_of,
    text_of,
    without_halves,
)
from flowrun.providers.wording import brief

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class EventDecoder:
    """Reads the events of one reply, or a whole one; `mask` as in AnthropicDialect."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self.closed = False
        self._reason: FinishReason | None = None
        self._open: dict[int, OpenBlock] = {}
        self._notes: list[Block] = []
        self._calls = 0
        self._usage = UsageSoFar()

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end."""
        return self._reason is not None or self.closed

    def feed(self, data: str) -> list[Delta]:
        """What one event says. Raises: ProviderError if it reports an error."""
        text = data.strip()
        if not text or self.closed:
            return []
        if text.startswith("[DONE]"):
            self.closed = True
            return []
        event = event_of(text, mask=self._mask)
        self._refuse_error(event)
        return list(self._read(event))

    def finish(self) -> list[Delta]:
        """What is left at the end: nothing. Raises: Unavailable if the stream was cut."""
        if self._reason is not None:
            return []
        if not (self.closed and self._notes):
            raise Unavailable("cut the stream before the reply was complete")
        return list(self._end("end_turn", {}))

    def read_whole(self, message: Mapping[str, object]) -> list[Delta]:
        """What a whole reply says. Raises: ProviderError if it is an error instead."""
        self._refuse_error(message)
        found = list(self._begin(message))
        for index, block in enumerate(items_of(message.get("content"))):
            found += self._start(index, block)
            found += self._stop(index)
        found += self._end(text_of(message.get("stop_reason")) or "end_turn", message)
        return found

    def _refuse_error(self, data: Mapping[str, object]) -> None:
        if (error := error_of_body(data, mask=self._mask)) is not None:
            raise error

    def _read(self, event: Mapping[str, object]) -> Iterator[Delta]:
        index = event.get("index")
        place = index if isinstance(index, int) else -1
        match event.get("type"):
            case "message_start":
                yield from self._begin(mapping_of(event.get("message")))
            case "content_block_start":
                yield from self._start(place, event.get("content_block"))
            case "content_block_delta" if place in self._open:
                yield from self._open[place].add(event.get("delta"))
            case "content_block_stop" if place in self._open:
                yield from self._stop(place)
            case "message_delta":
                self._usage.hear(event.get("usage"))
                delta = mapping_of(event.get("delta"))
                if reason := text_of(delta.get("stop_reason")):
                    yield from self._end(reason, delta)
            case "message_stop":
                self.closed = True

    def _begin(self, message: Mapping[str, object]) -> Iterator[Delta]:
        self._usage.hear(message.get("usage"))
        delta = Delta(
            usage=self._usage.so_far(),
            model=without_halves(text_of(message.get("model"))),
            id=without_halves(text_of(message.get("id"))),
        )
        if delta != Delta():
            yield delta

    def _start(self, place: int, block: object) -> Iterator[Delta]:
        opened = self._open[place] = OpenBlock(block, self._calls)
        self._calls += opened.is_call
        yield from opened.begin()

    def _stop(self, place: int) -> Iterator[Delta]:
        block = self._open.pop(place)
        yield from block.end()
        if (note := block.note()) is not None:
            self._notes.append(note)

    def _end(self, reason: str, told: Mapping[str, object]) -> Iterator[Delta]:
        """The end of the reply. Raises: ProviderError for an end that no reply has."""
        for place in list(self._open):
            yield from self._stop(place)
        known = _FINISH.get(reason)
        if reason == "pause_turn":
            raise ProviderError("paused its turn, which only tools of its own make it do")
        if known is None:
            said = brief(reason, mask=self._mask)
            raise ProviderError(f'ended its reply for an unknown reason: "{said}"')
        if known in ("stop", "tool_calls"):
            # An answer in JSON may be a call there, and is none here.
            known = "tool_calls" if self._calls else "stop"
        self._reason = known
        details = mapping_of(told.get("stop_details"))
        is_carried = any("block" in each for each in self._notes)
        yield Delta(
            refusal=text_of(details.get("explanation")) if reason == "refusal" else "",
            finish_reason=known,
            usage=self._usage.so_far(),
            blocks=tuple(self._notes) if is_carried else (),
        )
