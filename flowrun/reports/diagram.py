"""A plan as a picture for other programs: Mermaid and Graphviz dot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.reports.text import one_line

Kind: TypeAlias = Literal["prompt", "value", "call", "uses", "block", "input", "output"]


@dataclass(frozen=True, slots=True)
class Node:
    """A step, input or output; `detail` is what stands below its label, such as the model.

    `tools` are those that its model may call. `inside` is what a block, or a pipeline that is used,
    is made of.
    """

    id: str
    kind: Kind
    label: str
    detail: str = ""
    is_foreach: bool = False
    is_conditional: bool = False
    is_repeated: bool = False
    tools: tuple[str, ...] = ()
    inside: Graph | None = None

    @property
    def words(self) -> str:
        """The detail, and what the borders say, in words."""
        said = [
            *(one_line(self.detail), "each" * self.is_foreach, "if" * self.is_conditional),
            "until" * self.is_repeated,
        ]
        return ", ".join(each for each in said if each)

    @property
    def lines(self) -> list[str]:
        """All that is said of it."""
        tools = f"tools: {one_line(', '.join(self.tools))}" if self.tools else ""
        return [one_line(self.label), *(each for each in (self.words, tools) if each)]


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
    ids = {id(node): f"n{index}" for index, node in enumerate(_walk(graph))}
    lines = ["---", f"title: {json.dumps(one_line(graph.name))}", "---", "flowchart TD"]
    lines += _flowchart(graph, ids, "    ")
    lines += _classes(graph, ids)
    return "\n".join(lines) + "\n"


def dot(graph: Graph) -> str:
    """A digraph for Graphviz."""
    lines = [
        f"digraph {_quoted(one_line(graph.name))} {{",
        "    rankdir=TB;",
        '    node [fontname="Helvetica"];',
    ]
    if any(node.inside for node in graph.nodes):
        lines.append("    compound=true;")  # edges may end at what a cluster is drawn around
    lines += _digraph(graph, "", "    ")
    return "\n".join([*lines, "}"]) + "\n"


def _walk(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        yield node
        if node.inside is not None:
            yield from _walk(node.inside)


def _flowchart(graph: Graph, ids: Mapping[int, str], indent: str) -> Iterator[str]:
    by_name = {node.id: ids[id(node)] for node in graph.nodes}
    for node in graph.nodes:
        text = "<br/>".join(line.translate(_ENTITIES) for line in node.lines)
        if node.inside is None:
            opening, closing = _MERMAID[node.kind]
            yield f'{indent}{by_name[node.id]}{opening}"{text}"{closing}'
            continue
        yield f'{indent}subgraph {by_name[node.id]}["{text}"]'
        yield from _flowchart(node.inside, ids, indent + "    ")
        yield f"{indent}end"
    for start, end in graph.edges:
        yield f"{indent}{by_name[start]} --> {by_name[end]}"


def _classes(graph: Graph, ids: Mapping[int, str]) -> Iterator[str]:
    """Steps that run for each item get a thick border, conditional ones a dashed one."""
    many = [ids[id(node)] for node in _walk(graph) if node.is_foreach]
    perhaps = [ids[id(node)] for node in _walk(graph) if node.is_conditional]
    if many:
        yield "    classDef each stroke-width:3px"
        yield f"    class {','.join(many)} each"
    if perhaps:
        yield "    classDef perhaps stroke-dasharray:5 4"
        yield f"    class {','.join(perhaps)} perhaps"


def _digraph(graph: Graph, way: str, indent: str) -> Iterator[str]:
    by_name = {node.id: node for node in graph.nodes}
    for node in graph.nodes:
        if node.inside is None:
            attributes = ", ".join(f"{name}={value}" for name, value in _attributes(node))
            yield f"{indent}{_quoted(way + node.id)} [{attributes}];"
            continue
        yield f"{indent}subgraph {_quoted(f'cluster_{way}{node.id}')} {{"
        yield from (f"{indent}    {name}={value};" for name, value in _framing(node))
        yield from _digraph(node.inside, f"{way}{node.id}.", indent + "    ")
        yield f"{indent}}}"
    for start, end in graph.edges:
        yield f"{indent}{_arrow(by_name[start], by_name[end], way)};"


def _arrow(start: Node, end: Node, way: str) -> str:
    """An edge; it ends at a node, so of a cluster it is led to the border of that."""
    clipped = [
        f"{name}={_quoted(f'cluster_{way}{node.id}')}"
        for name, node in (("ltail", start), ("lhead", end))
        if node.inside is not None
    ]
    found = f"{_quoted(way + _deepest(start, -1))} -> {_quoted(way + _deepest(end, 0))}"
    return found + (f" [{', '.join(clipped)}]" if clipped else "")


def _deepest(node: Node, index: int) -> str:
    """The way from a node to the first or the last node that is drawn of it."""
    if node.inside is None:
        return node.id
    return f"{node.id}.{_deepest(node.inside.nodes[index], index)}"


def _attributes(node: Node) -> Iterator[tuple[str, str]]:
    yield "label", _label(node)
    yield "shape", _DOT[node.kind]
    styles = ["rounded"] if node.kind == "value" else []
    if node.is_conditional:
        styles.append("dashed")
    if styles:
        yield "style", _quoted(",".join(styles))
    if node.is_foreach:
        yield "peripheries", "2"


def _framing(node: Node) -> Iterator[tuple[str, str]]:
    """The border of a cluster; all of it is said, for a cluster inherits that around it."""
    yield "label", _label(node)
    yield "fontname", _quoted("Helvetica")
    yield "style", "dashed" if node.is_conditional else "solid"
    yield "penwidth", "2" if node.is_foreach else "1"


def _label(node: Node) -> str:
    # A backslash is doubled before the newline of the format, which is one itself, is put in.
    return '"' + "\\n".join(_escaped(each) for each in node.lines if each) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
