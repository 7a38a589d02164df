"""`flowrun graph`: a pipeline drawn in the terminal, as mermaid or as dot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import click

from flowrun.api import load
from flowrun.cli.streams import columns, put
from flowrun.document.plan import Plan
from flowrun.document.task import Task
from flowrun.reports.diagram import Graph, Node, dot, mermaid
from flowrun.reports.drawing import drawing

_OPENED_AT_MOST = 500
"""Steps of a pipeline, with those of all that it uses, up to which these are drawn as well."""


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "dot"]),
    default="text",
    help="A drawing for the terminal (text), or a description for other tools.",
)
def graph(file: str, form: str) -> None:
    """Draw a pipeline's steps and who needs whom."""
    plan = load(file).plan
    drawn = graph_of(plan)
    match form:
        case "mermaid":
            text = mermaid(drawn)
        case "dot":
            text = dot(drawn)
        case _:
            text = drawing(drawn, columns())
    put(text)


def graph_of(plan: Plan) -> Graph:
    """The plan as a drawing wants it; pipelines that are used are opened unless they are many."""
    return _graph(plan.name, plan.tasks, plan.needs, opens=plan.size <= _OPENED_AT_MOST)


def _graph(
    name: str, tasks: Sequence[Task], needs: Mapping[str, Mapping[str, bool]], *, opens: bool
) -> Graph:
    nodes = tuple(_node(task, opens=opens) for task in tasks)
    known = {task.id for task in tasks}
    edges = tuple(
        (source, task.id) for task in tasks for source in needs.get(task.id, {}) if source in known
    )
    return Graph(name, nodes, edges)


def _node(task: Task, *, opens: bool) -> Node:
    tools = () if task.ask is None else tuple(dict.fromkeys(each.name for each in task.ask.tools))
    return Node(
        id=task.id,
        kind=task.kind,
        label=task.id,
        detail=_detail(task),
        is_foreach=bool(task.loops),
        is_conditional=task.condition is not True,
        is_repeated=task.repeat is not None,
        tools=tools,
        inside=_inside(task, opens=opens),
    )


def _detail(task: Task) -> str:
    """The model, the tool, or the file."""
    if task.ask is not None:
        return task.ask.model if isinstance(task.ask.model, str) else ""
    if task.call is not None:
        return f"{task.call.tool.name}.{task.call.member}".rstrip(".")
    return "" if task.uses is None else PurePath(task.uses.plan.path).name


def _inside(task: Task, *, opens: bool) -> Graph | None:
    if task.block is not None:
        return _graph(task.id, task.block.tasks, task.block.needs, opens=opens)
    if task.uses is None or not opens:
        return None
    return _graph(task.id, task.uses.plan.tasks, task.uses.plan.needs, opens=opens)
