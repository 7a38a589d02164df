"""`flowrun graph`: a pipeline drawn in the terminal, as mermaid or as dot."""

from __future__ import annotations

import click

from flowrun.api import load
from flowrun.cli.streams import columns, put
from flowrun.document.plan import Plan
from flowrun.reports.diagram import Graph, Node, dot, mermaid
from flowrun.reports.drawing import drawing


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
    """The plan as a drawing wants it."""
    nodes = tuple(
        Node(
            id=task.id,
            kind=task.kind,
            label=task.id,
            detail=str(task.ask.model) if task.ask and isinstance(task.ask.model, str) else "",
            is_foreach=bool(task.loops),
            is_conditional=task.condition is not True,
        )
        for task in plan.tasks
    )
    edges = tuple(
        (source, task.id) for task in plan.tasks for source in plan.needs.get(task.id, {})
    )
    return Graph(plan.name, nodes, edges)
