"""The money of one completion: set aside before it is sent, charged or given back after.

    Till.open -> Bill --settle--> charged          whatever becomes of the caller
                      --release--> given back

What ends a bill is a task of its own: a caller who hangs up does not break it off, and a ledger
that fails is asked again. Holds are renewed while their calls run, so that only those of a
process that died expire.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from flowrun.errors import LedgerError
from flowrun.gateway.base import OPEN, UNITS, Account, Charge, Hold, Ledger, in_credits
from flowrun.gateway.faults import Fault

HELD_S = 120.0
_RENEWED_EVERY_S = 30.0
_ANSWER_WAITS_S = 5.0
_ASKED_AGAIN_AFTER_S = (0.1, 0.5, 2.0, 5.0, 15.0, 30.0, 60.0)


class Bill(Protocol):
    """What one call may cost, and then has cost; ended once."""

    @property
    def is_paid(self) -> bool:
        """Whether the call is charged for at all."""
        ...

    async def settle(self, charge: Charge) -> None:
        """Writes the charge, now or a little later."""
        ...

    async def release(self) -> None:
        """Gives all of it back."""
        ...


class Free:
    """The bill of who does not pay."""

    is_paid = False

    async def settle(self, charge: Charge) -> None:
        """Nothing is written."""

    async def release(self) -> None:
        """Nothing was held."""


FOR_NOTHING = Free()


class Held:
    """A bill whose worst case is set aside."""

    is_paid = True

    def __init__(self, till: Till, hold: Hold) -> None:
        self._till = till
        self._hold = hold

    async def settle(self, charge: Charge) -> None:
        """Writes the charge, now or a little later."""
        await self._till.settled(self._hold, charge)

    async def release(self) -> None:
        """Gives all of it back."""
        await self._till.released(self._hold)


class Till:
    """All bills of a server; `watch` runs beside it, `aclose` awaits what is still written."""

    def __init__(self, ledger: Ledger | None, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._held: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def takes_money(self, account: Account) -> bool:
        """Whether this account pays."""
        return self._ledger is not None and account.id != OPEN

    async def open(
        self, account: Account, id: str, worst_units: int, *, has_limit: bool = False
    ) -> Bill:
        """Sets aside what a call may cost, if `takes_money`; `id` is never used again.

        `has_limit` says that a lower one of its answer would make it cheaper.

        Raises: Fault 402 if the balance has not so much left; LedgerError.
        """
        ledger = self._its()
        hold = Hold(id, account.id, worst_units, self._now() + HELD_S)
        self._held[id] = None
        try:
            is_held = await ledger.reserve(hold)
        except LedgerError:
            self._held.pop(id, None)  # if it was written all the same, it expires
            raise
        except BaseException:
            await self.released(hold)  # cancelled while it was written
            raise
        if is_held:
            return Held(self, hold)
        self._held.pop(id, None)
        raise await self._refusal(ledger, account, worst_units, has_limit)

    async def settled(self, hold: Hold, charge: Charge) -> None:
        """Ends a hold with a charge."""
        await self._surely(hold, lambda: self._its().settle(hold.id, charge, now=self._now()))

    async def released(self, hold: Hold) -> None:
        """Ends a hold without one."""
        await self._surely(hold, lambda: self._its().release(hold.id))

    async def watch(self) -> None:
        """Renews what is held, and frees what processes left behind that died; for ever."""
        while self._ledger is not None:
            with suppress(LedgerError):
                if self._held:
                    await self._ledger.renew(list(self._held), self._now() + HELD_S)
                await self._ledger.sweep(now=self._now())
            await asyncio.sleep(_RENEWED_EVERY_S)

    async def aclose(self) -> None:
        """Awaits what is still to be written, but not for ever."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ANSWER_WAITS_S)

    def _its(self) -> Ledger:
        assert self._ledger is not None  # or there would be no hold
        return self._ledger

    async def _surely(self, hold: Hold, write: Callable[[], Awaitable[None]]) -> None:
        """Writes in a task of its own; the answer waits for it, but not for a ledger that fails."""
        task = asyncio.get_running_loop().create_task(self._written(hold, write))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Unlike `wait_for`, this leaves the task alone when it is cancelled itself.
        await asyncio.wait({task}, timeout=_ANSWER_WAITS_S)
        if task.done():
            task.result()

    async def _written(self, hold: Hold, write: Callable[[], Awaitable[None]]) -> None:
        try:
            for wait_s in _ASKED_AGAIN_AFTER_S:
                with suppress(LedgerError):
                    await write()
                    return
                await asyncio.sleep(wait_s)
        finally:
            self._held.pop(hold.id, None)

    async def _refusal(
        self, ledger: Ledger, account: Account, worst_units: int, has_limit: bool
    ) -> Fault:
        rows = [each for each in await ledger.standings() if each.account.id == account.id]
        left = sum(each.balance_units - each.held_units for each in rows)
        verb = "is" if left == UNITS else "are"
        mend = "set a lower max_completion_tokens, or " if has_limit else ""
        return Fault(
            402,
            f"not enough credits: this call may cost {in_credits(worst_units)} at most, and "
            f"{in_credits(left)} {verb} left; {mend}top up",
            code="insufficient_credits",
            kind="insufficient_credits",
        )
