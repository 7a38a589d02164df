"""What a key may do at once and in a minute.

The allowance of a minute is a bucket that is full at first and fills evenly again, so that a
pause is not lost and a burst is never more than a minute's worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowrun.gateway.base import Account
from flowrun.gateway.faults import Fault
from flowrun.serving import ServeSettings

_WAIT_FOR_A_SLOT_S = 1.0


@dataclass(slots=True)
class _Use:
    """How an account stands: what it has under way, and what is left of its minute."""

    in_flight: int = 0
    left: float = 0.0
    seen_at: float = 0.0


class Limits:
    """The limits of all keys; those of a key's own go before the usual ones."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def enter(self, account: Account, now: float) -> Iterator[None]:
        """Counts a request in, and out again; `now` is in seconds of any steady clock.

        Raises: Fault 429, which says when to ask again.
        """
        use = self._uses.setdefault(account.id, _Use(seen_at=now, left=float(self._pace(account))))
        self._admit(account, use, now)
        use.in_flight += 1
        try:
            yield
        finally:
            use.in_flight -= 1

    def _pace(self, account: Account) -> int:
        """Requests a minute, 0 for any number."""
        return account.requests_per_minute or self._settings.requests_per_minute or 0

    def _admit(self, account: Account, use: _Use, now: float) -> None:
        most = account.max_in_flight or self._settings.max_in_flight
        if most is not None and use.in_flight >= most:
            raise _too_many(f"this key has {most} requests under way", _WAIT_FOR_A_SLOT_S)
        pace = self._pace(account)
        if not pace:
            return
        passed_s = max(0.0, now - use.seen_at)
        use.left, use.seen_at = min(float(pace), use.left + passed_s * pace / 60), now
        if use.left < 1:
            wait_s = (1 - use.left) * 60 / pace
            raise _too_many(f"this key may send {pace} requests a minute", wait_s)
        use.left -= 1


def _too_many(said: str, wait_s: float) -> Fault:
    return Fault(
        429, said, code="rate_limit_exceeded", kind="rate_limit_error", retry_after_s=wait_s
    )
