"""Runs with steps inside others, for the tests of reports."""

from __future__ import annotations

from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.run.events import (
    Event,
    RunFinished,
    RunStarted,
    Status,
    StepExpanded,
    StepFinished,
    StepRound,
    StepStarted,
    ToolFinished,
    ToolStarted,
)
from tests.reports.scene import MODEL

Within = tuple[int, ...]


def asked(
    step: str,
    within: Within = (),
    item: int | None = None,
    status: Status = "done",
    *,
    reason: str = "",
    at: float = 102.0,
) -> list[Event]:
    """An answer of ten tokens for a cent, asked at 101."""
    return [
        StepStarted(step, item, MODEL, 101.0, within),
        StepFinished(
            *(step, item, status, at, at - 101.0, MODEL, Usage(6, 0, 0, 4), Decimal("0.01")),
            reason=reason,
            preview="" if reason else f"said {step}",
            within=within,
        ),
    ]


def summed(
    step: str,
    answers: int,
    item: int | None = None,
    within: Within = (),
    status: Status = "done",
    reason: str = "",
) -> StepFinished:
    """The end of what carries the sum of so many answers."""
    return StepFinished(
        *(step, item, status, 103.0, 2.0, MODEL, Usage(6 * answers, 0, 0, 4 * answers)),
        *(answers * Decimal("0.01"), reason, "" if reason else "all"),
        within=within,
    )


def started(*steps: str) -> RunStarted:
    """The beginning of a run of these steps."""
    return RunStarted("r1", "kitchen", steps, 100.0)


ENDED = RunFinished("r1", "done", False, 105.0, 5.0)

BLOCK: list[Event] = [
    StepStarted("recipes", None, None, 101.0),
    StepExpanded("recipes", 2, 101.0),
    StepStarted("recipes", 0, None, 101.0),
    StepStarted("recipes", 1, None, 101.0),
    *asked("recipes.draft", (0,)),
    StepStarted("recipes.spices", None, None, 102.0, (0,)),
    StepExpanded("recipes.spices", 2, 102.0, (0,)),
    *asked("recipes.spices", (0,), 0),
    *asked("recipes.spices", (0,), 1),
    summed("recipes.spices", 2, within=(0,)),
    summed("recipes", 3, 0),
    *asked("recipes.draft", (1,)),
    StepStarted("recipes.spices", None, None, 102.0, (1,)),
    StepExpanded("recipes.spices", 1, 102.0, (1,)),
    *asked("recipes.spices", (1,), 0),
    summed("recipes.spices", 1, within=(1,)),
    summed("recipes", 2, 1),
    summed("recipes", 5),
]
"""A foreach over a block, with a foreach in it: five answers."""

ROUNDS: list[Event] = [
    StepStarted("better", None, None, 101.0),
    *asked("better.slogan", (0,)),
    StepRound("better", None, 1, False, 102.0, "Fresh"),
    *asked("better.slogan", (1,)),
    StepRound("better", None, 2, False, 102.0, "Fresher"),
    summed("better", 2),
]
"""Two rounds of a block: two answers."""

USES: list[Event] = [
    StepStarted("review", None, None, 101.0),
    *asked("review.read"),
    *asked("review.judge"),
    summed("review", 2),
]
"""Another pipeline used once: two answers."""

TOOLS: list[Event] = [
    StepStarted("clerk", None, MODEL, 101.0),
    ToolStarted("clerk", None, "search", '{"q": "lamp"}', 101.0),
    ToolStarted("clerk", None, "review", '{"text": "lamp"}', 101.0),
    *asked("clerk.review.read", (0, 0, 1)),
    ToolFinished("clerk", None, "search", False, False, 1.0, 102.0, "[three]"),
    ToolFinished("clerk", None, "review", False, False, 1.0, 102.0, "{verdict: good}"),
    ToolStarted("clerk", None, "search", '{"q": 3}', 102.0),
    ToolFinished("clerk", None, "search", True, False, 0.0, 102.0, "q must be text"),
    summed("clerk", 3),
]
"""A model that calls a tool twice and a pipeline once: two answers of its own and one inside."""
