"""Bills: set aside, charged or given back once, whatever the ledger does meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flowrun.errors import LedgerError
from flowrun.gateway.base import OPEN, UNITS, Account, Charge, Hold, in_credits
from flowrun.gateway.faults import Fault
from flowrun.gateway.ledger import SqlLedger, open_ledger
from flowrun.gateway.sqlite import SqliteDatabase
from flowrun.gateway.till import FOR_NOTHING, HELD_S, Till

ACCOUNT = Account("k_1", "one", "f" * 64)
CHARGE = Charge(UNITS // 2, "m", "done")


async def rich(path: Path, ledger: SqlLedger | None = None) -> SqlLedger:
    """A ledger with one credit on its one account."""
    found = ledger or SqlLedger(SqliteDatabase(path / "ledger.db"))
    await found.add(ACCOUNT, now=1.0)
    await found.top_up("one", UNITS, note="", now=1.0)
    return found


async def left(ledger: SqlLedger) -> tuple[int, int]:
    (standing,) = await ledger.standings()
    return standing.balance_units, standing.held_units


class Shaky(SqlLedger):
    """Fails so many times before it settles."""

    failures = 0

    async def settle(self, hold_id: str, charge: Charge, *, now: float) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerError("busy")
        await super().settle(hold_id, charge, now=now)


class Slow(SqlLedger):
    """Tells when it is asked to reserve, and does it only then."""

    asked: asyncio.Event

    async def reserve(self, hold: Hold) -> bool:
        found = await super().reserve(hold)
        self.asked.set()
        await asyncio.Event().wait()
        return found


class Watched(SqlLedger):
    """Tells when it was swept."""

    swept: asyncio.Event

    async def sweep(self, *, now: float) -> int:
        found = await super().sweep(now=now)
        self.swept.set()
        return found


class Dead(SqlLedger):
    """Reserves nothing."""

    async def reserve(self, hold: Hold) -> bool:
        raise LedgerError("gone")


def test_a_bill_is_charged_once(tmp_path: Path) -> None:
    async def main() -> None:
        ledger = await rich(tmp_path)
        till = Till(ledger)
        bill = await till.open(ACCOUNT, "a", UNITS)
        assert bill.is_paid
        assert await left(ledger) == (UNITS, UNITS)
        await bill.settle(CHARGE)
        await bill.settle(CHARGE)
        assert await left(ledger) == (UNITS // 2, 0)
        await ledger.aclose()

    asyncio.run(main())


def test_a_bill_that_is_given_back_costs_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        ledger = await rich(tmp_path)
        await (await Till(ledger).open(ACCOUNT, "a", UNITS)).release()
        assert await left(ledger) == (UNITS, 0)
        await ledger.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("has_limit", "mend"),
    [(True, "set a lower max_completion_tokens, or top up"), (False, "top up")],
)
def test_a_balance_that_is_too_small_is_told(tmp_path: Path, has_limit: bool, mend: str) -> None:
    async def main() -> Fault:
        ledger = await rich(tmp_path)
        with pytest.raises(Fault) as caught:
            await Till(ledger).open(ACCOUNT, "a", UNITS * 3 // 2, has_limit=has_limit)
        await ledger.aclose()
        return caught.value

    fault = asyncio.run(main())
    assert (fault.status, fault.code) == (402, "insufficient_credits")
    assert fault.message == (
        f"not enough credits: this call may cost 1.5 at most, and 1 is left; {mend}"
    )


def test_a_charge_is_written_though_the_ledger_fails_at_first(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        shaky = Shaky(SqliteDatabase(tmp_path / "ledger.db"))
        ledger = await rich(tmp_path, shaky)
        till = Till(ledger)
        bill = await till.open(ACCOUNT, "a", UNITS)
        shaky.failures = 1
        await bill.settle(CHARGE)
        found = await left(ledger)
        await ledger.aclose()
        return found

    assert asyncio.run(main()) == (UNITS // 2, 0)


def test_a_charge_is_written_though_its_caller_is_cancelled(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        ledger = await rich(tmp_path)
        till = Till(ledger)
        bill = await till.open(ACCOUNT, "a", UNITS)
        task = asyncio.get_running_loop().create_task(bill.settle(CHARGE))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await till.aclose()
        found = await left(ledger)
        await ledger.aclose()
        return found

    assert asyncio.run(main()) == (UNITS // 2, 0)


def test_what_was_set_aside_while_its_caller_left_is_given_back(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        slow = Slow(SqliteDatabase(tmp_path / "ledger.db"))
        slow.asked = asyncio.Event()
        ledger = await rich(tmp_path, slow)
        till = Till(ledger)
        task = asyncio.get_running_loop().create_task(till.open(ACCOUNT, "a", UNITS))
        await slow.asked.wait()
        task.cancel()
        await asyncio.wait({task})
        found = await left(ledger)
        await ledger.aclose()
        return found

    assert asyncio.run(main()) == (UNITS, 0)


def test_a_ledger_that_is_gone_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(LedgerError):
            await Till(Dead(SqliteDatabase(tmp_path / "l.db"))).open(ACCOUNT, "a", 1)

    asyncio.run(main())


def test_holds_are_renewed_while_their_calls_run_and_swept_when_nobody_does(
    tmp_path: Path,
) -> None:
    times = [1000.0]

    async def main() -> list[tuple[int, int]]:
        watched = Watched(SqliteDatabase(tmp_path / "ledger.db"))
        watched.swept = asyncio.Event()
        ledger = await rich(tmp_path, watched)
        mine, lost = Till(ledger, now=lambda: times[0]), Till(ledger, now=lambda: times[0])
        await mine.open(ACCOUNT, "mine", 10)
        await lost.open(ACCOUNT, "lost", 20)
        found = []
        for _ in range(3):
            watched.swept.clear()
            watching = asyncio.get_running_loop().create_task(mine.watch())
            await watched.swept.wait()
            watching.cancel()
            found.append(await left(ledger))
            times[0] += HELD_S - 1
        await ledger.aclose()
        return found

    held = [each for _, each in asyncio.run(main())]
    assert held == [30, 30, 10]


def test_without_a_ledger_nobody_pays() -> None:
    async def main() -> None:
        till = Till(None)
        assert not till.takes_money(ACCOUNT)
        await till.watch()
        await till.aclose()
        await FOR_NOTHING.settle(CHARGE)
        await FOR_NOTHING.release()
        assert not FOR_NOTHING.is_paid

    asyncio.run(main())


def test_who_needs_no_key_does_not_pay(tmp_path: Path) -> None:
    till = Till(open_ledger(None, tmp_path))
    assert till.takes_money(ACCOUNT)
    assert not till.takes_money(Account(OPEN, OPEN, ""))


@pytest.mark.parametrize(
    ("units", "said"), [(0, "0"), (UNITS, "1"), (1, "0.000001"), (100 * UNITS, "100")]
)
def test_credits_are_told_to_their_last_digit(units: int, said: str) -> None:
    assert in_credits(units) == said
