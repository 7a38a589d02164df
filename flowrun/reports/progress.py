"""How far a run is: the fold of its events that both console forms show.

Steps inside a block or a sub-pipeline have one row for all items and rounds that they are run in,
below the step that holds them; so has each tool that a model calls, below the step that asks it.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import field
from typing import assert_never

from flowrun.dataclass import dataclass
from flowrun.reports.activity import Note, Place, State, StepProgress
from flowrun.reports.naming import Asked, instance
from flowrun.reports.tally import Tally
from flowrun.reports.text import cell_width
from flowrun.reports.troubles import Troubles
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    Status,
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

_TAIL = 4_000
_RECENT = 500
_TOOLS = 50
_OTHERS = "…"


@dataclass(slots=True)
class Progress:
    """A run so far.

    `running` in the order of their start, `recent` the last that ended, `counts` steps by
    state; `texts` the end of what each running call has streamed, kept only if `keeps_text`.
    `name_width` is the widest name's, in columns, `most_items` the longest list's length, and
    `most_times` how often anything was run that is run again.
    """

    keeps_text: bool = False
    pipeline: str = ""
    started_at: float = 0.0
    steps: dict[str, StepProgress] = field(default_factory=dict)
    running: dict[str, StepProgress] = field(default_factory=dict)
    recent: deque[StepProgress] = field(default_factory=lambda: deque(maxlen=_RECENT))
    counts: Counter[State] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    troubles: Troubles = field(default_factory=Troubles)
    outputs: list[OutputWritten] = field(default_factory=list)
    texts: dict[Asked, str] = field(default_factory=dict)
    finished: RunFinished | None = None
    name_width: int = 0
    most_items: int | None = None
    most_times: int = 0
    _inside: dict[str, StepProgress] = field(default_factory=dict)

    def rows(self) -> list[StepProgress]:
        """Every step, what is inside others below them."""
        return [row for step in self.steps.values() for row in step.rows()]

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self.steps) + len(self._inside)

    @property
    def ended(self) -> int:
        """How many steps have ended, one way or another."""
        return len(self.steps) - self.counts["waiting"] - self.counts["running"]

    @property
    def share(self) -> float:
        """How much of the run has ended, from 0 to 1; items of running steps count in part."""
        parts = sum(step.items_ended / step.items for step in self.running.values() if step.items)
        return min((self.ended + parts) / len(self.steps), 1.0) if self.steps else 0.0

    def row(self, name: str) -> StepProgress:
        """What is known of a step, by its way from the top."""
        found = (self._inside if "." in name else self.steps).get(name)
        return self._add(name) if found is None else found

    def _add(self, name: str) -> StepProgress:
        above = self._above(name)
        row = StepProgress(name, above=above)
        if above is None:
            self.steps[name] = row
            self.counts["waiting"] += 1
        else:
            above.inside[name] = self._inside[name] = row
        self.name_width = max(self.name_width, cell_width(row.title))
        return row

    def _above(self, name: str) -> StepProgress | None:
        """What the step stands in, as far as it is known; None at the top."""
        way = name
        while "." in way:
            way = way.rpartition(".")[0]
            found = self._inside.get(way) or self.steps.get(way)
            if found is not None:
                return found
        return None if way == name else self.row(way)

    def apply(self, event: Event, now: float) -> None:
        """Takes in one event; `now` is when it is heard, in seconds since the epoch."""
        match event:
            case StepStreamed():
                self._streamed(event)
            case StepStarted():
                self._started(event)
            case StepFinished():
                self._finished(event)
            case StepExpanded():
                self._expanded(event)
            case StepRetried() | StepRepaired():
                self._noted(event, now)
            case StepRound():
                self._rounded(event)
            case ToolStarted():
                self._tool_started(event)
            case ToolFinished():
                self._tool_finished(event)
            case RunStarted() | RunFinished() | OutputWritten():
                self._told(event)
            case _ as never:
                assert_never(never)

    def _told(self, event: RunStarted | RunFinished | OutputWritten) -> None:
        if isinstance(event, RunStarted):
            self.pipeline, self.started_at = event.pipeline, event.at
            for name in event.steps:
                self.row(name)
        elif isinstance(event, RunFinished):
            self.finished = event
        else:
            self.outputs.append(event)

    def _move(self, step: StepProgress, state: State) -> None:
        self.counts[step.state] -= 1
        self.counts[state] += 1
        step.state = state

    def _started(self, event: StepStarted) -> None:
        step = self.row(event.step)
        if event.model:
            step.model, step.asks = event.model, True
        if step.above is not None:
            if event.item is None:
                step.begin((event.within, None), event.at)
        elif step.state != "running":
            self._move(step, "running")
            step.started_at = event.at
            self.running[step.name] = step

    def _expanded(self, event: StepExpanded) -> None:
        step = self.row(event.step)
        step.items = event.items + (step.items or 0)
        self.most_items = max(self.most_items or 0, step.items)

    def _streamed(self, event: StepStreamed) -> None:
        if self.keeps_text:
            key = instance(event), event.item
            self.texts[key] = (self.texts.get(key, "") + event.text)[-_TAIL:]

    def _noted(self, event: StepRetried | StepRepaired, now: float) -> None:
        step = self.row(event.step)
        until = None
        if isinstance(event, StepRetried):
            step.retries += 1
            until = now + event.delay_s
        step.note = Note(event.item, event.reason, until)
        if (instance(event), event.item) in self.texts:
            self.texts[instance(event), event.item] = ""

    def _rounded(self, event: StepRound) -> None:
        step = self._says(event, f"round {event.number}: {event.preview}")
        step.rounds += 1
        self.most_times = max(self.most_times, step.times)

    def _says(self, event: StepRound | ToolStarted | ToolFinished, text: str) -> StepProgress:
        """Notes what a step does while it goes on; what its model said is done with."""
        step = self.row(event.step)
        step.preview = text
        self.texts.pop((instance(event), event.item), None)
        return step

    def _tool_started(self, event: ToolStarted) -> None:
        step = self._says(event, f"{event.tool} {event.arguments}")
        tool = self._tool(step, event.tool)
        tool.preview = event.arguments
        if tool is not step:
            tool.begin((event.within, event.item), event.at)

    def _tool_finished(self, event: ToolFinished) -> None:
        step = self._says(event, f"{event.tool}: {event.preview}")
        tool = self._tool(step, event.tool)
        tool.preview = event.preview
        if tool is not step:
            status: Status = "cached" if event.is_kept else "done"
            status = "ignored" if event.is_error else status
            self._end(tool, (event.within, event.item), status, event.at)

    def _tool(self, step: StepProgress, label: str) -> StepProgress:
        """The row of a tool; the step's own where it does nothing but call it.

        A model may make up names: of so many tools they are not told apart.
        """
        if not step.asks:
            step.model = label
            return step
        name = f"{step.name}.{label}"
        if name not in self._inside and len(step.inside) >= _TOOLS:
            name = f"{step.name}.{_OTHERS}"
        return self.row(name)

    def _end(self, step: StepProgress, place: Place, status: Status, at: float) -> None:
        step.end(place, status, at)
        self.most_times = max(self.most_times, step.times)

    def _finished(self, event: StepFinished) -> None:
        step = self.row(event.step)
        if self.texts:
            self.texts.pop((instance(event), event.item), None)
        if not step.is_sum:
            step.model = event.model or step.model
            self._count(step, event)
        if step.asks:
            for tool in step.inside.values():
                tool.give_up((event.within, event.item), event.at)
        if event.status in ("failed", "ignored"):
            self.troubles.add(event)
        elif event.reason and event.status in ("done", "cached"):
            step.unmet, step.shortfall = step.unmet + 1, event.reason
        if event.item is not None:
            self._item_finished(step, event)
            return
        step.note, step.preview, step.reason = None, event.preview, event.reason
        if step.above is not None:
            self._end(step, (event.within, None), event.status, event.at)
        else:
            self._step_finished(step, event)

    def _step_finished(self, step: StepProgress, event: StepFinished) -> None:
        """A step at the top is over, and so is all that is inside."""
        self._move(step, event.status)
        self.running.pop(step.name, None)
        self.recent.append(step)
        step.seconds = event.seconds
        for each in step.rows():
            if each is not step:
                each.close(event.at)
        if event.status == "skipped":
            self.troubles.add(event)

    def _item_finished(self, step: StepProgress, event: StepFinished) -> None:
        step.items_ended += 1
        step.items_failed += event.status in ("failed", "ignored")
        if step.note is not None and step.note.item == event.item:
            step.note = None

    def _count(self, step: StepProgress, event: StepFinished) -> None:
        """Counts what was spent, once: not again what the items have told."""
        if event.item is None and step.items is not None:
            return
        step.tally.add(event)
        for each in step.around():
            if each.asks:
                return  # it counts what its tools have spent itself
            each.tally.add(event)
        self.tally.add(event)
