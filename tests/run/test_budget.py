"""Budgets: the worst case is reserved first, and nothing is begun that might pass the limit."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest

from flowrun.errors import BudgetReached
from flowrun.run.budget import Budget, dollars, opened
from tests.support import virtual_time
from tests.support.running import until

D = Decimal


async def spend(budget: Budget, worst: int, paid: int, seconds: float = 1) -> bool:
    """One call under a budget; whether it was made."""
    try:
        await budget.reserve(D(worst))
    except BudgetReached:
        return False
    await asyncio.sleep(seconds)
    budget.settle(D(worst), D(paid))
    return True


def made(budget: Budget, *calls: tuple[int, int]) -> list[bool]:
    """Which of the calls, begun at once, were made; each by its worst case and its cost."""

    async def main() -> list[bool]:
        async with asyncio.TaskGroup() as group:
            doing = [group.create_task(spend(budget, *each)) for each in calls]
        return [each.result() for each in doing]

    return virtual_time.run(main())


def test_of_500_calls_at_once_exactly_those_are_made_that_fit() -> None:
    budget = Budget(D(100), "the run")
    assert sum(made(budget, *[(1, 1)] * 500)) == 100
    assert (budget.spent_usd, budget.reserved_usd) == (D(100), D(0))


def test_what_a_call_leaves_of_its_worst_case_is_there_for_others() -> None:
    budget = Budget(D(10), "the run")
    assert sum(made(budget, *[(10, 1)] * 50)) == 1
    assert budget.spent_usd == 1
    budget = Budget(D(100), "the run")
    assert sum(made(budget, *[(10, 1)] * 500)) == 91
    assert budget.spent_usd == 91


def test_a_call_that_costs_more_than_its_worst_case_counts_as_what_it_cost() -> None:
    budget = Budget(D(10), "the run")
    assert made(budget, (1, 12), (1, 1)) == [True, True]
    assert budget.spent_usd == 13
    assert made(budget, (1, 1)) == [False]


def test_a_call_that_may_fit_waits_for_those_under_way() -> None:
    async def main() -> list[float]:
        budget, ends = Budget(D(10), "the run"), []

        async def call() -> None:
            assert await spend(budget, 6, 2)
            ends.append(asyncio.get_running_loop().time())

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(call())
        return ends

    assert virtual_time.run(main()) == [1.0, 2.0, 3.0]


def test_waiting_is_told() -> None:
    async def main() -> list[bool]:
        budget = Budget(D(10), "the run")
        asyncio.get_running_loop().call_later(1, budget.settle, D(6), D(1))
        return [await budget.reserve(D(6)), await budget.reserve(D(6))]

    assert virtual_time.run(main()) == [False, True]


def test_all_budgets_around_a_call_must_have_room() -> None:
    outer = Budget(D(5), "the run")
    inner = Budget(D(3), "step", outer)
    assert sum(made(inner, *[(1, 1)] * 10)) == 3
    assert sum(made(outer, *[(1, 1)] * 10)) == 2
    assert (inner.spent_usd, outer.spent_usd) == (D(3), D(5))


def test_nothing_is_reserved_where_one_has_no_room() -> None:
    outer = Budget(D(1), "the run")
    inner = Budget(D(3), "step", outer)
    assert made(inner, (2, 2)) == [False]
    assert (inner.reserved_usd, outer.reserved_usd, inner.spent_usd) == (D(0), D(0), D(0))


def test_one_that_waits_for_its_own_budget_holds_up_nobody_else() -> None:
    async def main() -> float:
        run = Budget(D(100), "the run")
        tight, other = Budget(D(10), "tight", run), Budget(D(50), "other", run)
        async with asyncio.TaskGroup() as group:
            group.create_task(spend(tight, 9, 1, seconds=9))
            group.create_task(spend(tight, 9, 1, seconds=9))
            await asyncio.sleep(0)
            assert await spend(other, 1, 1)
            return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 1.0


def test_once_reached_nothing_more_is_begun_and_the_reason_stays() -> None:
    async def main() -> list[str]:
        budget, said = Budget(D("0.10"), 'step "draft"'), []
        await budget.reserve(D("0.04"))
        for worst in ("0.2", "0.0001"):
            with pytest.raises(BudgetReached) as caught:
                await budget.reserve(D(worst))
            assert caught.value.budget is budget
            said.append(str(caught.value))
        budget.settle(D("0.04"), D("0.012"))
        return said

    reason = (
        'the budget of step "draft" is reached: of $0.10 it has spent $0.00, and the next call may '
        "cost $0.20 at worst; raise its usd, or lower max_completion_tokens"
    )
    assert virtual_time.run(main()) == [reason, reason]


def test_who_waits_hears_that_it_is_reached() -> None:
    async def main() -> float:
        budget = Budget(D(10), "the run")
        await budget.reserve(D(9))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(spend(budget, 5, 5))
            await asyncio.sleep(1)
            assert not await spend(budget, 11, 1)
            assert not await waiting
            return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 1.0


def test_one_that_is_cancelled_while_it_waits_leaves_no_trace() -> None:
    async def main() -> None:
        budget = Budget(D(10), "the run")
        await budget.reserve(D(9))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await budget.reserve(D(5))
        budget.settle(D(9), D(1))
        assert (budget.reserved_usd, budget.spent_usd) == (D(0), D(1))
        assert await spend(budget, 9, 9)

    virtual_time.run(main())


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_calls_ever_passes_a_limit(seed: int) -> None:
    """Calls of random worst cases, costs and lengths in a tree of budgets."""
    chance = random.Random(seed)

    async def main() -> None:
        run = Budget(D(60), "the run")
        steps = [Budget(D(chance.randint(5, 40)), "step", run) for _ in range(4)]
        items = [Budget(D(chance.randint(2, 20)), "inner", chance.choice(steps)) for _ in range(4)]
        budgets = [run, *steps, *items]

        async def call() -> None:
            worst = chance.randint(1, 9)
            await asyncio.sleep(chance.random() * 5)
            await spend(chance.choice(budgets), worst, chance.randint(0, worst), chance.random())
            assert all(each.spent_usd + each.reserved_usd <= each.limit_usd for each in budgets)

        async with asyncio.TaskGroup() as group:
            for _ in range(80):
                group.create_task(call())
        assert all(each.reserved_usd == 0 for each in budgets)

    virtual_time.run(main())


def test_a_part_without_a_limit_is_under_the_budget_around_it() -> None:
    outer = Budget(D(1), "the run")
    assert opened(None, "step", outer) is outer
    assert opened(None, "step", None) is None
    inner = opened(D(2), "step", outer)
    assert inner is not None
    assert inner.is_within(outer)
    assert inner.is_within(inner)
    assert not outer.is_within(inner)


@pytest.mark.parametrize(
    ("amount", "said"),
    [("0", "$0.00"), ("1", "$1.00"), ("0.1", "$0.10"), ("0.0123456789", "$0.012346"),
     ("0.0000000001", "$0.000001"), ("12.5", "$12.50"), ("1E+30", "$1" + "0" * 30 + ".00")],
)  # fmt: skip
def test_amounts_are_written_for_people(amount: str, said: str) -> None:
    assert dollars(D(amount)) == said


def test_two_calls_wait_for_one_another_in_no_knot_of_budgets() -> None:
    """The one holds the inner and waits for the outer; the other the other way round."""

    async def main() -> None:
        outer = Budget(D(10), "the run")
        inner = Budget(D(6), "step", outer)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(spend(inner, 5, 1))
            second = group.create_task(spend(outer, 5, 1))
            third = group.create_task(spend(inner, 5, 1))
            fourth = group.create_task(spend(outer, 7, 1))
            await until(lambda: all(each.done() for each in (first, second, third, fourth)))
        assert [each.result() for each in (first, second, third, fourth)] == [True] * 4

    virtual_time.run(main())
