"""A run for the tests of reports: one of everything that can happen."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.reports.progress import Progress
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    StepExpanded,
    StepFinished,
    StepRepaired,
    StepRetried,
    StepStarted,
    StepStreamed,
)

MODEL = "local/small"

BEGUN: list[Event] = [
    RunStarted("r1", "product-page", ("brief", "hero", "titles", "page", "extra"), 100.0),
    StepStarted("brief", None, MODEL, 100.0),
    StepStreamed("brief", None, "A solar lamp\nthat "),
    StepStreamed("brief", None, "shines"),
]
HALF: list[Event] = [
    StepFinished(
        "brief",
        None,
        "done",
        102.0,
        2.0,
        MODEL,
        Usage(200, 0, 0, 112),
        Decimal("0.0004"),
        "",
        "A lamp",
    ),
    StepStarted("hero", None, "image", 102.0),
    StepStarted("titles", None, MODEL, 102.0),
    StepExpanded("titles", 4, 102.0),
    StepStarted("titles", 0, MODEL, 102.0),
    StepStarted("titles", 1, MODEL, 102.0),
    StepRetried("titles", 1, "429 too many requests", 3.0, 1),
    StepFinished("titles", 0, "cached", 102.0, 0.0, MODEL),
    StepFinished("titles", 2, "done", 103.0, 1.0, MODEL, Usage(30, 0, 0, 9), None),
    StepRepaired("hero", None, "the reply is no JSON", 1),
]
ENDED: list[Event] = [
    StepFinished("hero", None, "cached", 104.0, 0.0, "image", Usage(9), preview="image/png"),
    StepFinished("titles", 1, "failed", 105.0, 3.0, MODEL, reason="429 too many requests"),
    StepFinished("titles", 3, "ignored", 105.0, 3.0, MODEL, reason="no text"),
    StepFinished("titles", None, "failed", 105.0, 3.0, MODEL, reason="1 of 4 items failed"),
    StepFinished("page", None, "skipped", 105.0, 0.0, reason='needs "titles", which failed'),
    StepFinished(
        "extra", None, "ignored", 105.0, 1.0, None, Usage(10), reason="no JSON:\n  line 1"
    ),
    OutputWritten("hero", "out/hero.png", 20_312),
    OutputWritten("brief", None, 6),
    RunFinished("r1", "failed", True, 105.0, 5.0),
]
WHOLE = [*BEGUN, *HALF, *ENDED]


def progress_after(
    events: Iterable[Event], *, now: float = 103.0, keeps_text: bool = True
) -> Progress:
    """The fold of `events`, all heard at `now`."""
    progress = Progress(keeps_text=keeps_text)
    for event in events:
        progress.apply(event, now)
    return progress
