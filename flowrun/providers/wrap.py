"""Providers round providers: Limited and Retrying.

    Retrying( Limited( a provider ) )

Limited and what it knows of an endpoint is shared by all who ask it in a run; Retrying belongs
to one step. A stream that breaks begins again with `Delta(restart=True)`. Which model is asked
next is decided where each has its own key and price: `run.ask`, `gateway.service`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import random

from flowrun.chat.messages import ChatReply, ChatRequest, Delta
from flowrun.dataclass import dataclass
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.base import Provider
from flowrun.providers.gate import LONGEST_WAIT_S, Gate
from flowrun.providers.health import CircuitOpen, Clock, Health
from flowrun.providers.wording import seconds

_WIDEST_SPREAD_S = 4.0
_SPREAD_S_FOR_EACH = 0.02


class Limited:
    """Asks only while the endpoint's gate has a slot and its health allows for it."""

    def __init__(self, provider: Provider, gate: Gate, health: Health) -> None:
        self._provider = provider
        self._gate = gate
        self._health = health

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply."""
        entered = await self._gate.enter()
        try:
            await self._health.admit()
            reply = await self._provider.send(request)
        except ProviderError as error:
            self._note(error, entered)
            raise
        finally:
            self._gate.leave()
        self._note(None, entered)
        return reply

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces; the slot is held until the last one."""
        entered = await self._gate.enter()
        try:
            await self._health.admit()
            async with _opened(self._provider, request) as deltas:
                async for delta in deltas:
                    yield delta
        except ProviderError as error:
            self._note(error, entered)
            raise
        finally:
            self._gate.leave()
        self._note(None, entered)

    async def aclose(self) -> None:
        """Closes the provider inside."""
        await self._provider.aclose()

    def _note(self, error: ProviderError | None, entered: int) -> None:
        if isinstance(error, CircuitOpen):
            return
        if not isinstance(error, Unavailable):
            self._health.answered()
            self._gate.answered()
            return
        self._health.failed(error)
        if error.is_overload:
            self._gate.overloaded(error, entered)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and after how long is asked again: full jitter, at least `floor_s`."""

    retries: int = 4
    base_s: float = 0.5
    cap_s: float = 30.0
    floor_s: float = 0.05


class Retrying:
    """Asks again when a provider was not available, later each time.

    `retry-after` is the least that is waited. A wait of more than ten minutes is not waited
    at all. The more there are who wait, the wider they spread.
    `on_retry` is told the reason, the delay in seconds, and the number of the next attempt.
    """

    def __init__(
        self,
        provider: Provider,
        backoff: Backoff | None = None,
        *,
        health: Health | None = None,
        on_retry: Callable[[str, float, int], None] = lambda *_: None,
        clock: Clock | None = None,
        dice: Callable[[], float] = random,
    ) -> None:
        self._provider = provider
        self._backoff = backoff or Backoff()
        self._health = health or Health()
        self._on_retry = on_retry
        self._clock = clock or Clock()
        self._dice = dice

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply."""
        attempt = 1
        while True:
            try:
                return await self._provider.send(request)
            except Unavailable as error:
                failure = error
            await self._pause(failure, attempt)
            attempt += 1

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces; what came before a break is revoked by a restart."""
        attempt = 1
        while True:
            has_begun = False
            try:
                async with _opened(self._provider, request) as deltas:
                    async for delta in deltas:
                        has_begun = True
                        yield delta
                return
            except Unavailable as error:
                failure = error
            await self._pause(failure, attempt)
            attempt += 1
            if has_begun:
                yield Delta(restart=True)

    async def aclose(self) -> None:
        """Closes the provider inside."""
        await self._provider.aclose()

    async def _pause(self, error: Unavailable, attempt: int) -> None:
        """Waits before the next attempt. Raises: the error, if there is to be none."""
        wait_s = error.retry_after_s or 0.0
        if wait_s > LONGEST_WAIT_S:
            raise _much_later(error, wait_s) from error
        if attempt > self._backoff.retries or isinstance(error, CircuitOpen):
            raise error
        delay_s = wait_s + self._jitter(attempt, is_told=wait_s > 0)
        self._on_retry(str(error), delay_s, attempt + 1)
        self._health.waiting += 1
        try:
            await self._clock.sleep(delay_s)
        finally:
            self._health.waiting -= 1

    def _jitter(self, attempt: int, *, is_told: bool) -> float:
        backoff = self._backoff
        spread_s = backoff.base_s + _SPREAD_S_FOR_EACH * self._health.waiting
        # 2 ** 16 is far above any cap; a greater power would not fit a float in the end.
        longest_s = 0.0 if is_told else backoff.base_s * 2.0 ** min(attempt - 1, 16)
        longest_s = min(backoff.cap_s, max(longest_s, min(_WIDEST_SPREAD_S, spread_s)))
        least_s = min(backoff.floor_s, longest_s)
        return least_s + (longest_s - least_s) * self._dice()


def _much_later(error: Unavailable, wait_s: float) -> Unavailable:
    return Unavailable(
        f"{error}; it wants to be asked again in {seconds(wait_s)}",
        status=error.status,
        retry_after_s=error.retry_after_s,
        is_overload=error.is_overload,
    )


@asynccontextmanager
async def _opened(provider: Provider, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
    """A provider's stream, closed at the end whatever happens."""
    deltas = provider.stream(request)
    try:
        yield deltas
    finally:
        if isinstance(deltas, AsyncGenerator):
            await deltas.aclose()
