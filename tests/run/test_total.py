"""What several outcomes have cost together."""

from __future__ import annotations

from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.run.job import Outcome
from flowrun.run.total import Total


def total(*outcomes: Outcome) -> Total:
    found = Total()
    for each in outcomes:
        found.add(each)
    return found


ASKED = Outcome("done", model="m", usage=Usage(1, 0, 0, 2), cost_usd=Decimal(2))


def test_nothing_has_cost_nothing() -> None:
    assert total() == Total(None, Decimal(0), None)
    assert total(Outcome("done"), Outcome("skipped")) == Total(None, Decimal(0), None)


def test_usage_and_cost_are_added_and_the_last_model_stays() -> None:
    found = total(ASKED, Outcome("cached", model="n", cost_usd=Decimal(0)), Outcome("done"))
    assert found == Total(Usage(1, 0, 0, 2), Decimal(2), "n")


def test_a_call_that_asked_through_a_pipeline_counts_although_it_names_no_model() -> None:
    called = Outcome("done", usage=Usage(1, 0, 0, 1), cost_usd=Decimal(1))
    assert total(ASKED, called) == Total(Usage(2, 0, 0, 3), Decimal(3), "m")


def test_a_cost_of_which_a_part_is_unknown_is_unknown() -> None:
    assert total(Outcome("done", model="m"), ASKED).cost_usd is None


def test_an_outcome_is_given_what_it_took() -> None:
    found = total(ASKED).of(Outcome("failed", reason="no"), 3.0)
    assert found == Outcome("failed", None, "no", "m", Usage(1, 0, 0, 2), Decimal(2), seconds=3.0)
