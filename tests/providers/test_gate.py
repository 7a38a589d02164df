from __future__ import annotations

import asyncio

import pytest

from flowrun.errors import Unavailable
from flowrun.providers.gate import Gate
from tests.support.virtual_time import CLOCK, run


def throttled(retry_after_s: float | None = None) -> Unavailable:
    return Unavailable("slowly", status=429, retry_after_s=retry_after_s, is_overload=True)


DOWN = Unavailable("down", status=503, is_overload=True)


def gate(limit: int) -> Gate:
    return Gate(limit, clock=CLOCK, dice=lambda: 0.0)


def test_no_more_are_let_in_than_the_limit_and_in_the_order_they_came() -> None:
    async def main() -> list[int]:
        slots, order = gate(2), []

        async def ask(name: int) -> None:
            await slots.enter()
            order.append(name)
            assert slots.in_flight <= 2
            await asyncio.sleep(1)
            slots.leave()

        async with asyncio.TaskGroup() as tasks:
            for name in range(7):
                tasks.create_task(ask(name))
        assert slots.in_flight == 0
        assert CLOCK.now() == 4.0
        return order

    assert run(main()) == list(range(7))


def test_cancelled_waiters_take_no_slot_with_them() -> None:
    async def main() -> int:
        slots, entered = gate(1), 0
        await slots.enter()

        async def ask() -> None:
            nonlocal entered
            await slots.enter()
            entered += 1
            slots.leave()

        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(ask()) for _ in range(9)]
            await asyncio.sleep(0)
            for each in waiting[::2]:
                each.cancel()
            await asyncio.sleep(0)
            slots.leave()
        assert slots.in_flight == 0
        return entered

    assert run(main()) == 4


def test_whoever_is_cancelled_in_the_moment_of_its_turn_gives_it_on() -> None:
    async def main() -> int:
        slots = gate(1)
        await slots.enter()
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(slots.enter())
            second = tasks.create_task(slots.enter())
            await asyncio.sleep(0)
            slots.leave()
            first.cancel()
            await second
        return slots.in_flight

    assert run(main()) == 1


def test_a_newcomer_is_let_in_after_all_waiters_were_cancelled() -> None:
    async def main() -> int:
        slots = gate(1)
        await slots.enter()
        async with asyncio.TaskGroup() as tasks:
            waiter = tasks.create_task(slots.enter())
            await asyncio.sleep(0)
            slots.leave()
            waiter.cancel()
        return await slots.enter()

    assert run(main()) == 0


def test_too_many_requests_halve_the_limit_once_for_a_round() -> None:
    async def main() -> list[int]:
        slots, limits = gate(64), []
        for _ in range(3):
            entered = await slots.enter()
            for _ in range(10):
                slots.overloaded(throttled(), entered)
            slots.leave()
            limits.append(slots.limit)
        return limits

    assert run(main()) == [32, 16, 8]


def test_the_limit_never_falls_below_one() -> None:
    async def main() -> int:
        slots = gate(4)
        for _ in range(9):
            entered = await slots.enter()
            slots.overloaded(throttled(), entered)
            slots.leave()
        return slots.limit

    assert run(main()) == 1


def test_server_errors_count_only_when_they_prevail() -> None:
    async def main() -> list[int]:
        slots = gate(8)
        entered = await slots.enter()
        limits = []
        for _ in range(5):
            slots.overloaded(DOWN, entered)
            limits.append(slots.limit)
        return limits

    assert run(main()) == [8, 8, 8, 8, 4]


def test_scattered_server_errors_change_nothing() -> None:
    async def main() -> int:
        slots = gate(8)
        entered = await slots.enter()
        for _ in range(100):
            slots.overloaded(DOWN, entered)
            for _ in range(4):
                slots.answered()
        return slots.limit

    assert run(main()) == 8


def test_the_limit_grows_back_ever_faster() -> None:
    async def main() -> list[int]:
        slots, limits = gate(64), []
        for _ in range(6):
            entered = await slots.enter()
            slots.overloaded(throttled(), entered)
            slots.leave()
        for _ in range(70):
            slots.answered()
            limits.append(slots.limit)
        return list(dict.fromkeys(limits))

    assert run(main()) == [2, 4, 8, 16, 32, 64]


def test_growth_ends_at_the_configured_limit_and_wakes_who_waits() -> None:
    async def main() -> int:
        slots = gate(4)
        entered = await slots.enter()
        slots.overloaded(throttled(), entered)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(slots.enter())
            await asyncio.sleep(0)
            assert slots.in_flight == 2
            for _ in range(20):
                slots.answered()
        assert slots.in_flight == 4
        return slots.limit

    assert run(main()) == 4


def test_retry_after_holds_back_everybody() -> None:
    async def main() -> list[float]:
        slots, times = gate(4), []
        entered = await slots.enter()
        slots.overloaded(throttled(7.0), entered)
        slots.overloaded(throttled(3.0), entered)
        slots.leave()

        async def ask() -> None:
            await slots.enter()
            times.append(CLOCK.now())
            slots.leave()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(ask())
        await ask()
        return times

    assert run(main()) == [7.0] * 4


def test_being_cancelled_while_held_back_gives_the_slot_back() -> None:
    async def main() -> int:
        slots = gate(1)
        entered = await slots.enter()
        slots.overloaded(throttled(7.0), entered)
        slots.leave()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await slots.enter()
        return slots.in_flight

    assert run(main()) == 0


def test_a_wait_of_more_than_ten_minutes_is_not_waited() -> None:
    async def main() -> Gate:
        slots = gate(1)
        entered = await slots.enter()
        slots.overloaded(throttled(7200.0), entered)
        slots.leave()
        with pytest.raises(Unavailable) as caught:
            await slots.enter()
        said = "the provider asked for a pause of 2 h: slow down"
        assert (str(caught.value), caught.value.retry_after_s) == (said, 7200.0)
        assert caught.value.is_unsent
        return slots

    assert run(main()).in_flight == 0


def test_who_has_little_patience_is_told_when_to_come_back() -> None:
    async def main() -> Unavailable:
        slots = Gate(2, name="mine", patience_s=5, clock=CLOCK, dice=lambda: 0.0)
        slots.overloaded(throttled(45), await slots.enter())
        slots.leave()
        with pytest.raises(Unavailable) as fault:
            await slots.enter()
        assert slots.in_flight == 0
        assert CLOCK.now() == 0
        return fault.value

    fault = run(main())
    assert str(fault) == "mine asked for a pause of 45 s: slow down"
    assert (fault.status, fault.retry_after_s) == (429, 45)


def test_who_has_little_patience_does_not_wait_in_line_for_long() -> None:
    async def main() -> Unavailable:
        slots = Gate(1, patience_s=5, clock=CLOCK, dice=lambda: 0.0)
        await slots.enter()
        with pytest.raises(Unavailable) as fault:
            await slots.enter()
        assert CLOCK.now() == 5
        slots.leave()
        await slots.enter()
        return fault.value

    fault = run(main())
    assert (fault.status, fault.retry_after_s, fault.is_overload) == (429, 5, False)
    assert str(fault) == "1 requests are under way, as many as it may have at once"
