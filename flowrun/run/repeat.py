"""repeat: the rounds of one job, one after the other, until the expression holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from flowrun.document import templates
from flowrun.document.slots import Slot, slots
from flowrun.document.task import Repeat, Task, inner_tasks
from flowrun.errors import FlowrunError
from flowrun.run.events import Event, Status, StepRound
from flowrun.run.fan import Fan
from flowrun.run.job import Job, Outcome, lateness
from flowrun.run.preview import preview
from flowrun.run.total import Total


class Rounds:
    """The rounds of a job, given out one by one, and what came of the last.

    Each is the job again, with `previous`, `rounds` and `round` in its scope; the job's `if`,
    `timeout` and `on_error` hold for all of them together. A round that gives no value is the last.
    """

    def __init__(self, job: Job, repeat: Repeat, above: Fan, tell: Callable[[Event], None]) -> None:
        self.job = job
        self.above = above
        self.waiting = 0
        self.closed_because = ""
        self.deadline: asyncio.TimerHandle | None = None
        self.left = 1
        self._tell = tell
        self._repeat = repeat
        self._task = replace(job.task, condition=True, timeout_s=None, ignores_errors=False)
        self._keeps_all = _names_rounds(self._task)
        self._previous: object = None
        self._values: list[object] = []
        self._number = 0
        self._are_kept = True
        self._ignored = ""
        self._spent = Total()
        self._key: str | None = None
        self._end: Outcome | None = None
        self._started = time.perf_counter()

    @property
    def makes_calls(self) -> bool:
        """Whether a round waits for models or tools."""
        return self.above.makes_calls

    @property
    def depth(self) -> int:
        """How many conversations stand around it."""
        return self.above.depth

    def next_job(self) -> Job:
        """The next round. There must be one (`left`)."""
        self.left = 0
        number = self._number
        scope = {
            **self.job.scope,
            "previous": self._previous,
            "rounds": list(self._values),
            "round": number + 1,
        }
        return replace(self.job, task=self._task, scope=scope, rounds=(*self.job.rounds, number))

    def close(self, because: str) -> None:
        """Gives out no further round. There must be one (`left`)."""
        self.left = 0
        self._end = Outcome("cancelled", reason=because)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Takes in what came of a round, and tells it."""
        self._spent.add(outcome)
        self._key = outcome.key
        if not outcome.has_value:
            reason = f"round {self._number + 1}: {outcome.reason}"
            self._end = replace(outcome, reason=reason) if outcome.status == "failed" else outcome
            return
        self._are_kept = self._are_kept and outcome.status == "cached"
        if outcome.status == "ignored":
            self._ignored = self._ignored or outcome.reason
        try:
            holds = self._holds(job, outcome.value)
        except FlowrunError as error:
            self._end = Outcome("failed", reason=f"its `until`: {error}")
            return
        self._previous = outcome.value
        if self._keeps_all:
            self._values.append(outcome.value)
        self._number += 1
        number = self._number
        shown = preview(outcome.value)
        now = time.time()
        self._tell(StepRound(job.step, job.item, number, holds, now, shown, job.within))
        if holds or number == self._repeat.most:
            self._end = self._last(holds)
        else:
            self.left = 1

    def outcome(self) -> Outcome:
        """What came of the job."""
        assert self._end is not None
        end = self._end
        if self.closed_because:
            end = Outcome("failed", reason=lateness(self.job.task))
        if end.status == "failed":
            end = replace(end, status="ignored" if self.job.ignores(end.grave) else "failed")
        return self._spent.of(end, time.perf_counter() - self._started)

    def _holds(self, job: Job, value: object) -> bool:
        """Whether this round was the last that is wanted."""
        until = self._repeat.until
        if isinstance(until, bool):
            return until
        scope = {**job.scope, "rounds": [*self._values, value], job.task.id: value}
        return bool(templates.value(until.template, scope))

    def _last(self, holds: bool) -> Outcome:
        reason = self._ignored
        until = self._repeat.until
        if not reason and not holds and isinstance(until, Slot):
            count = self._number
            rounds = "1 round" if count == 1 else f"{count} rounds"
            source = until.template.source.strip()
            reason = f"after {rounds} it still does not hold that {source}"
        status: Status = "ignored" if self._ignored else "cached" if self._are_kept else "done"
        return Outcome(status, self._previous, reason=reason, key=self._key)


def _names_rounds(task: Task) -> bool:
    """Whether a template reads `rounds`: long answers need not be held for nobody."""
    return any(
        "rounds" in slot.template.names
        for inner in inner_tasks((task,))
        for slot in (*inner.own_slots(), *slots(inner.block.output if inner.block else None))
    )
