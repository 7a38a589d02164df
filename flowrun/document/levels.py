"""Scopes of names: the steps that a template may name, and its names that are no steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.outline import section
from flowrun.document.task import Task

ROUNDS = ("previous", "rounds", "round")
"""What the templates of a step with `repeat` know of its rounds."""


@dataclass(frozen=True, slots=True)
class Level:
    """The steps of the file, or of a block, with what is known around them.

    `steps` are as the file has them, faulty ones too. `owner` is the block's name among the
    steps of `outer`. `variables` are the loop variables of the blocks around; `special` are
    `loop` and what is known of rounds. `lost` would be known but for a fault told elsewhere.
    """

    steps: Mapping[str, JsonValue]
    outer: Level | None = None
    owner: str = ""
    variables: frozenset[str] = frozenset()
    special: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

    def entry(self, step: str) -> Mapping[str, JsonValue]:
        """What the file says of a step."""
        return section(self.steps, step)

    def inside(self, task: Task) -> Level:
        """The level of the block that the task is."""
        entry = self.entry(task.id)
        return Level(
            section(entry, "steps"),
            self,
            task.id,
            self.variables | {loop.name for loop in task.loops},
            self.special | _special(task),
            self.lost | lost_names(task, entry),
        )

    def around(self) -> Iterator[Level]:
        """This level and those around it, from inside out."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.outer

    def names(self) -> Iterator[str]:
        """The steps that can be named here, the nearest first."""
        for level in self.around():
            yield from level.steps

    def sees(self, name: str) -> bool:
        """Whether a step of that name can be named here."""
        return any(name in level.steps for level in self.around())


@dataclass(frozen=True, slots=True)
class View:
    """What a template of `target` may name; `own` are names that are no steps to it.

    `target` is "" for an output. `variables` are the loop variables among its own names.
    """

    level: Level
    target: str = ""
    variables: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

    @classmethod
    def of(cls, level: Level, target: str = "", lost: Iterable[str] = ()) -> View:
        """What is known before any loop variable."""
        known = level.variables | level.special
        return cls(level, target, level.variables, known, level.lost | frozenset(lost))

    def looped(self, name: str) -> View:
        """With a loop variable."""
        return replace(self, variables=self.variables | {name}, own=self.own | {name})

    def plus(self, names: Iterable[str]) -> View:
        """With names that are neither steps nor loop variables."""
        return replace(self, own=self.own.union(names))


def lost_names(task: Task, entry: Mapping[str, JsonValue]) -> frozenset[str]:
    """What the step's templates would know but for a fault of its foreach or repeat."""
    lost: set[str] = set()
    if entry.keys() & {"foreach", "as"}:
        source = entry.get("foreach")
        name = entry.get("as", "item")
        declared = set(source) if isinstance(source, Mapping) else {str(name)}
        if missing := declared - {loop.name for loop in task.loops}:
            lost |= missing | {"item", "loop"}
    if "repeat" in entry and task.repeat is None:
        lost.update(ROUNDS)
    return frozenset(lost)


def _special(task: Task) -> frozenset[str]:
    found = ("loop",) if task.loops else ()
    return frozenset((*found, *ROUNDS) if task.repeat else found)
