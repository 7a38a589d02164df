"""Steps put in order at every level, each block with what the steps inside of it need.

steps of the file        recipes ──▶ book       (a block stands for all that is in it)
steps of `recipes`       text ──▶ picture
                         style (outside) ──▶ picture: kept in the block's needs, and as an edge
                         from style to recipes outside
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.document.edges import Edge, Names, requirements
from flowrun.document.levels import Level
from flowrun.document.task import Block, Task

Order: TypeAlias = Callable[
    [Sequence[str], Iterable[Edge]], tuple[Sequence[str], Sequence[Sequence[Edge]]]
]
"""An order of steps, and the loops that forbid one."""


@dataclass(frozen=True, slots=True)
class Linked:
    """Steps in an order in which they can be run, and the edges into them."""

    tasks: tuple[Task, ...]
    edges: Sequence[Edge]


class Linker:
    """Puts levels in order; `loops` are what forbids it, each as its edges."""

    def __init__(self, names: Names, order: Order) -> None:
        self._names = names
        self._order = order
        self.loops: list[Sequence[Edge]] = []

    def link(self, tasks: Sequence[Task], level: Level) -> Linked:
        """The steps of one level in order, and the blocks among them each in its own."""
        by_id: dict[str, Task] = {}
        edges: list[Edge] = []
        for task in tasks:
            edges += self._names.edges(task, level)
            if task.block is not None:
                block, outer = self._block(task, task.block, level.inside(task))
                edges += outer
                task = replace(task, block=block)
            by_id[task.id] = task
        within = [edge for edge in edges if edge.source in by_id and edge.target in by_id]
        ordered, loops = self._order(list(by_id), within)
        self.loops += loops
        return Linked(tuple(by_id[name] for name in ordered), edges)

    def _block(self, task: Task, block: Block, level: Level) -> tuple[Block, Sequence[Edge]]:
        """The block with its steps in order, and the edges that it makes outside."""
        linked = self.link([*block.tasks, *_lost(task, block, level)], level)
        output_edges = list(self._names.block_edges(block, level))
        outer = [
            replace(edge, target=task.id, is_required=False)
            for edge in (*linked.edges, *output_edges)
            if edge.source not in level.steps
        ]
        needs = requirements(linked.edges)
        output_needs = requirements(output_edges).get("", {})
        return replace(block, tasks=linked.tasks, needs=needs, output_needs=output_needs), outer


def _lost(task: Task, block: Block, level: Level) -> Iterator[Task]:
    """Steps that are too faulty to be read, of which anything may be."""
    known = {each.id for each in block.tasks}
    for name in level.steps:
        if name not in known:
            yield Task(name, (*task.path, "steps", name), is_partial=True)
