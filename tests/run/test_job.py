"""What came of a job."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from flowrun.chat.usage import Usage
from flowrun.errors import BudgetReached
from flowrun.run.budget import Budget
from flowrun.run.events import Status
from flowrun.run.job import Job, Outcome
from tests.support.running import plan_of


@pytest.mark.parametrize("status", get_args(Status))
def test_what_is_done_cached_or_ignored_has_a_value(status: Status) -> None:
    assert Outcome(status).has_value == (status in ("done", "cached", "ignored"))


def test_the_facts_of_an_outcome_are_plain_data() -> None:
    usage = Usage(1, 2, 3, 4, Decimal("0.5"))
    outcome = Outcome("done", "x", model="p/m", usage=usage, cost_usd=Decimal("0.25"), seconds=1.5)
    assert outcome.facts() == {
        "model": "p/m",
        "status": "done",
        "seconds": 1.5,
        "cost": 0.25,
        "usage": {
            "input_tokens": 1,
            "cache_read_tokens": 2,
            "cache_write_tokens": 3,
            "output_tokens": 4,
            "total_tokens": 10,
        },
    }


def test_what_nobody_knows_is_null() -> None:
    facts = Outcome("skipped").facts()
    assert (facts["model"], facts["cost"]) == (None, None)


def reached(budget: Budget) -> BudgetReached:
    return BudgetReached("spent", budget=budget)


def test_only_a_budget_of_its_own_is_a_jobs_to_ignore() -> None:
    outer = Budget(Decimal(1), "the run")
    own = Budget(Decimal(1), "step", outer)
    inner = Budget(Decimal(1), "inside", own)
    (plain,) = plan_of("steps: {a: {prompt: x, on_error: ignore}}").tasks
    (bound,) = plan_of("steps: {a: {prompt: x, on_error: ignore, budget: {usd: 1}}}").tasks
    job = Job(bound, None, {}, budget=own)
    ignored = [job.ignores(error) for error in (None, reached(inner), reached(own), reached(outer))]
    assert ignored == [True, True, True, False]
    assert [job.is_bound_by(reached(each)) for each in (inner, own, outer)] == [False, True, True]
    assert not Job(plain, None, {}, budget=outer).ignores(reached(outer))
    assert Job(plain, None, {}).ignores(reached(outer))
    assert not Job(plan_of("steps: {a: {prompt: x}}").tasks[0], None, {}).ignores(None)


def test_what_is_inside_is_under_the_budget_of_the_job() -> None:
    budget = Budget(Decimal(1), "the run")
    (task,) = plan_of("steps: {a: {steps: {b: {prompt: x}}}}").tasks
    inside = Job(task, None, {}, budget=budget).inside
    assert inside.budget is budget
    assert inside.under(None, "nobody") is inside
    nested = inside.under(Decimal(2), "the pipeline")
    assert nested.budget is not None
    assert nested.budget.outer is budget
    assert (nested.prefix, nested.budget.whose) == ("a.", "the pipeline")


def test_a_job_is_a_task_and_what_it_sees() -> None:
    task = plan_of("steps: {a: {value: 1}}").tasks[0]
    assert Job(task, 2, {"item": "x"}).scope["item"] == "x"
