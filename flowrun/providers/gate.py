"""How many requests may be in flight to an endpoint, first come first served, and since when.

The limit starts where it is configured. A 429 halves it, and so do 5xx when they prevail, at
most once for the calls that were in flight together. While nothing fails it grows again, by
one, two, four, ... for each round of answers. `retry-after` holds back everybody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import random

from flowrun.errors import Unavailable
from flowrun.providers.health import Clock
from flowrun.providers.wording import seconds

LONGEST_WAIT_S = 600.0
_SPREAD_S = 1.0
_SPREAD_S_FOR_EACH = 0.01


class Gate:
    """Slots for one endpoint, which `name` tells; `enter` and `leave` go in pairs.

    Nobody waits longer than `patience_s`: not in line, and not for `retry-after` to pass.
    """

    def __init__(
        self,
        limit: int,
        *,
        name: str = "the provider",
        patience_s: float = LONGEST_WAIT_S,
        clock: Clock | None = None,
        dice: Callable[[], float] = random,
    ) -> None:
        self.limit = limit
        self._name = name
        self._patience_s = patience_s
        self.in_flight = 0
        self._most = limit
        self._clock = clock or Clock()
        self._dice = dice
        self._queue: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._growth = 1
        self._answers = 0
        self._faults = 0
        self._not_before = 0.0
        self._pause_s = 0.0

    async def enter(self) -> int:
        """Waits for a slot, and until the endpoint may be asked; gives the round it is in.

        Raises: Unavailable if that would take longer than there is patience for.
        """
        if self.in_flight < self.limit and not self._queue:
            self.in_flight += 1
        else:
            await self._wait_patiently()
        if self._not_before:
            try:
                await self._hold_back()
            except BaseException:
                self.leave()
                raise
        return self._round

    def leave(self) -> None:
        """Gives the slot back, to the one who waits longest."""
        self.in_flight -= 1
        self._wake()

    def answered(self) -> None:
        """A call was answered: after a round of these the limit grows."""
        if self.limit == self._most and not self._faults:
            return
        self._answers += 1
        if self._answers >= self.limit:
            self.limit = min(self._most, self.limit + self._growth)
            self._growth *= 2
            self._answers = self._faults = 0
            self._wake()

    def overloaded(self, error: Unavailable, entered: int) -> None:
        """A call that entered in that round was told that it is too much."""
        if error.retry_after_s:
            self._not_before = max(self._not_before, self._clock.now() + error.retry_after_s)
            self._pause_s = error.retry_after_s
        if entered != self._round:
            return
        self._faults += 1
        if error.status == 429 or self._faults * 2 > self.limit:
            self.limit = max(1, self.limit // 2)
            self._round += 1
            self._growth = 1
            self._answers = self._faults = 0

    async def _wait_patiently(self) -> None:
        if self._patience_s >= LONGEST_WAIT_S:  # a run's own limit: it waits for itself
            await self._wait_in_line()
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._wait_in_line()
        except TimeoutError:
            said = f"{self.in_flight} requests are under way, as many as it may have at once"
            raise Unavailable(
                said, status=429, retry_after_s=self._patience_s, is_unsent=True
            ) from None

    async def _wait_in_line(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._wake()
            else:
                self.leave()  # the slot was granted in the same moment
            raise

    def _wake(self) -> None:
        while self._queue and (self._queue[0].done() or self.in_flight < self.limit):
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self.in_flight += 1

    async def _hold_back(self) -> None:
        while (wait_s := self._not_before - self._clock.now()) > 0:
            if wait_s > self._patience_s:
                said = f"{self._name} asked for a pause of {seconds(self._pause_s)}: slow down"
                raise Unavailable(said, status=429, retry_after_s=wait_s, is_unsent=True)
            spread_s = min(_SPREAD_S, _SPREAD_S_FOR_EACH * self.in_flight)
            await self._clock.sleep(wait_s + spread_s * self._dice())
        self._not_before = 0.0
