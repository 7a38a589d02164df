"""A checked file as an immutable Plan; the only importer of networkx.

brief ──▶ hero          the plan's order: brief, hero, headlines, …
  └─────▶ headlines     (a step after all that it needs, else as in the file)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from flowrun.dataclass import dataclass
from flowrun.document.edges import Edge, requirements
from flowrun.document.task import Ask, Input, Output, Task, inner_tasks
from flowrun.document.tool import SubPipeline, Tool
from flowrun.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: tasks in an order in which they can be, and who needs whom.

    `needs[step]` maps each step that comes first to whether its value is indispensable. `folder`
    is the file's under that of the pipeline that is run, "" for that one itself. `version`
    changes with the text of the file and of all that it reads. `size` counts steps, those of
    blocks and of the files that it uses too, once for each use. `budget_usd` holds for a whole run.
    """

    name: str
    path: str
    inputs: tuple[Input, ...]
    tasks: tuple[Task, ...]
    outputs: tuple[Output, ...]
    needs: Mapping[str, Mapping[str, bool]]
    output_needs: Mapping[str, Mapping[str, bool]]
    description: str = ""
    tools: tuple[Tool, ...] = ()
    folder: str = ""
    version: str = ""
    size: int = 0
    budget_usd: Decimal | None = None

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

    def all_tasks(self) -> Iterator[tuple[str, Task]]:
        """Every step with its way from the top, such as `recipes.picture`.

        Steps of blocks, of pipelines that are used and of tools that are pipelines come behind
        the step whose they are.
        """
        yield from _walk("", self.tasks)

    def asks(self) -> Iterator[tuple[str, Ask]]:
        """How models are asked, by every step that asks one, with its way from the top."""
        for way, task in self.all_tasks():
            if task.ask is not None:
                yield way, task.ask

    def plans(self) -> Iterator[Plan]:
        """This plan and those of the files that its steps and tools use, each once."""
        found: dict[int, Plan] = {}
        waiting = [self]
        while waiting:
            plan = waiting.pop()
            if id(plan) not in found:
                found[id(plan)] = plan
                waiting += reversed(list(plan.children()))
        yield from found.values()

    def children(self) -> Iterator[Plan]:
        """The plans that steps and tools of this very file use."""
        for task in inner_tasks(self.tasks):
            if task.uses is not None:
                yield task.uses.plan
        for tool in self.tools:
            if isinstance(tool.action, SubPipeline):
                yield tool.action.plan

    def orders(self) -> Iterator[tuple[str, ...]]:
        """The orders that were found: of the file's steps and of every block, in all files."""
        for plan in self.plans():
            yield tuple(task.id for task in plan.tasks)
            for task in inner_tasks(plan.tasks):
                if task.block is not None:
                    yield tuple(each.id for each in task.block.tasks)


def _walk(way: str, tasks: Iterable[Task]) -> Iterator[tuple[str, Task]]:
    for task in tasks:
        yield f"{way}{task.id}", task
        if task.block is not None:
            yield from _walk(f"{way}{task.id}.", task.block.tasks)
        if task.uses is not None:
            yield from _walk(f"{way}{task.id}.", task.uses.plan.tasks)
        for tool in task.tools():
            if isinstance(tool.action, SubPipeline):
                yield from _walk(f"{way}{task.id}.{tool.name}.", tool.action.plan.tasks)


def size_of(tasks: Iterable[Task]) -> int:
    """How many steps there are, with those of the files that are used, each time anew."""
    size = 0
    for task in inner_tasks(tasks):
        size += 1 if task.uses is None else 1 + task.uses.plan.size
        for tool in task.tools():
            size += tool.action.plan.size if isinstance(tool.action, SubPipeline) else 0
    return size


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
