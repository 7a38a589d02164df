"""Which steps may have no value, as an `if` skips them, or a step whose value they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowrun.document.slots import Slot, slots
from flowrun.document.source import Path
from flowrun.document.task import Block, Task


class Skips:
    """The paths of steps that may be skipped, `steps`; of `items` one item or round may be.

    `names` are those among the tasks themselves.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.steps: set[Path] = set()
        self.items: set[Path] = set()
        self.names = self._level(tasks, frozenset())

    def _level(self, tasks: Sequence[Task], around: frozenset[str]) -> frozenset[str]:
        """The names at this level, and around it, that may have no value."""
        found = set(around)
        for task in tasks:
            is_hollow = task.block is not None and self._is_hollow(task.block, frozenset(found))
            if task.condition is not True or is_hollow:
                self.items.add(task.path)
            is_single = task.path in self.items and not task.loops
            if is_single or required(task.own_slots()) & found:
                self.steps.add(task.path)
                found.add(task.id)
        return frozenset(found)

    def _is_hollow(self, block: Block, around: frozenset[str]) -> bool:
        """Whether all that is in a block may be skipped, or what its output needs."""
        found = self._level(block.tasks, around)
        are_all = all(task.path in self.steps for task in block.tasks)
        return are_all or bool(required(slots(block.output)) & found)


def required(templates: Iterable[Slot]) -> frozenset[str]:
    """The names that the templates cannot do without."""
    return frozenset(
        each.name for slot in templates for each in slot.template.references if not each.optional
    )
