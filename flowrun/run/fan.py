"""A step on its way: one job, or one for each element of its foreach, and what came of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from flowrun.document import templates
from flowrun.document.faults import kind_of
from flowrun.document.task import Loop, Task
from flowrun.errors import FlowrunError, StepError
from flowrun.run.budget import opened
from flowrun.run.events import Status
from flowrun.run.job import TOP, Job, Outcome, Place
from flowrun.run.queue import Node
from flowrun.run.total import Total

MOST_ITEMS = 100_000
"""More items than any foreach may have."""


def elements(loops: Sequence[Loop], scope: Mapping[str, object]) -> list[dict[str, object]]:
    """The loop variables of each item: every combination, the last name fastest.

    Raises: StepError if an expression gives no list, or there are too many items.
    """
    found: list[dict[str, object]] = [{}]
    for loop in loops:
        every = (
            {**outer, loop.name: each}
            for outer in found
            for each in _listed(loop, {**scope, **outer})
        )
        found = list(islice(every, MOST_ITEMS + 1))
        if len(found) > MOST_ITEMS:
            raise StepError(f"foreach gives more than {MOST_ITEMS:,} items")
    return found


def _listed(loop: Loop, scope: Mapping[str, object]) -> list[object]:
    value = templates.value(loop.items.template, scope)
    if isinstance(value, list):
        return value
    shown = loop.items.template.source.strip()
    hint = "; write .items() for its pairs, | list for its keys" * isinstance(value, Mapping)
    raise StepError(f"foreach needs a list, and {shown} is {kind_of(value)}{hint}")


def loop_facts(index: int, length: int) -> Mapping[str, object]:
    """`loop` as in Jinja."""
    return {
        "index": index + 1,
        "index0": index,
        "revindex": length - index,
        "revindex0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
        "length": length,
    }


class Fan:
    """The jobs of one task, given out one by one, and their outcomes put together.

    `items` are the loop variables of each job, None for a task without a foreach. `above` is the
    level that the task belongs to.
    """

    def __init__(
        self,
        task: Task,
        scope: Mapping[str, object],
        items: Sequence[Mapping[str, object]] | None,
        *,
        above: Node | None = None,
        place: Place = TOP,
        makes_calls: bool = True,
    ) -> None:
        self.task = task
        self.above = above
        self.place = place
        self.makes_calls = makes_calls
        self.waiting = 0
        self.closed_because = ""
        self._scope = scope
        self._items = items
        self._length = 1 if items is None else len(items)
        self._given = 0
        self._settled = 0
        self._values: list[object] = [None] * self._length
        self._total = _Items()
        self._budget = opened(task.budget_usd, f'step "{place.label(task.id)}"', place.budget)
        self._single: Outcome | None = None
        self._started = time.perf_counter()

    @property
    def depth(self) -> int:
        """How many conversations stand around it."""
        return self.place.depth

    @property
    def left(self) -> int:
        """How many jobs are still to be given out."""
        return self._length - self._given

    @property
    def is_over(self) -> bool:
        """Whether every job given out is settled and no more will come."""
        return not self.left and self._settled == self._given

    def close(self, because: str) -> None:
        """Gives out no further job. There must be one (`left`)."""
        self._total.dropped, self._total.dropped_because = self.left, because
        self._length = self._given

    def next_job(self) -> Job:
        """The next job. There must be one (`left`)."""
        number = self._given
        self._given += 1
        if self._items is None:
            return self._job(None, self._scope)
        scope = {
            **self._scope,
            **self._items[number],
            "loop": loop_facts(number, len(self._items)),
        }
        return self._job(number, scope)

    def _job(self, item: int | None, scope: Mapping[str, object]) -> Job:
        place, budget = self.place, self._budget
        if place is TOP:
            return Job(self.task, item, scope, budget=budget)
        label = place.label(self.task.id)
        return Job(self.task, item, scope, label, place.within, place.rounds, place.depth, budget)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Takes in what came of a job."""
        self._settled += 1
        if job.item is None:
            self._single = outcome
        else:
            self._values[job.item] = outcome.value
            self._total.add(job.item, outcome)

    def outcome(self) -> Outcome:
        """What came of the whole step."""
        if self._single is not None:
            return self._single
        return self._total.outcome(self._values, time.perf_counter() - self._started)


class _Items:
    """The outcomes of a foreach's items, added up."""

    def __init__(self) -> None:
        self.dropped = 0
        self.dropped_because = ""
        self._counts: Counter[Status] = Counter()
        self._spent = Total()
        self._first_failure = ""
        self._grave: FlowrunError | None = None

    def add(self, item: int, outcome: Outcome) -> None:
        self._counts[outcome.status] += 1
        self._spent.add(outcome)
        if outcome.status in ("failed", "ignored") and not self._first_failure:
            self._first_failure = f"item {item + 1}: {outcome.reason}"
        if outcome.status == "failed":
            self._grave = self._grave or outcome.grave
        if outcome.status == "cancelled":
            self.dropped_because = outcome.reason

    def outcome(self, values: list[object], seconds: float) -> Outcome:
        status = self._status(len(values))
        outcome = Outcome(
            status,
            values if status in ("done", "cached", "ignored") else None,
            reason=self._reason(status, len(values)),
            grave=self._grave,
        )
        return self._spent.of(outcome, seconds)

    def _status(self, length: int) -> Status:
        counts = self._counts
        if counts["failed"]:
            return "failed"
        if counts["cancelled"] or self.dropped:
            return "cancelled"
        if counts["ignored"]:
            return "ignored"
        if counts["cached"] and counts["cached"] + counts["skipped"] == length:
            return "cached"
        return "done"

    def _reason(self, status: Status, length: int) -> str:
        if status == "cancelled":
            return self.dropped_because
        if status not in ("failed", "ignored"):
            return ""
        reason = f"{self._counts[status]} of {length} items failed; {self._first_failure}"
        if self.dropped:
            reason += f" ({self.dropped} were not started: {self.dropped_because})"
        return reason
