"""One graph of tasks on its way: the steps of a plan, those inside a block, a pipeline used.

Level.begin, Level.settle
└── _begin                a task whose needs are all settled
    ├── _blocked          skipped or failed needs settle it without doing anything
    └── Fan               one job, or one for each element of a foreach, which wait for their turn
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from flowrun.dataclass import dataclass
from flowrun.document.task import Task
from flowrun.document.templates import SKIPPED
from flowrun.errors import FlowrunError
from flowrun.run.events import Event, StepExpanded, StepFinished, StepStarted
from flowrun.run.fan import Fan, elements
from flowrun.run.job import TOP, Job, Outcome, Place, failed
from flowrun.run.preview import preview
from flowrun.run.queue import Node
from flowrun.run.repeat import Rounds


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks and who needs whom; one for however many items and rounds go through it.

    `needs` are those among the tasks, `outer` the values of the scopes around them that a task
    cannot do without. `calling` are the tasks that wait for models or tools.
    """

    tasks: Mapping[str, Task]
    needs: Mapping[str, Mapping[str, bool]]
    outer: Mapping[str, tuple[str, ...]]
    dependants: Mapping[str, list[str]]
    calling: frozenset[str]

    @classmethod
    def of(cls, tasks: Iterable[Task], needs: Mapping[str, Mapping[str, bool]]) -> Graph:
        """The graph of tasks whose needs may name others too."""
        by_name = {task.id: task for task in tasks}
        inner: dict[str, dict[str, bool]] = {}
        outer: dict[str, tuple[str, ...]] = {}
        dependants: dict[str, list[str]] = {name: [] for name in by_name}
        for name in by_name:
            wanted = needs.get(name, {})
            inner[name] = {each: wanted[each] for each in wanted if each in by_name}
            outer[name] = tuple(each for each in wanted if wanted[each] and each not in by_name)
            for needed in inner[name]:
                dependants[needed].append(name)
        calling = frozenset(name for name, task in by_name.items() if makes_calls(task))
        return cls(by_name, inner, outer, dependants, calling)


def makes_calls(task: Task) -> bool:
    """Whether the task waits for a model or a tool, itself or inside."""
    seen: set[int] = set()
    waiting = [task]
    while waiting:
        task = waiting.pop()
        if task.ask is not None or task.call is not None:
            return True
        inner = task.block if task.uses is None else task.uses.plan
        if inner is not None and id(inner) not in seen:
            seen.add(id(inner))
            waiting.extend(inner.tasks)
    return False


class Line(Protocol):
    """Where the jobs of a level wait for their turn."""

    def tell(self, event: Event) -> None:
        """Emits an event."""
        ...

    def wait(self, source: Fan) -> None:
        """Lets a source wait for its turns."""
        ...

    def closed(self, node: Node) -> str:
        """Why nothing more is started in a node; nothing if it is."""
        ...


class Level:
    """A graph's tasks with what has come of them.

    `above` and `job` are what the level does, None for a plan at the top. `on_over` hears that
    everything is settled where there is nothing above.
    """

    def __init__(
        self,
        graph: Graph,
        scope: Mapping[str, object],
        line: Line,
        *,
        above: Fan | Rounds | None = None,
        job: Job | None = None,
        place: Place = TOP,
    ) -> None:
        self.graph = graph
        self.above = above
        self.job = job
        self.place = place
        self.waiting = 0
        self.closed_because = ""
        self.outcomes: dict[str, Outcome] = {}
        self.started = time.perf_counter()
        self.deadline: asyncio.TimerHandle | None = None
        self.on_over: Callable[[], None] | None = None
        self._scope = scope
        self._line = line
        self._unsettled = {name: len(needs) for name, needs in graph.needs.items()}

    @property
    def is_over(self) -> bool:
        """Whether every task is settled."""
        return len(self.outcomes) == len(self.graph.tasks)

    def scope(self, names: Iterable[str]) -> dict[str, object]:
        """What a template sees that needs the named steps: these, and all that is outside."""
        scope = dict(self._scope)
        outside = scope.get("run")
        facts = dict(outside) if isinstance(outside, Mapping) else {}
        for name in names:
            outcome = self.outcomes.get(name)
            if outcome is not None:
                scope[name] = outcome.value if outcome.has_value else SKIPPED
                facts[name] = outcome.facts()
        scope["run"] = facts
        return scope

    def lacks(self, names: Iterable[str]) -> str:
        """The first of the names, inside or outside, that has no value since it was skipped."""
        for name in names:
            outcome = self.outcomes.get(name)
            if outcome is None:
                if self._scope.get(name) is SKIPPED:
                    return name
            elif outcome.status == "skipped" and not outcome.blocked:
                return name
        return ""

    def begin(self) -> None:
        """Begins the tasks that need no other."""
        for name, needs in self.graph.needs.items():
            if not needs:
                outcome = self._begin(self.graph.tasks[name])
                if outcome is not None:
                    self.settle(name, outcome)

    def settle(self, name: str, outcome: Outcome) -> None:
        """Settles a task; its dependants begin, or are settled in turn."""
        settled = [(name, outcome)]
        while settled:
            name, outcome = settled.pop()
            self.outcomes[name] = outcome
            self._line.tell(finished(self.place.label(name), None, outcome, self.place.within))
            for dependant in self.graph.dependants[name]:
                self._unsettled[dependant] -= 1
                if self._unsettled[dependant] == 0:
                    at_once = self._begin(self.graph.tasks[dependant])
                    if at_once is not None:
                        settled.append((dependant, at_once))

    def _begin(self, task: Task) -> Outcome | None:
        """Lets the task's jobs wait; or the outcome of a task that has none to do."""
        blocked = self._blocked(task)
        if blocked is not None:
            return blocked
        because = self._line.closed(self)
        if because:
            return Outcome("cancelled", reason=because)
        scope = self.scope(self.graph.needs[task.id])
        try:
            items = elements(task.loops, scope) if task.loops else None
        except FlowrunError as error:
            return failed(task, str(error))
        if items is not None:
            now, label = time.time(), self.place.label(task.id)
            self._line.tell(StepStarted(label, None, None, now, self.place.within))
            self._line.tell(StepExpanded(label, len(items), now, self.place.within))
        fan = Fan(
            task,
            scope,
            items,
            above=self,
            place=self.place,
            makes_calls=task.id in self.graph.calling,
        )
        if fan.is_over:
            return fan.outcome()
        self._line.wait(fan)
        return None

    def _blocked(self, task: Task) -> Outcome | None:
        """Why the task cannot be done, as its outcome; None if it can.

        A skipped need comes first: the task would be skipped whatever became of the others.
        """
        needs = self.graph.needs[task.id]
        required = [name for name, is_required in needs.items() if is_required]
        skipped = self.lacks((*required, *self.graph.outer[task.id]))
        if skipped:
            return Outcome("skipped", reason=f'needs "{skipped}", which was skipped')
        for name in needs:
            outcome = self.outcomes[name]
            if outcome.status == "failed":
                return Outcome("skipped", reason=f'needs "{name}", which failed', blocked=True)
            if outcome.blocked:
                return Outcome("skipped", reason=outcome.reason, blocked=True)
            if outcome.status == "cancelled":
                return Outcome("cancelled", reason=outcome.reason)
        return None


def finished(
    step: str, item: int | None, outcome: Outcome, within: tuple[int, ...]
) -> StepFinished:
    """The event that tells an outcome."""
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
        within=within,
    )
