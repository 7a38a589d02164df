"""The ledger's holds: set aside, ended with a charge or without, or swept."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowrun.errors import LedgerError, UsageError
from flowrun.gateway.base import MOST_UNITS, UNITS, Ledger
from tests.support.ledgers import (
    charge,
    fill,
    hold,
    money,
    on,
    opened,
    require_books_balance,
    standing,
)

DAY = 86_400.0


def test_a_hold_is_set_aside_and_settled(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("a", 6))
        assert await money(ledger) == (10, 6)
        assert not await ledger.reserve(hold("b", 5))
        assert await ledger.reserve(hold("c", 4))
        await ledger.settle("a", charge(2), now=3.0)
        assert await money(ledger) == (8, 4)
        await ledger.release("c")
        assert await money(ledger) == (8, 0)

    on(address, work)
    require_books_balance(address)


def test_asking_again_changes_nothing(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("a", 6))
        assert await ledger.reserve(hold("a", 6))  # no room for a second one
        assert not await ledger.reserve(hold("a", 4))  # room, but it is another's
        assert await ledger.reserve(hold("b", 1))
        assert await ledger.reserve(hold("b", 1))  # room, and it is the same
        assert await money(ledger) == (10, 7)
        await ledger.release("b")
        await ledger.release("b")
        await ledger.release("never")
        await ledger.settle("a", charge(2), now=3.0)
        await ledger.settle("a", charge(5), now=4.0)
        await ledger.release("a")
        assert await money(ledger) == (8, 0)

    on(address, work)
    require_books_balance(address)


def test_a_request_is_charged_once_even_if_it_is_held_anew(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        for _ in range(2):
            assert await ledger.reserve(hold("a", 6))
            await ledger.settle("a", charge(2), now=3.0)
        assert await money(ledger) == (8, 0)

    on(address, work)
    require_books_balance(address)


@pytest.mark.parametrize("is_released", [True, False])
def test_what_was_never_held_is_not_charged(address: str, is_released: bool) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        if is_released:
            assert await ledger.reserve(hold("a", 6))
            await ledger.release("a")
        with pytest.raises(LedgerError) as caught:
            await ledger.settle("a", charge(2), now=3.0)
        assert str(caught.value) == 'nothing is held for the request "a": it is not charged'
        assert await money(ledger) == (10, 0)

    on(address, work)


def test_a_charge_above_its_hold_is_written_whole(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("a", 6))
        await ledger.settle("a", charge(13), now=3.0)
        assert await money(ledger) == (-3, 0)
        assert not await ledger.reserve(hold("b", 0))
        with pytest.raises(UsageError):
            await ledger.top_up("ann", -1, note="", now=4.0)
        await ledger.top_up("ann", 4 * UNITS, note="", now=5.0)
        assert await ledger.reserve(hold("c", 1))

    on(address, work)
    require_books_balance(address)


def test_g3_no_amount_adds_credit(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        with pytest.raises(ValueError, match="less than nothing"):
            await ledger.reserve(replace(hold("a"), units=-1))
        assert not await ledger.reserve(replace(hold("a"), units=10**30))
        assert await ledger.reserve(hold("a"))
        with pytest.raises(ValueError, match="less than nothing"):
            await ledger.settle("a", replace(charge(), units=-1), now=3.0)
        await ledger.settle("a", replace(charge(), units=10**30), now=3.0)
        assert (await standing(ledger)).balance_units == 10 * UNITS - MOST_UNITS

    on(address, work)
    require_books_balance(address)


def test_a_hold_that_nobody_works_on_is_swept(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("dead", 1, until=100.0))
        assert await ledger.reserve(hold("alive", 2, until=100.0))
        await ledger.renew(["alive", "never"], 130.0)
        await ledger.renew([], 130.0)
        assert await ledger.sweep(now=101.0) == 1
        assert await ledger.sweep(now=101.0) == 0
        assert await money(ledger) == (10, 2)
        await ledger.release("dead")
        assert await money(ledger) == (10, 2)

    on(address, work)
    require_books_balance(address)


def test_a_call_that_outlives_its_hold_is_charged_once(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("slow", 4, until=100.0))
        assert await ledger.sweep(now=101.0) == 1
        await ledger.renew(["slow"], 500.0)
        assert await money(ledger) == (10, 0)
        assert not await ledger.reserve(hold("slow", 4))  # its time is over
        await ledger.settle("slow", charge(3), now=102.0)
        await ledger.settle("slow", charge(3), now=103.0)
        assert await money(ledger) == (7, 0)

    on(address, work)
    require_books_balance(address)


def test_swept_holds_are_forgotten_after_a_week(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)
        assert await ledger.reserve(hold("old", 4, until=100.0))
        assert await ledger.sweep(now=101.0) == 1
        await ledger.sweep(now=101.0 + 8 * DAY)
        with pytest.raises(LedgerError):
            await ledger.settle("old", charge(3), now=102.0 + 8 * DAY)

    on(address, work)


def test_pitfall_36_twenty_at_once_on_a_balance_for_one(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 1)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ledger.reserve(hold(str(n)))) for n in range(20)]
        assert sorted(each.result() for each in asked) == [False] * 19 + [True]
        assert await money(ledger) == (1, 1)

    on(address, work)


def test_g1_five_hundred_on_a_balance_for_a_hundred_through_several_gateways(address: str) -> None:
    async def work(first: Ledger) -> None:
        await fill(first, 100)
        async with opened(address) as second, opened(address) as third:
            gateways = [first, second, third]

            async def call(number: int) -> bool:
                ledger = gateways[number % 3]
                is_held = await ledger.reserve(hold(f"r{number}"))
                if is_held:
                    await ledger.settle(f"r{number}", charge(), now=3.0)
                return is_held

            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(call(number)) for number in range(500)]
        assert sum(each.result() for each in asked) == 100
        assert await money(first) == (0, 0)

    on(address, work)
    require_books_balance(address)


def test_a_cancelled_reserve_leaves_nothing_after_its_release(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 10)

        async def call(number: int) -> None:
            try:
                await ledger.reserve(hold(str(number)))
            finally:
                await ledger.release(str(number))

        tasks = [asyncio.ensure_future(call(number)) for number in range(10)]
        await asyncio.sleep(0)
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
        assert await money(ledger) == (10, 0)

    on(address, work)
