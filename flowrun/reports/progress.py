"""How far a run is: the fold of its events that both console forms show."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias, assert_never

from flowrun.reports.text import cell_width, one_line
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
    StepStarted,
    StepStreamed,
)

State: TypeAlias = Status | Literal["waiting", "running"]
Asked: TypeAlias = tuple[str, int | None]
"""A step, or one item of it."""

_TAIL = 4_000
_RECENT = 500
_TROUBLES = 100


@dataclass(slots=True)
class Tally:
    """Tokens and money so far; `is_cost_unknown` where a part of it is not known."""

    tokens: int = 0
    cost_usd: Decimal | None = None
    is_cost_unknown: bool = False
    cached: int = 0

    def add(self, event: StepFinished) -> None:
        """Counts one answer; a cached one spends nothing."""
        if event.status == "cached":
            self.cached += 1
            return
        if event.usage is not None:
            self.tokens += event.usage.total_tokens
        if event.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + event.cost_usd
        elif event.usage is not None:
            self.is_cost_unknown = True

    def merge(self, other: Tally) -> None:
        """Counts what `other` counted."""
        self.tokens += other.tokens
        if other.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + other.cost_usd
        self.is_cost_unknown = self.is_cost_unknown or other.is_cost_unknown
        self.cached += other.cached


@dataclass(frozen=True, slots=True)
class Note:
    """Why a step takes longer; `until` is when its next call is made, None if it is made."""

    item: int | None
    reason: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A step or item that gave no value of its own, and why."""

    step: str
    item: int | None
    status: Status
    reason: str


@dataclass(slots=True)
class StepProgress:
    """What is known of one step; `items` is None but for a `foreach` step."""

    name: str
    state: State = "waiting"
    model: str = ""
    started_at: float = 0.0
    seconds: float = 0.0
    items: int | None = None
    items_ended: int = 0
    items_failed: int = 0
    retries: int = 0
    note: Note | None = None
    preview: str = ""
    reason: str = ""
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Progress:
    """A run so far.

    `running` in the order of their start, `recent` the last that ended, `counts` steps by
    state; `texts` the end of what each running call has streamed, kept only if `keeps_text`.
    `name_width` is the widest name's, in columns, and `most_items` the longest list's length.
    """

    keeps_text: bool = False
    pipeline: str = ""
    started_at: float = 0.0
    steps: dict[str, StepProgress] = field(default_factory=dict)
    running: dict[str, StepProgress] = field(default_factory=dict)
    recent: deque[StepProgress] = field(default_factory=lambda: deque(maxlen=_RECENT))
    counts: Counter[State] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    troubles: list[Trouble] = field(default_factory=list)
    troubles_left_out: int = 0
    outputs: list[OutputWritten] = field(default_factory=list)
    texts: dict[Asked, str] = field(default_factory=dict)
    finished: RunFinished | None = None
    name_width: int = 0
    most_items: int | None = None

    @property
    def ended(self) -> int:
        """How many steps have ended, one way or another."""
        return len(self.steps) - self.counts["waiting"] - self.counts["running"]

    @property
    def share(self) -> float:
        """How much of the run has ended, from 0 to 1; items of running steps count in part."""
        parts = sum(step.items_ended / step.items for step in self.running.values() if step.items)
        return min((self.ended + parts) / len(self.steps), 1.0) if self.steps else 0.0

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
                self._step(event.step).items = event.items
                self.most_items = max(self.most_items or 0, event.items)
            case StepRetried():
                self._noted(event, now + event.delay_s)
            case StepRepaired():
                self._noted(event, None)
            case RunStarted():
                self._begun(event)
            case OutputWritten():
                self.outputs.append(event)
            case RunFinished():
                self.finished = event
            case _ as never:
                assert_never(never)

    def _begun(self, event: RunStarted) -> None:
        self.pipeline, self.started_at = event.pipeline, event.at
        for name in event.steps:
            self._step(name)

    def _step(self, name: str) -> StepProgress:
        found = self.steps.get(name)
        if found is None:
            found = self.steps[name] = StepProgress(name)
            self.counts["waiting"] += 1
            self.name_width = max(self.name_width, cell_width(one_line(name)))
        return found

    def _move(self, step: StepProgress, state: State) -> None:
        self.counts[step.state] -= 1
        self.counts[state] += 1
        step.state = state

    def _started(self, event: StepStarted) -> None:
        step = self._step(event.step)
        step.model = event.model or step.model
        if step.state != "running":
            self._move(step, "running")
            step.started_at = event.at
            self.running[step.name] = step

    def _streamed(self, event: StepStreamed) -> None:
        if self.keeps_text:
            key = event.step, event.item
            self.texts[key] = (self.texts.get(key, "") + event.text)[-_TAIL:]

    def _noted(self, event: StepRetried | StepRepaired, until: float | None) -> None:
        step = self._step(event.step)
        step.retries += isinstance(event, StepRetried)
        step.note = Note(event.item, event.reason, until)
        if (event.step, event.item) in self.texts:
            self.texts[event.step, event.item] = ""

    def _finished(self, event: StepFinished) -> None:
        step = self._step(event.step)
        self.texts.pop((event.step, event.item), None)
        step.model = event.model or step.model
        self._count(step, event)
        if event.item is not None:
            self._item_finished(step, event)
            return
        self._move(step, event.status)
        self.running.pop(step.name, None)
        self.recent.append(step)
        step.seconds, step.note = event.seconds, None
        step.preview, step.reason = event.preview, event.reason
        if event.status in ("failed", "skipped", "ignored"):
            self._trouble(event)

    def _item_finished(self, step: StepProgress, event: StepFinished) -> None:
        step.items_ended += 1
        if step.note is not None and step.note.item == event.item:
            step.note = None
        if event.status in ("failed", "ignored"):
            step.items_failed += 1
            self._trouble(event)

    def _count(self, step: StepProgress, event: StepFinished) -> None:
        """Counts items as they end; a step that has items was counted with them."""
        if event.item is None and (step.items is not None or step.items_ended):
            return
        answer = Tally()
        answer.add(event)
        step.tally.merge(answer)
        self.tally.merge(answer)

    def _trouble(self, event: StepFinished) -> None:
        if len(self.troubles) < _TROUBLES:
            found = Trouble(event.step, event.item, event.status, event.reason)
            self.troubles.append(found)
        else:
            self.troubles_left_out += 1


def called(step: str, item: int | None) -> str:
    """How a step, or one item of it, is named: `brief`, `rows[3]`."""
    return step if item is None else f"{step}[{item}]"
