"""A checked file as an immutable Plan; the only importer of networkx.

brief ──▶ hero          the plan's order: brief, hero, headlines, …
  └─────▶ headlines     (a step after all that it needs, else as in the file)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flowrun.document.edges import Edge, requirements
from flowrun.document.task import Input, Output, Task
from flowrun.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: tasks in an order in which they can be, and who needs whom.

    `needs[step]` maps each step that comes first to whether its value is indispensable.
    """

    name: str
    path: str
    inputs: tuple[Input, ...]
    tasks: tuple[Task, ...]
    outputs: tuple[Output, ...]
    needs: Mapping[str, Mapping[str, bool]]
    output_needs: Mapping[str, Mapping[str, bool]]
    description: str = ""

    def sinks(self) -> tuple[str, ...]:
        """The steps that no other step needs."""
        needed = {name for task in self.tasks for name in self.needs.get(task.id, ())}
        return tuple(task.id for task in self.tasks if task.id not in needed)

    def select(self, names: Sequence[str]) -> Plan:
        """The plan of the named steps and all that they need, with the outputs they give.

        Raises: UsageError for a name that is no step.
        """
        known = [task.id for task in self.tasks]
        for name in names:
            if name not in known:
                mend = did_you_mean(name, known) or f"steps: {', '.join(known[:20])}"
                raise UsageError(f'no step is called "{name}"; {mend}')
        wanted = set(names)
        waiting = list(names)
        while waiting:
            for name in self.needs.get(waiting.pop(), {}):
                if name not in wanted:
                    wanted.add(name)
                    waiting.append(name)
        outputs = tuple(
            output for output in self.outputs if self.output_needs[output.name].keys() <= wanted
        )
        tasks = tuple(task for task in self.tasks if task.id in wanted)
        return replace(self, tasks=tasks, outputs=outputs)


def order(steps: Sequence[str], edges: Iterable[Edge]) -> tuple[list[str], list[list[Edge]]]:
    """An order in which each step follows what it needs, and the loops that forbid one.

    Of each knot of steps that need each other one loop is given, as its edges in order; the order
    is complete only if there is none. Steps that may come in any order keep the file's.
    """
    by_ends = {(edge.source, edge.target): edge for edge in reversed(list(edges))}
    if not by_ends:
        return list(steps), []
    # networkx costs more to import than a small run takes, and a run without edges needs none.
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(steps)
    graph.add_edges_from(by_ends)
    position = {step: index for index, step in enumerate(steps)}
    if networkx.is_directed_acyclic_graph(graph):
        ordered = networkx.lexicographical_topological_sort(graph, key=position.__getitem__)
        return list(ordered), []
    loops: list[list[Edge]] = []
    for knot in networkx.strongly_connected_components(graph):
        if len(knot) > 1:
            first = min(knot, key=position.__getitem__)
            around = networkx.find_cycle(graph.subgraph(knot), first)
            loops.append([by_ends[source, target] for source, target in around])
    loops.sort(key=lambda loop: position[loop[0].source])
    return list(steps), loops


def outputs_of(
    outputs: Iterable[Output], edges: Mapping[str, Sequence[Edge]]
) -> Mapping[str, Mapping[str, bool]]:
    """For each output the steps it needs."""
    return {output.name: requirements(edges[output.name]).get("", {}) for output in outputs}
