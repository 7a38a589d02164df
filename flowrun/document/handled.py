"""Routes that no step handles: a model may choose the tool, and nothing comes of it.

triage lists refund, exchange ──▶ one step has `if: triage.tool == 'refund'`, and none the other
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flowrun.digest import JsonValue
from flowrun.document.parts import Parts
from flowrun.document.route_uses import RouteUse
from flowrun.document.slots import Slot, slots
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Output, Task, inner_tasks
from flowrun.errors import Diagnostic


def unhandled_routes(loaded: Loaded, parts: Parts) -> Iterator[Diagnostic]:
    """Warns of the routes of a step that are compared nowhere, where others of it are.

    A step whose answer is used in any other way may be handled in any.
    """
    if any(task.is_partial for task in inner_tasks(parts.tasks)):
        return  # what is missing may have handled them
    slots_outside = [slot for output in parts.outputs for slot in _slots(output)]
    yield from _of_level(loaded, parts.tasks, slots_outside)
    for task in inner_tasks(parts.tasks):
        if task.block is not None and task.block.has_output:
            yield from _of_level(loaded, task.block.tasks, list(slots(task.block.output)))


def _slots(output: Output) -> Iterator[Slot]:
    yield from output.slots()
    if output.loop is not None:
        yield output.loop.items


def _of_level(
    loaded: Loaded, tasks: Sequence[Task], outside: Sequence[Slot]
) -> Iterator[Diagnostic]:
    """`outside` are the templates that see the steps of the level beside these themselves."""
    routed = {task.id: task for task in tasks if _routes(task)}
    uses = {name: RouteUse(name) for name in routed}
    for other in tasks if uses else ():
        for name in _read(other) & uses.keys() - {other.id}:
            uses[name].task(other)
    for slot in outside if uses else ():
        for name in uses.keys() & set(slot.template.names):
            uses[name].slot(slot)
    for name, task in routed.items():
        if uses[name].handled and not uses[name].is_open:
            for route in _routes(task):
                if route not in uses[name].handled:
                    yield _warning(loaded, task, route)


def _read(task: Task) -> set[str]:
    """The names that the templates of a step and of those inside read."""
    found = {name for slot in task.own_slots() for name in slot.template.names}
    if task.block is not None:
        found.update(name for slot in slots(task.block.output) for name in slot.template.names)
        for inner in task.block.tasks:
            found |= _read(inner)
    return found


def _routes(task: Task) -> list[str]:
    """The routes that a model can choose."""
    if task.ask is None or task.ask.tool_choice == "none":
        return []
    routes = [tool.name for tool in task.ask.tools if tool.is_route]
    match task.ask.tool_choice:
        case {"function": {"name": forced}}:
            return [name for name in routes if name == forced]
        case _:
            return routes


def _warning(loaded: Loaded, task: Task, name: str) -> Diagnostic:
    return loaded.diagnostic(
        loaded.mark(_place(loaded, task, name)),
        f'no step handles the tool "{name}"',
        "unhandled-route",
        why=f'the model of step "{task.id}" may choose it',
        mend=f"add a step with if: {task.id}.tool == '{name}'",
        length=len(name),
        severity="warning",
    )


def _place(loaded: Loaded, task: Task, name: str) -> Path:
    """Where the step, or `defaults`, lists the tool."""
    path: Path = (*task.path, "tools")
    if not loaded.has(path):
        path = ("defaults", "tools")
    data: JsonValue = loaded.data
    for key in path:
        assert isinstance(data, Mapping)
        data = data[str(key)]
    assert isinstance(data, list)
    return (*path, data.index(name))
