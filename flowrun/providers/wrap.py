"""Providers round providers: Limited, Retrying, Fallback.

    Fallback( Retrying( Limited( a provider ) ), Retrying( Limited( another ) ) )

Limited and what it knows of an endpoint is shared by all who ask it in a run; Retrying and
Fallback belong to one step. A stream that breaks begins again with `Delta(restart=True)`, or,
where nobody could take back what has been passed on, not at all: see `restarts`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import random

from flowrun.chat.messages import ChatReply, ChatRequest, Delta
from flowrun.dataclass import dataclass
from flowrun.errors import ProviderError, Unavailable, Unsupported
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
    Without `restarts` a stream that breaks after content raises its error; the pieces before any
    content are held back until there is some, and dropped if there is none.
    `on_retry` is told the reason, the delay in seconds, and the number of the next attempt.
    """

    def __init__(  # noqa: PLR0913 - two of them stand for the world, in tests
        self,
        provider: Provider,
        backoff: Backoff | None = None,
        *,
        health: Health | None = None,
        restarts: bool = True,
        on_retry: Callable[[str, float, int], None] = lambda *_: None,
        clock: Clock | None = None,
        dice: Callable[[], float] = random,
    ) -> None:
        self._provider = provider
        self._backoff = backoff or Backoff()
        self._health = health or Health()
        self._restarts = restarts
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
                async with _opened(self._provider, request, whole=not self._restarts) as deltas:
                    async for delta in deltas:
                        has_begun = True
                        yield delta
                return
            except Unavailable as error:
                if has_begun and not self._restarts:
                    raise
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


class Fallback:
    """Asks the next model when one is not available, or cannot take the request.

    `choices` are providers, each with the name that its endpoint uses for the model; the
    reply's `model` tells who answered. `restarts` is as in Retrying.
    """

    def __init__(self, choices: Sequence[tuple[Provider, str]], *, restarts: bool = True) -> None:
        self._choices = tuple(choices)
        self._restarts = restarts

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply of the first that answers."""
        failures: list[ProviderError] = []
        for provider, model in self._choices:
            try:
                return await provider.send(replace(request, model=model))
            except (Unavailable, Unsupported) as error:
                failures.append(error)
        raise _all_of(failures)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces; what came from one that broke off is revoked by a restart."""
        failures: list[ProviderError] = []
        has_begun = False
        for provider, model in self._choices:
            if has_begun:
                yield Delta(restart=True)
            try:
                asked = replace(request, model=model)
                async with _opened(provider, asked, whole=not self._restarts) as deltas:
                    async for delta in deltas:
                        has_begun = True
                        yield delta
                return
            except (Unavailable, Unsupported) as error:
                if has_begun and not self._restarts:
                    raise
                failures.append(error)
        raise _all_of(failures)

    async def aclose(self) -> None:
        """Closes the providers inside."""
        for provider, _ in self._choices:
            await provider.aclose()


def _all_of(failures: Sequence[ProviderError]) -> ProviderError:
    """The failures as one: Unavailable if asking again may help with any of them."""
    if len(failures) == 1:
        return failures[0]
    said = "no model answered: " + "; ".join(str(each) for each in failures)
    passing = [each for each in failures if isinstance(each, Unavailable)]
    if not passing:
        return Unsupported(said, status=failures[-1].status)
    return Unavailable(said, status=passing[-1].status)


@asynccontextmanager
async def _opened(
    provider: Provider, request: ChatRequest, *, whole: bool = False
) -> AsyncIterator[AsyncIterator[Delta]]:
    """A provider's stream, closed at the end whatever happens.

    `whole`: what comes before any content comes with it, or at the good end.
    """
    deltas = provider.stream(request)
    shown = _from_content(deltas) if whole else deltas
    try:
        yield shown
    finally:
        for each in (shown, deltas):
            if isinstance(each, AsyncGenerator):
                await each.aclose()


async def _from_content(deltas: AsyncIterator[Delta]) -> AsyncGenerator[Delta, None]:
    """The deltas, the first ones held back until there is content among them."""
    held: list[Delta] | None = []
    async for delta in deltas:
        if held is None:
            yield delta
            continue
        held.append(delta)
        if has_content(delta):
            for each in held:
                yield each
            held = None
    for each in held or ():
        yield each


def has_content(delta: Delta) -> bool:
    """Whether it brings something of the answer, and not only what the answer is called."""
    return bool(delta.text or delta.refusal or delta.reasoning or delta.images or delta.tool_calls)
