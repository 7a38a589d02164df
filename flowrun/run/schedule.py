"""A plan run once: in-degree counters and a ready queue, no waves.

Schedule.run
├── _begin                    a task whose needs are all settled
│   ├── _blocked              skipped or failed needs settle it without doing anything
│   └── Fan                   one job, or one for each element of a foreach
├── _pump                     starts jobs: calls while fewer than `concurrency` are under way,
│                             values at any time
└── _settle                   the task's outcome; its dependants' counters go down
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from flowrun.document import templates
from flowrun.document.plan import Plan
from flowrun.document.task import Task
from flowrun.document.templates import SKIPPED
from flowrun.errors import FlowrunError
from flowrun.run.events import Event, StepExpanded, StepFinished, StepStarted
from flowrun.run.fan import Fan, elements
from flowrun.run.job import Job, Outcome
from flowrun.run.preview import preview


class Performs(Protocol):
    """What the schedule needs done."""

    def compute(self, job: Job) -> Outcome:
        """A value step, at once."""
        ...

    async def perform(self, job: Job) -> Outcome:
        """A step that asks a model."""
        ...


_TURN_S = 0.01
_TURN_JOBS = 100
"""After so long, or so many jobs, replies and signals are looked after."""


class Schedule:
    """One run of one plan.

    `keep_going` tries every element of a foreach although one has failed. `stop` lets calls under
    way finish and starts no more; `abort` drops them.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, object],
        performer: Performs,
        emit: Callable[[Event], None],
        *,
        concurrency: int,
        keep_going: bool = False,
    ) -> None:
        self._inputs = inputs
        self._performer = performer
        self._emit = emit
        self._concurrency = concurrency
        self._keep_going = keep_going
        self._tasks = {task.id: task for task in plan.tasks}
        self._needs = {
            task.id: {
                name: is_required
                for name, is_required in plan.needs.get(task.id, {}).items()
                if name in self._tasks
            }
            for task in plan.tasks
        }
        self._unsettled = {name: len(needs) for name, needs in self._needs.items()}
        self._dependants: dict[str, list[str]] = {name: [] for name in self._tasks}
        for name, needs in self._needs.items():
            for needed in needs:
                self._dependants[needed].append(name)
        self.outcomes: dict[str, Outcome] = {}
        self._asking: deque[Fan] = deque()
        self._computing: deque[Fan] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_pumping = False
        self._stopped_because = ""
        self._is_aborting = False
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> Mapping[str, Outcome]:
        """The outcome of every step, by its name."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for task in self._tasks.values():
                if not self._needs[task.id]:
                    self._settle(task.id, self._begin(task))
            await self._pump()
        for name in self._tasks:
            # What was dropped before it had its first turn never told so itself.
            if name not in self.outcomes:
                self._settle(name, self._cancelled())
        return self.outcomes

    @property
    def under_way(self) -> int:
        """How many jobs are being done."""
        return len(self._under_way)

    def stop(self, because: str = "the run was stopped") -> None:
        """Starts no further job."""
        if self._stopped_because:
            return
        self._stopped_because = because
        waiting = [*self._asking, *self._computing]
        self._asking.clear()
        self._computing.clear()
        for fan in waiting:
            fan.close(because)
            if fan.is_over:
                self._settle(fan.task.id, fan.outcome())

    def abort(self) -> None:
        """Drops the jobs under way."""
        self.stop()
        self._is_aborting = True
        for each in self._under_way:
            each.cancel()

    def scope(self, names: Mapping[str, bool]) -> dict[str, object]:
        """What a template sees that needs the named steps."""
        scope: dict[str, object] = {"inputs": self._inputs}
        facts: dict[str, object] = {}
        for name in names:
            outcome = self.outcomes[name]
            scope[name] = outcome.value if outcome.has_value else SKIPPED
            facts[name] = outcome.facts()
        scope["run"] = facts
        return scope

    # A task becomes ready, fans out, and is settled.

    def _begin(self, task: Task) -> Outcome | None:
        """Queues the task's jobs; or the outcome of a task that has none to do."""
        blocked = self._blocked(task)
        if blocked is not None:
            return blocked
        if self._stopped_because:
            return self._cancelled()
        scope = self.scope(self._needs[task.id])
        try:
            items = elements(task.loops, scope) if task.loops else None
        except FlowrunError as error:
            return _failed(task, str(error))
        if items is not None:
            now = time.time()
            self._emit(StepStarted(task.id, None, None, now))
            self._emit(StepExpanded(task.id, len(items), now))
        fan = Fan(task, scope, items)
        if fan.is_over:
            return fan.outcome()
        (self._computing if task.ask is None else self._asking).append(fan)
        return None

    def _blocked(self, task: Task) -> Outcome | None:
        """Why the task cannot be done, as its outcome; None if it can.

        A skipped need comes first: the task would be skipped whatever became of the others.
        """
        needs = {name: self.outcomes[name] for name in self._needs[task.id]}
        for name, outcome in needs.items():
            is_skipped = outcome.status == "skipped" and not outcome.blocked
            if is_skipped and self._needs[task.id][name]:
                return Outcome("skipped", reason=f'needs "{name}", which was skipped')
        for name, outcome in needs.items():
            if outcome.status == "failed":
                return Outcome("skipped", reason=f'needs "{name}", which failed', blocked=True)
            if outcome.blocked:
                return Outcome("skipped", reason=outcome.reason, blocked=True)
            if outcome.status == "cancelled":
                return self._cancelled()
        return None

    async def _pump(self) -> None:
        """Starts what can be started, and lets others have their turn now and then."""
        if self._is_pumping:
            return
        self._is_pumping = True
        jobs, until = 0, time.perf_counter() + _TURN_S
        while (fan := self._next()) is not None:
            self._start(fan, fan.next_job())
            jobs += 1
            if jobs == _TURN_JOBS or time.perf_counter() > until:
                await asyncio.sleep(0)
                jobs, until = 0, time.perf_counter() + _TURN_S
        self._is_pumping = False

    def _next(self) -> Fan | None:
        """The fan whose turn it is: one that asks, if a call may be made, goes before values."""
        can_ask = self._asking and len(self._under_way) < self._concurrency
        queue = self._asking if can_ask else self._computing
        if not queue:
            return None
        fan = queue.popleft()
        if fan.left > 1:
            queue.append(fan)
        return fan

    def _start(self, fan: Fan, job: Job) -> None:
        skipped = self._condition(job)
        if skipped is not None:
            self._job_done(fan, job, skipped)
        elif job.task.ask is None:
            self._emit(StepStarted(job.task.id, job.item, None, time.time()))
            self._job_done(fan, job, self._performer.compute(job))
        else:
            assert self._group is not None
            doing = self._group.create_task(self._do(fan, job))
            self._under_way.add(doing)
            doing.add_done_callback(self._under_way.discard)

    async def _do(self, fan: Fan, job: Job) -> None:
        try:
            outcome = await self._performer.perform(job)
        except asyncio.CancelledError:
            if not self._is_aborting:
                raise
            outcome = self._cancelled()
        current = asyncio.current_task()
        assert current is not None
        self._under_way.discard(current)
        self._job_done(fan, job, outcome)
        await self._pump()

    def _condition(self, job: Job) -> Outcome | None:
        """The outcome of a job whose `if` does not hold; None if it holds."""
        condition = job.task.condition
        if isinstance(condition, bool):
            return None if condition else Outcome("skipped", reason="its `if` is false")
        try:
            holds = bool(templates.value(condition.template, job.scope))
        except FlowrunError as error:
            return _failed(job.task, str(error))
        if holds:
            return None
        source = condition.template.source.strip()
        return Outcome("skipped", reason=f"its `if` does not hold: {source}")

    def _job_done(self, fan: Fan, job: Job, outcome: Outcome) -> None:
        fan.settle(job, outcome)
        if job.item is not None:
            self._emit(_finished(job.task.id, job.item, outcome))
        if outcome.stops_run:
            self.stop(f'the run was stopped when "{job.task.id}" failed')
        elif outcome.status == "failed" and not self._keep_going:
            self._drop(fan)
        if fan.is_over:
            self._settle(job.task.id, fan.outcome())

    def _drop(self, fan: Fan) -> None:
        """Starts none of the items that are left."""
        if fan.left:
            (self._computing if fan.task.ask is None else self._asking).remove(fan)
            fan.close("--keep-going starts all")

    def _settle(self, name: str, outcome: Outcome | None) -> None:
        """Settles a task that has an outcome; its dependants begin, or are settled in turn."""
        settled = [] if outcome is None else [(name, outcome)]
        while settled:
            name, outcome = settled.pop()
            if name in self.outcomes:
                continue
            self.outcomes[name] = outcome
            self._emit(_finished(name, None, outcome))
            for dependant in self._dependants[name]:
                self._unsettled[dependant] -= 1
                if self._unsettled[dependant] == 0:
                    at_once = self._begin(self._tasks[dependant])
                    if at_once is not None:
                        settled.append((dependant, at_once))

    def _cancelled(self) -> Outcome:
        return Outcome("cancelled", reason=self._stopped_because)


def _failed(task: Task, reason: str) -> Outcome:
    return Outcome("ignored" if task.ignores_errors else "failed", reason=reason)


def _finished(step: str, item: int | None, outcome: Outcome) -> StepFinished:
    return StepFinished(
        step,
        item,
        outcome.status,
        time.time(),
        outcome.seconds,
        model=outcome.model,
        usage=outcome.usage,
        cost_usd=outcome.cost_usd,
        reason=outcome.reason,
        preview=preview(outcome.value),
        key=outcome.key,
    )
