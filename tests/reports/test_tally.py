from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.chat.usage import Usage
from flowrun.reports.tally import Tally
from flowrun.run.events import Status, StepFinished


def finished(
    status: Status = "done",
    model: str | None = "m",
    usage: Usage | None = None,
    cost_usd: Decimal | None = None,
) -> StepFinished:
    return StepFinished("a", None, status, 1.0, 0.0, model, usage, cost_usd)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (finished(usage=Usage(2, 0, 0, 3), cost_usd=Decimal("0.1")), Tally(5, Decimal("0.1"))),
        (finished(usage=Usage(2)), Tally(2, is_cost_unknown=True)),
        (finished(cost_usd=Decimal(0)), Tally(0, Decimal(0))),
        (finished(), Tally()),
        (finished("cached", usage=Usage(2), cost_usd=Decimal(1)), Tally(cached=1)),
        (finished(model=None, cost_usd=Decimal(0)), Tally()),
        (finished(model=None, usage=Usage(2), cost_usd=Decimal(0)), Tally(2, Decimal(0))),
    ],
    ids=["known", "unknown", "picture", "nothing", "cached", "tool", "tool-that-asks"],
)
def test_what_an_answer_has_spent(event: StepFinished, expected: Tally) -> None:
    tally = Tally()
    tally.add(event)
    assert tally == expected


def test_answers_add_up() -> None:
    tally = Tally()
    for _ in range(3):
        tally.add(finished(usage=Usage(1), cost_usd=Decimal("0.1")))
    tally.add(finished(usage=Usage(1)))
    assert tally == Tally(4, Decimal("0.3"), True)
