"""A streamed answer as the events that carry it, from its first content to its last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from flowrun.chat.messages import ChatReply, Delta, FinishReason, fold
from flowrun.errors import FlowrunError, Unavailable
from flowrun.gateway.attempt import Attempt, Outcome
from flowrun.gateway.codec import Writer
from flowrun.gateway.faults import Fault


class Streamed:
    """An answer whose first content is there; whoever has it closes it.

    `on_reply` is shown what of the whole reply has to be remembered: its calls and its blocks.
    `fault` makes an error what the caller is told; `failure` is the one that the answer broke
    off with.
    """

    def __init__(
        self,
        attempt: Attempt,
        first: Sequence[Delta],
        writer: Writer,
        *,
        on_reply: Callable[[ChatReply], None],
        fault: Callable[[FlowrunError], Fault],
    ) -> None:
        self.attempt = attempt
        self.failure: Fault | None = None
        self._first = first
        self._writer = writer
        self._on_reply = on_reply
        self._fault = fault
        self._finish: FinishReason | None = None
        self._kept: list[Delta] = []

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The events, the last one `[DONE]`; before that, the charge is written."""
        try:
            for delta in self._first:
                if data := self._heard(delta):
                    yield data
            async for delta in self.attempt.rest():
                if data := self._heard(delta):
                    yield data
            if self._finish is None:
                raise Unavailable(f"{self.attempt.candidate.label} did not finish its reply")
        except FlowrunError as error:
            self.failure = self._fault(error)
            await self.attempt.settle("cut")
            yield self._writer.failure(self.failure)
            return
        await self.attempt.settle("done")
        if self._kept:
            self._on_reply(fold([*self._kept, Delta(finish_reason=self._finish)]))
        yield self._writer.end(self._finish, self.attempt.usage)

    def broken(self, fault: Fault) -> bytes:
        """The events that end an answer which nobody may finish."""
        self.failure = fault
        return self._writer.failure(fault)

    async def aclose(self, outcome: Outcome = "gone") -> None:
        """Ends the upstream call, and charges for what came of it."""
        try:
            await self.attempt.aclose()
        finally:
            await self.attempt.settle(outcome)

    def _heard(self, delta: Delta) -> bytes:
        self.attempt.note(delta)
        if delta.finish_reason is not None:
            self._finish = delta.finish_reason
        if delta.tool_calls or delta.blocks:
            self._kept.append(delta)
        return self._writer.chunk(delta)
