"""What is known of one step of a run while it goes on, and of the steps and tools inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.reports.tally import Tally
from flowrun.reports.text import one_line
from flowrun.run.events import Status

State: TypeAlias = Status | Literal["waiting", "running"]
Place: TypeAlias = tuple[tuple[int, ...], int | None]
"""One of the many times that a step is run: what is around it, and the item."""

_WORST_FIRST: tuple[Status, ...] = ("failed", "ignored", "cancelled", "done", "cached", "skipped")


@dataclass(frozen=True, slots=True)
class Note:
    """Why a step takes longer; `until` is when its next call is made, None if it is made."""

    item: int | None
    reason: str
    until: float | None


@dataclass(slots=True)
class StepProgress:
    """What is known of one step, or of a tool that one calls.

    `name` is its way from the top. `items` is None but for a `foreach` step. What stands inside
    another is one for all the items and rounds it is run in: `ends` counts how they ended, and
    `items` those of all together. `seconds` is how long it ran, anywhere, before `started_at` if
    it runs. `rounds` are those of its own `repeat`. `unmet` counts how often it went on though it
    fell short, and `shortfall` says of what. `asks`: it asks a model, so that what its tools cost
    is in what it costs itself.
    """

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
    rounds: int = 0
    unmet: int = 0
    shortfall: str = ""
    asks: bool = False
    ends: dict[Status, int] = field(default_factory=dict)
    above: StepProgress | None = field(default=None, repr=False, compare=False)
    inside: dict[str, StepProgress] = field(default_factory=dict)
    _places: dict[Place, int] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """The name in a table, where what is inside others stands below them."""
        if self.above is None:
            return one_line(self.name)
        depth = sum(1 for _ in self.around())
        return "  " * depth + one_line(self.name.removeprefix(f"{self.above.name}."))

    @property
    def is_sum(self) -> bool:
        """Whether what it costs is what the steps inside it cost, and told by them."""
        return not self.asks and bool(self.inside)

    @property
    def times(self) -> int:
        """How often it was run: what stands inside another, or is repeated."""
        return max(sum(self.ends.values()), self.rounds)

    @property
    def fell_short(self) -> str:
        """What it went on without, and how often if it was run many times."""
        count = sum(self.ends.values()) if self.items is None else self.items_ended
        if not self.unmet or count <= 1:
            return self.shortfall
        return f"{self.unmet:,} of {count:,} times: {self.shortfall}"

    def around(self) -> Iterator[StepProgress]:
        """The steps that it stands in, the nearest first."""
        above = self.above
        while above is not None:
            yield above
            above = above.above

    def rows(self) -> Iterator[StepProgress]:
        """It, and all inside it below."""
        yield self
        for each in self.inside.values():
            yield from each.rows()

    def elapsed(self, now: float) -> float:
        """How long it has run by now."""
        return self.seconds + (now - self.started_at if self.state == "running" else 0.0)

    def begin(self, place: Place, at: float) -> None:
        """It is run in one more place."""
        if self.state != "running":
            self.started_at = at
            self.state = "running"
        self._places[place] = self._places.get(place, 0) + 1

    def end(self, place: Place, status: Status, at: float) -> None:
        """It ended there; one that was skipped need not have begun."""
        self.ends[status] = self.ends.get(status, 0) + 1
        self._leave(place, at)

    def give_up(self, place: Place, at: float) -> None:
        """What called it there is over, so it is."""
        self._places.pop(place, None)
        self._rest(at)

    def close(self, at: float) -> None:
        """It is run nowhere any more."""
        self._places.clear()
        self._rest(at)

    def _leave(self, place: Place, at: float) -> None:
        left = self._places.pop(place, 1) - 1
        if left:
            self._places[place] = left
        self._rest(at)

    def _rest(self, at: float) -> None:
        """Shows how it ended, unless it is still run somewhere."""
        if self._places:
            return
        if self.state == "running":
            self.seconds += max(at - self.started_at, 0.0)
        self.state = next((each for each in _WORST_FIRST if each in self.ends), "cancelled")
