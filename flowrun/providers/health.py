"""How an endpoint fares during a run, shared by all who ask it: may it be asked (again)?

A dead provider is not hammered: every failure takes a token, every answer gives some back,
and when none is left the circuit opens. While it is open one call every ten seconds goes
through as a probe and the others wait; an answer closes it at once. If nothing has come back
within a minute, then whoever asks is told so without asking.

    closed --no token left--> open --a probe is answered--> closed
                               |  patience is over: calls fail at once, but for the probes
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from flowrun.dataclass import dataclass
from flowrun.errors import Unavailable
from flowrun.providers.wording import seconds

_FEWEST_TOKENS = 12.0
_TOKENS_FOR_EACH_IN_FLIGHT = 1.5  # so that the circuit opens before anybody gives up
_FOR_AN_ANSWER = 2.0
_FOR_A_FAULT = 1.0
_FOR_A_429 = 0.25  # whoever says "too many" is alive
_PROBE_EVERY_S = 10.0
LONGEST_PATIENCE_S = 60.0
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the wrappers know it: `now` in seconds of any origin, and a way to wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class CircuitOpen(Unavailable):
    """The endpoint was not asked, for it is known to be dead: not to be retried."""


class Health:
    """Tokens and circuit of one endpoint; `waiting` counts those who wait to ask again.

    Once the circuit has been open for `patience_s`, nobody waits any more.
    """

    def __init__(
        self,
        *,
        in_flight: int = 1,
        patience_s: float = LONGEST_PATIENCE_S,
        clock: Clock | None = None,
    ) -> None:
        self._patience_s = min(patience_s, LONGEST_PATIENCE_S)
        self._most = max(_FEWEST_TOKENS, _TOKENS_FOR_EACH_IN_FLIGHT * in_flight)
        self._tokens = self._most
        self._clock = clock or Clock()
        self._opened_at: float | None = None
        self._next_probe_at = 0.0
        self._last = self._last_shown = ""
        self.waiting = 0

    async def admit(self) -> None:
        """Returns when a call may be made. Raises: CircuitOpen when waiting is in vain."""
        while self._opened_at is not None:
            now = self._clock.now()
            if now >= self._next_probe_at:
                self._next_probe_at = now + _PROBE_EVERY_S
                return
            open_for_s = now - self._opened_at
            if open_for_s > self._patience_s:
                said = f"not asked, for there was no answer in {seconds(open_for_s)}"
                error = CircuitOpen(f"{said}: {self._last}", is_unsent=True)
                raise error.shown_as(f"{said}: {self._last_shown}")
            await self._clock.sleep(min(_LOOK_EVERY_S, self._next_probe_at - now))

    def answered(self) -> None:
        """The endpoint answered, be it with a refusal."""
        if self._opened_at is not None:
            self._opened_at = None
            self._tokens = self._most / 2
        self._tokens = min(self._most, self._tokens + _FOR_AN_ANSWER)

    def failed(self, error: Unavailable) -> None:
        """The endpoint gave no answer."""
        self._last = str(error)
        self._last_shown = error.shown or self._last
        self._tokens -= _FOR_A_429 if error.status == 429 else _FOR_A_FAULT
        if self._tokens <= 0 and self._opened_at is None:
            self._opened_at = self._clock.now()
            self._next_probe_at = self._opened_at + _PROBE_EVERY_S
