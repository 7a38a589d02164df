"""How reports name a step, one item of it, and one of the many times that it is run."""

from __future__ import annotations

from typing import TypeAlias

from flowrun.run.events import (
    StepExpanded,
    StepFinished,
    StepRepaired,
    StepRetried,
    StepRound,
    StepStarted,
    StepStreamed,
    ToolFinished,
    ToolStarted,
)

Asked: TypeAlias = tuple[str, int | None]
"""A step as `instance` names it, or one item of it."""
StepEvent: TypeAlias = (
    StepStarted
    | StepExpanded
    | StepStreamed
    | StepRetried
    | StepRepaired
    | StepFinished
    | StepRound
    | ToolStarted
    | ToolFinished
)


def instance(event: StepEvent) -> str:
    """The step's name with the items and rounds around it: `recipes.draft[3]`."""
    if not event.within:
        return event.step
    return f"{event.step}[{','.join(map(str, event.within))}]"


def called(step: str, item: int | None) -> str:
    """How a step, or one item of it, is named: `brief`, `rows[3]`."""
    return step if item is None else f"{step}[{item}]"
