"""What went wrong in a run, each reason told once."""

from __future__ import annotations

import re
from dataclasses import field

from flowrun.dataclass import dataclass
from flowrun.reports.naming import instance
from flowrun.run.events import Status, StepFinished

_MOST = 100
_FIRST_ITEM = re.compile(r"; item \d+$")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A step or item that gave no value of its own, and why."""

    step: str
    item: int | None
    status: Status
    reason: str


@dataclass(slots=True)
class Troubles:
    """The troubles of a run in their order; of a flood only how many were `left_out`."""

    found: list[Trouble] = field(default_factory=list)
    left_out: int = 0
    _reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, event: StepFinished) -> None:
        """Takes in one more."""
        if len(self.found) == _MOST:
            self.left_out += 1
            return
        self.found.append(Trouble(instance(event), event.item, event.status, self.news(event)))
        if event.reason:
            self._reasons.setdefault(_top(event), []).append(event.reason)

    def news(self, event: StepFinished) -> str:
        """Its reason, without what was told of an item or of a step inside it already."""
        reason = event.reason
        told = self._reasons.get(_top(event), ())
        known = [each for each in told if reason.endswith(f": {each}")]
        if not known:
            return reason
        return _FIRST_ITEM.sub("", reason.removesuffix(f": {max(known, key=len)}"))


def _top(event: StepFinished) -> str:
    return event.step.partition(".")[0]
