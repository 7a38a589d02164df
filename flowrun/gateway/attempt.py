"""One candidate's try at a completion: what was sent, what came, and what it is charged for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Literal, TypeAlias

from flowrun.chat.messages import ChatReply, Delta, fold
from flowrun.chat.usage import Usage, cost
from flowrun.errors import Unavailable, Unsupported
from flowrun.gateway.base import Charge
from flowrun.gateway.candidates import Candidate
from flowrun.gateway.metering import charge_units, estimate, tokens_of
from flowrun.gateway.till import Bill
from flowrun.serving import CreditSettings

Outcome: TypeAlias = Literal["done", "cut", "gone"]

HUNG_UP = "the caller hung up"
"""Why a call is cancelled whose prompt is paid for all the same: its caller wished so."""

HINTS = frozenset(
    {
        *("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"),
        *("logit_bias", "reasoning_effort", "verbosity", "parallel_tool_calls", "service_tier"),
        "user",
    }
)
"""What only nudges an answer: where a dialect refuses it, the answer is given without."""


class Attempt:
    """A request to one candidate, under its bill; ended by `settle` or `release`, once.

    `usage` and `units` are what is known of its price, at the end of it all.
    """

    def __init__(self, candidate: Candidate, bill: Bill, settings: CreditSettings) -> None:
        self.candidate = candidate
        self.request = candidate.request
        self.usage: Usage | None = None
        self.units: int | None = None
        self._bill = bill
        self._settings = settings
        self._dropped: list[str] = list(candidate.ignored)
        self._deltas: AsyncIterator[Delta] | None = None
        self._characters = 0
        self._has_image = False
        self._has_ended = False
        self._is_over = False

    @property
    def dropped(self) -> tuple[str, ...]:
        """What was said and not sent."""
        return tuple(self._dropped)

    async def send(self) -> ChatReply:
        """The whole reply. Raises: ProviderError."""
        while True:
            try:
                reply = await self._sent()
            except Unsupported as error:
                self._drop(error)
                continue
            self.usage = reply.usage
            said = (reply.text, reply.refusal, reply.reasoning)
            self._characters = sum(map(len, said)) + sum(
                len(each.name) + len(each.arguments) for each in reply.tool_calls
            )
            self._has_image, self._has_ended = bool(reply.images), True
            return reply

    async def first(self) -> list[Delta]:
        """The first deltas of the reply, up to one that has content; all, if none has.

        Raises: ProviderError, also where the stream ends before the reply has.
        """
        while True:
            deltas = self._deltas = self.candidate.provider.stream(self.request)
            found: list[Delta] = []
            try:
                async for delta in deltas:
                    found.append(delta)
                    if delta.has_content:
                        return found
            except Unsupported as error:
                self._drop(error)
                continue
            except BaseException:
                for each in found:  # which nobody else will hear of
                    self.note(each)
                raise
            if any(each.finish_reason for each in found):
                return found
            raise Unavailable(f"{self.candidate.label} ended its reply before it had begun")

    def rest(self) -> AsyncIterator[Delta]:
        """What follows those, as the provider gives it."""
        assert self._deltas is not None, "`first` goes before"
        return self._deltas

    def note(self, delta: Delta) -> None:
        """Counts what a delta brings."""
        self._characters += len(delta.text) + len(delta.reasoning) + len(delta.refusal)
        for piece in delta.tool_calls:
            self._characters += len(piece.name) + len(piece.arguments)
        if delta.images:
            self._has_image = True
        if delta.usage is not None:
            self.usage = delta.usage
        if delta.finish_reason is not None:
            self._has_ended = True

    async def settle(self, outcome: Outcome) -> None:
        """Charges for what came; what the provider did not tell is estimated."""
        if self._is_over:
            return
        self._is_over = True
        usage = self.usage
        is_estimate = not self._has_ended or _is_hollow(usage, self._characters)
        if is_estimate:
            usage = self.usage = _guessed(usage, estimate(self.request, self._characters))
        if not self._bill.is_paid or usage is None:
            return
        candidate = self.candidate
        # A pipeline costs what its calls do, whichever of them drew something.
        images = int(self._has_image and candidate.endpoint is not None)
        units = charge_units(
            usage,
            candidate.price,
            self._settings,
            images=images,
            has_own_key=candidate.has_own_key,
        )
        self.units = units or 0
        await self._bill.settle(
            Charge(
                self.units,
                candidate.label,
                outcome,
                tokens_of(usage),
                images,
                cost(usage, candidate.price),
                candidate.has_own_key,
                is_estimate,
            )
        )

    async def fail(self) -> None:
        """Charges nothing, but what a pipeline had spent before it failed."""
        if self.candidate.endpoint is None and self.usage is not None:
            await self.settle("cut")
        else:
            await self.release()

    async def release(self) -> None:
        """Charges nothing."""
        if not self._is_over:
            self._is_over = True
            await self._bill.release()

    async def aclose(self) -> None:
        """Ends what is still asked for."""
        if isinstance(self._deltas, AsyncGenerator):
            await self._deltas.aclose()

    async def _sent(self) -> ChatReply:
        """The reply; a pipeline tells on the way what it has spent, should it come to nothing."""
        if self.candidate.endpoint is not None:
            return await self.candidate.provider.send(self.request)
        deltas = self._deltas = self.candidate.provider.stream(self.request)
        found: list[Delta] = []
        try:
            async for delta in deltas:
                self.note(delta)
                found.append(delta)
        finally:
            await self.aclose()
        return fold(found)

    def _drop(self, error: Unsupported) -> None:
        """Leaves out the hint that was refused. Raises: the error, where it is none."""
        param = error.param or ""
        if error.status is not None or param not in HINTS:
            raise error
        if param == "parallel_tool_calls" and self.request.parallel_tool_calls is not None:
            self.request = replace(self.request, parallel_tool_calls=None)
        elif param in self.request.options:
            options = {key: each for key, each in self.request.options.items() if key != param}
            self.request = replace(self.request, options=options)
        else:
            raise error
        self._dropped.append(param)


def _is_hollow(told: Usage | None, characters: int) -> bool:
    """Whether a use cannot be true: none at all of a prompt, or of an answer that is there."""
    if told is None:
        return True
    is_silent = characters > 0 and not told.output_tokens
    return told.cost_usd is None and (is_silent or not told.prompt_tokens)


def _guessed(told: Usage | None, guess: Usage) -> Usage:
    """A use that is told in part: of what is missing, or told to its beginning only, the guess."""
    if told is None:
        return guess
    fresh = told.input_tokens if told.prompt_tokens else guess.input_tokens
    output = max(told.output_tokens, guess.output_tokens)
    return replace(told, input_tokens=fresh, output_tokens=output)
