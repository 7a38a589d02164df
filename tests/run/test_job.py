"""What came of a job."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from flowrun.chat.usage import Usage
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


def test_a_job_is_a_task_and_what_it_sees() -> None:
    task = plan_of("steps: {a: {value: 1}}").tasks[0]
    assert Job(task, 2, {"item": "x"}).scope["item"] == "x"
