"""A plan as a picture for other programs: Mermaid and Graphviz dot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flowrun.reports.text import one_line

Kind: TypeAlias = Literal["prompt", "value", "call", "uses", "block", "input", "output"]


@dataclass(frozen=True, slots=True)
class Node:
    """A step, input or output; `detail` is what stands below its label, such as the model."""

    id: str
    kind: Kind
    label: str
    detail: str = ""
    is_foreach: bool = False
    is_conditional: bool = False

    @property
    def words(self) -> str:
        """The detail, and what the borders say, in words."""
        said = [one_line(self.detail), "each" * self.is_foreach, "if" * self.is_conditional]
        return ", ".join(each for each in said if each)


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn: an edge is two ids of nodes, from what is needed to what needs it."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


_MERMAID: Mapping[Kind, tuple[str, str]] = {
    "prompt": ("[", "]"),
    "value": ("(", ")"),
    "call": ("{{", "}}"),
    "uses": ("[[", "]]"),
    "block": ("[[", "]]"),
    "input": ("([", "])"),
    "output": ("[/", "/]"),
}
_DOT: Mapping[Kind, str] = {
    "prompt": "box",
    "value": "box",
    "call": "hexagon",
    "uses": "component",
    "block": "tab",
    "input": "oval",
    "output": "note",
}
# Mermaid reads these in a quoted label; everything else in it is text.
_ENTITIES = str.maketrans({char: f"#{ord(char)};" for char in "#&\"'<>`\\*_~"})


def mermaid(graph: Graph) -> str:
    """A flowchart; nodes are called n0, n1 and so on, since a step may be named `end`."""
    ids = {node.id: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["---", f"title: {json.dumps(one_line(graph.name))}", "---", "flowchart TD"]
    for node in graph.nodes:
        opening, closing = _MERMAID[node.kind]
        text = one_line(node.label).translate(_ENTITIES)
        if node.words:
            text += f"<br/>{node.words.translate(_ENTITIES)}"
        lines.append(f'    {ids[node.id]}{opening}"{text}"{closing}')
    lines += [f"    {ids[start]} --> {ids[end]}" for start, end in graph.edges]
    lines += _classes(graph, ids)
    return "\n".join(lines) + "\n"


def dot(graph: Graph) -> str:
    """A digraph for Graphviz."""
    lines = [
        f"digraph {_quoted(one_line(graph.name))} {{",
        "    rankdir=TB;",
        '    node [fontname="Helvetica"];',
    ]
    for node in graph.nodes:
        attributes = ", ".join(f"{name}={value}" for name, value in _attributes(node))
        lines.append(f"    {_quoted(node.id)} [{attributes}];")
    lines += [f"    {_quoted(start)} -> {_quoted(end)};" for start, end in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _classes(graph: Graph, ids: Mapping[str, str]) -> Iterator[str]:
    """Steps that run for each item get a thick border, conditional ones a dashed one."""
    many = [ids[node.id] for node in graph.nodes if node.is_foreach]
    perhaps = [ids[node.id] for node in graph.nodes if node.is_conditional]
    if many:
        yield "    classDef each stroke-width:3px"
        yield f"    class {','.join(many)} each"
    if perhaps:
        yield "    classDef perhaps stroke-dasharray:5 4"
        yield f"    class {','.join(perhaps)} perhaps"


def _attributes(node: Node) -> Iterator[tuple[str, str]]:
    lines = [one_line(node.label), node.words]
    # A backslash is doubled before the newline of the format, which is one itself, is put in.
    yield "label", '"' + "\\n".join(_escaped(each) for each in lines if each) + '"'
    yield "shape", _DOT[node.kind]
    styles = ["rounded"] if node.kind == "value" else []
    if node.is_conditional:
        styles.append("dashed")
    if styles:
        yield "style", _quoted(",".join(styles))
    if node.is_foreach:
        yield "peripheries", "2"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
