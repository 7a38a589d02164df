"""A plan run once: in-degree counters and turns, no waves, however deep its steps are nested.

Schedule.run
├── Level.begin               fans of jobs wait for their turn
├── _pump                     starts jobs: calls while fewer than `concurrency` are under way,
│   │                         values at any time
│   ├── perform, compute      a model or a tool called; a value
│   ├── Rounds                a job that is repeated
│   └── Level                 a block, or a pipeline that is used: its steps wait in turn
└── _advance                  what is settled settles what it stands in, up to the top
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from flowrun.dataclass import dataclass
from flowrun.document import templates
from flowrun.document.plan import Plan
from flowrun.document.task import Task
from flowrun.errors import FlowrunError
from flowrun.run.events import Event, StepStarted
from flowrun.run.fan import Fan
from flowrun.run.job import TOP, Job, Outcome, Place, failed, lateness
from flowrun.run.level import Graph, Level, finished
from flowrun.run.nested import graph_of, outcome_of
from flowrun.run.queue import Node, Queue, upwards
from flowrun.run.repeat import Rounds


class Performs(Protocol):
    """What the schedule needs done."""

    def compute(self, job: Job) -> Outcome:
        """A value step, at once."""
        ...

    async def perform(self, job: Job) -> Outcome:
        """A step that asks a model or calls a tool."""
        ...

    def inside(self, job: Job) -> Mapping[str, object]:
        """What the steps inside a block, or a pipeline that is used, see."""
        ...


_TURN_S = 0.01
_TURN_JOBS = 100
"""After so long, or so many jobs, replies and signals are looked after."""


@dataclass(slots=True, eq=False)
class _Call:
    """A job under way that waits for a model or a tool."""

    source: Fan | Rounds
    job: Job
    doing: asyncio.Task[None] | None = None
    has_begun: bool = False
    dropped_because: str = ""

    def drop(self, because: str) -> None:
        """Ends it; what never had its first turn ends itself there."""
        self.dropped_because = because
        if self.has_begun and self.doing is not None:
            self.doing.cancel()


class Schedule:
    """One run of one plan.

    `keep_going` tries every element of a foreach although one has failed. `stop` lets calls
    under way finish and starts no more; `abort` drops them.
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
        self.tell = emit
        self._performer = performer
        self._keep_going = keep_going
        self._queue: Queue[Fan | Rounds] = Queue(concurrency)
        self._graphs: dict[int, tuple[Task, Graph]] = {}
        self._under_way: set[_Call] = set()
        self._settled: deque[Fan | Rounds] = deque()
        self._is_settling = False
        self._is_pumping = False
        self._is_free = False
        self._next: _Call | None = None
        self._stopped_because = ""
        self._group: asyncio.TaskGroup | None = None
        graph, top = Graph.of(plan.tasks, plan.needs), TOP.under(plan.budget_usd, "the run")
        self._top = Level(graph, {"inputs": inputs}, self, place=top)

    async def run(self) -> Mapping[str, Outcome]:
        """The outcome of every step, by its name."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._top.begin()
            await self._pump()
        return self._top.outcomes

    async def run_inside(self, plan: Plan, inputs: Mapping[str, object], place: Place) -> Level:
        """Runs another plan while a call under way waits for it; the level when it is over."""
        level = Level(Graph.of(plan.tasks, plan.needs), {"inputs": inputs}, self, place=place)
        is_over = asyncio.Event()
        level.on_over = is_over.set
        self._enter(level)
        self._pump_soon()
        try:
            await is_over.wait()
        except asyncio.CancelledError:
            self._drop(level, "what it was run for was given up")
            raise
        return level

    @property
    def under_way(self) -> int:
        """How many calls are being made."""
        return len(self._under_way)

    def scope(self, names: Mapping[str, bool]) -> dict[str, object]:
        """What a template at the top sees that needs the named steps."""
        return self._top.scope(names)

    def stop(self, because: str = "the run was stopped") -> None:
        """Starts no further job."""
        if not self._stopped_because:
            self._stopped_because = because
            self._close(None, because)

    def abort(self) -> None:
        """Drops the calls under way."""
        self.stop()
        for call in self._under_way:
            call.drop(self._stopped_because)

    # What levels need: waiting, and why not to wait

    def wait(self, source: Fan | Rounds) -> None:
        """Lets a source wait for its turns."""
        self._queue.add(source)

    def closed(self, node: Node) -> str:
        """Why nothing more is started in a node; nothing if it is."""
        if self._stopped_because:
            return self._stopped_because
        return next((each.closed_because for each in upwards(node) if each.closed_because), "")

    # Turns

    async def _pump(self) -> None:
        """Starts what can be started, and lets others have their turn now and then."""
        if self._is_pumping:
            return
        self._is_pumping = True
        jobs, until = 0, time.perf_counter() + _TURN_S
        while (found := self._queue.next()) is not None:
            self._start(*found)
            jobs += 1
            if jobs == _TURN_JOBS or time.perf_counter() > until:
                self._hand_over()
                await asyncio.sleep(0)
                jobs, until = 0, time.perf_counter() + _TURN_S
        self._is_pumping = False

    def _pump_soon(self) -> None:
        """The same, from where nobody can wait for it, or may be cancelled while they do."""
        assert self._group is not None
        self._group.create_task(self._pump())

    def _start(self, source: Fan | Rounds, job: Job) -> None:
        task = job.task
        if isinstance(source, Fan):
            skipped = _condition(job)
            if skipped is not None:
                self._job_done(source, job, skipped)
                return
            if task.repeat is not None:
                rounds = Rounds(job, task.repeat, source, self.tell)
                rounds.deadline = self._deadline(rounds, job)
                self.wait(rounds)
                return
        kind = task.kind
        if kind == "value":
            self._tell_started(job)
            self._job_done(source, job, self._performer.compute(job))
        elif kind in ("prompt", "call"):
            self._call(_Call(source, job))
        else:
            self._open(source, job)

    def _tell_started(self, job: Job) -> None:
        if not job.is_again:
            self.tell(StepStarted(job.step, job.item, None, time.time(), job.within))

    def _call(self, call: _Call) -> None:
        assert self._group is not None
        self._queue.take(call.job.depth)
        self._under_way.add(call)
        if self._is_free and self._next is None:
            self._next = call
        else:
            call.doing = self._group.create_task(self._do(call))

    def _hand_over(self) -> None:
        """Gives the call that would be done next to a task of its own."""
        assert self._group is not None
        self._is_free = False
        call, self._next = self._next, None
        if call is not None:
            call.doing = self._group.create_task(self._do(call))

    async def _do(self, call: _Call) -> None:
        """Does a call, and then the first that its end lets start: with no turn in between."""
        following: _Call | None = call
        while following is not None:
            await self._done(following)
            # What was cancelled once is not to be used again: task groups count that.
            self._is_free = not (self._is_pumping or following.dropped_because)
            await self._pump()
            following, self._next, self._is_free = self._next, None, False

    async def _done(self, call: _Call) -> None:
        call.has_begun = True
        call.doing = asyncio.current_task()
        try:
            if call.dropped_because:
                outcome = Outcome("cancelled", reason=call.dropped_because)
            else:
                outcome = await self._performer.perform(call.job)
        except asyncio.CancelledError:
            if not call.dropped_because:
                raise
            outcome = Outcome("cancelled", reason=call.dropped_because)
        self._under_way.discard(call)
        self._queue.give(call.job.depth)
        self._job_done(call.source, call.job, outcome)

    def _open(self, source: Fan | Rounds, job: Job) -> None:
        """Lets the steps inside a job wait for their turns."""
        self._tell_started(job)
        try:
            scope = self._performer.inside(job)
        except FlowrunError as error:
            self._job_done(source, job, failed(job.task, str(error)))
            return
        graph = self._graph(job.task)
        place = job.inside
        if job.task.uses is not None:
            plan = job.task.uses.plan
            place = place.under(plan.budget_usd, f'the pipeline "{plan.path}"')
        level = Level(graph, scope, self, above=source, job=job, place=place)
        level.deadline = self._deadline(level, job)
        self._enter(level)

    def _graph(self, task: Task) -> Graph:
        inside = task.block or task.uses
        known = self._graphs.get(id(inside))
        if known is None:
            # The task is held as well: its identity must not become another's.
            known = self._graphs[id(inside)] = (task, graph_of(task))
        return known[1]

    def _enter(self, level: Level) -> None:
        level.begin()
        if level.is_over:
            self._level_over(level)

    # Settling: nothing calls itself here, however deep it goes

    def _job_done(self, source: Fan | Rounds, job: Job, outcome: Outcome) -> None:
        source.settle(job, outcome)
        if isinstance(source, Fan):
            if job.item is not None:
                self.tell(finished(job.step, job.item, outcome, job.within))
            if outcome.stops_run:
                self.stop(f'the run was stopped when "{job.step}" failed')
            elif outcome.status == "failed" and not self._keep_going and not source.is_over:
                self._close(source, "--keep-going starts all")
            if not source.is_over:
                return
        self._settled.append(source)
        self._settle()

    def _settle(self) -> None:
        if not self._is_settling:
            self._is_settling = True
            while self._settled:
                self._advance(self._settled.popleft())
            self._is_settling = False

    def _advance(self, source: Fan | Rounds) -> None:
        """Goes on after a job was settled, or those that were left were given up."""
        if isinstance(source, Rounds):
            self._next_round(source)
        elif source.is_over:
            level = source.above
            assert isinstance(level, Level)
            if source.task.id not in level.outcomes:
                level.settle(source.task.id, source.outcome())
                if level.is_over:
                    self._level_over(level)

    def _next_round(self, rounds: Rounds) -> None:
        if rounds.left:
            because = self.closed(rounds)
            if not because:
                self.wait(rounds)
                return
            rounds.close(because)
        _call_off(rounds.deadline)
        self._job_done(rounds.above, rounds.job, rounds.outcome())

    def _level_over(self, level: Level) -> None:
        _call_off(level.deadline)
        if level.above is not None and level.job is not None:
            self._job_done(level.above, level.job, outcome_of(level, level.job))
        elif level.on_over is not None:
            level.on_over()

    # Ending before the end

    def _close(self, node: Node | None, because: str) -> None:
        """Starts nothing more in a node, or anywhere."""
        if node is not None:
            node.closed_because = node.closed_because or because
        self._settled.extend(self._queue.close(node, because))
        self._settle()

    def _drop(self, node: Node, because: str) -> None:
        """Drops the calls under way in a node, and starts no more there."""
        for call in self._under_way:
            if node in upwards(call.source):
                call.drop(because)
        self._close(node, because)

    def _deadline(self, node: Node, job: Job) -> asyncio.TimerHandle | None:
        """Ends a node when the time of its step is over."""
        seconds = job.task.timeout_s
        if seconds is None:
            return None
        because = f'step "{job.step}" {lateness(job.task)}'
        return asyncio.get_running_loop().call_later(seconds, self._give_up, node, because)

    def _give_up(self, node: Node, because: str) -> None:
        self._drop(node, because)
        self._pump_soon()


def _call_off(deadline: asyncio.TimerHandle | None) -> None:
    if deadline is not None:
        deadline.cancel()


def _condition(job: Job) -> Outcome | None:
    """The outcome of a job whose `if` does not hold; None if it holds."""
    condition = job.task.condition
    if isinstance(condition, bool):
        return None if condition else Outcome("skipped", reason="its `if` is false")
    try:
        holds = bool(templates.value(condition.template, job.scope))
    except FlowrunError as error:
        return failed(job.task, str(error))
    if holds:
        return None
    source = condition.template.source.strip()
    return Outcome("skipped", reason=f"its `if` does not hold: {source}")
