"""A plan drawn in the terminal: boxes in layers, or a list where boxes would not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from flowrun.reports.diagram import Graph, Node
from flowrun.reports.layout import Edge, Layout, components, lay_out, layers_of
from flowrun.reports.routing import Cells, Channel, route
from flowrun.reports.text import cell_width, cut, fit, one_line, wrap

_BOXES_AT_MOST = 40
_EDGES_AT_MOST = 120
_HEIGHT_AT_MOST = 120
_CROSSINGS_AT_MOST = 12
_LABELS = (40, 24, 16, 12, 9)
_BETWEEN = 4

# Corners, top and sides: plain, of steps that run for each item, and of conditional ones.
_PLAIN = "┌─┐│└┘"
_ROUND = "╭─╮│╰╯"
_EACH = "╔═╗║╚╝"
_PERHAPS = "┌╌┐┆└┘"


def drawing(graph: Graph, width: int) -> str:
    """The graph in at most `width` columns; what is inside a node is drawn below, by its name.

    Double borders stand for `foreach`, dashed ones for `if`, round ones for what asks no model.
    """
    return "\n".join([*_drawn(graph, width), *_opened(graph, "", width)]) + "\n"


def _drawn(graph: Graph, width: int) -> list[str]:
    ids = {node.id: index for index, node in enumerate(graph.nodes)}
    edges = sorted({(ids[a], ids[b]) for a, b in graph.edges if a in ids and b in ids and a != b})
    if len(graph.nodes) <= _BOXES_AT_MOST and len(edges) <= _EDGES_AT_MOST:
        for label in _LABELS:
            lines = _boxes(graph.nodes, edges, width, label)
            if lines is not None:
                return lines
    return _listed(graph.nodes, edges, width)


def _opened(graph: Graph, way: str, width: int) -> Iterator[str]:
    """What is inside of nodes, each under its way from the top, with a rule beside it."""
    for node in graph.nodes:
        if node.inside is None:
            continue
        full = f"{way}{one_line(node.label)}"
        yield ""
        yield cut(f"{full}: {node.words}" if node.words else full, width)
        yield from (f"│ {line}".rstrip() for line in _drawn(node.inside, width - 2))
        yield from _opened(node.inside, f"{full}.", width)


def _boxes(
    nodes: Sequence[Node], edges: Sequence[Edge], width: int, label: int
) -> list[str] | None:
    """What hangs together is drawn together, beside the others or below them."""
    sheets = []
    for group in components(len(nodes), edges):
        place = {box: index for index, box in enumerate(group)}
        inner = [(place[a], place[b]) for a, b in edges if a in place]
        sheet = _sheet([nodes[box] for box in group], inner, label)
        if sheet is None or max(map(cell_width, sheet), default=0) > width:
            return None
        sheets.append(sheet)
    return _arranged(sheets, width)


def _arranged(sheets: Sequence[list[str]], width: int) -> list[str]:
    found: list[str] = []
    beside: list[str] = []
    for sheet in sheets:
        used = max(map(cell_width, beside), default=0)
        if beside and used + _BETWEEN + max(map(cell_width, sheet)) > width:
            found += [*beside, ""]
            beside, used = [], 0
        height = max(len(beside), len(sheet))
        left = [*beside, *[""] * (height - len(beside))]
        right = [*sheet, *[""] * (height - len(sheet))]
        gap = used + _BETWEEN if beside else 0
        beside = [(fit(a, gap) + b).rstrip() for a, b in zip(left, right, strict=True)]
    return [*found, *beside]


def _sheet(nodes: Sequence[Node], edges: Sequence[Edge], label: int) -> list[str] | None:
    layers = layers_of(len(nodes), edges)
    if layers is None:
        return None
    texts = [_texts(node, label) for node in nodes]
    widths = [(max(map(cell_width, text)) + 4) | 1 for text in texts]
    layout = lay_out(widths, edges, layers)
    channels = []
    for upper, lower in pairwise(layout.layers):
        channel = route(layout, upper, lower) or _moved(layout, upper, lower)
        if channel is None:
            return None
        channels.append(channel)
    if sum(channel.crossings for channel in channels) > _CROSSINGS_AT_MOST:
        return None
    lines = _lines(_painted(layout, channels, nodes, texts))
    return lines if len(lines) <= _HEIGHT_AT_MOST else None


def _moved(layout: Layout, upper: Sequence[int], lower: Sequence[int]) -> Channel | None:
    """Moves the lower boxes by a column, so that no port stands above a foreign one."""
    for box in lower:
        layout.centres[box] += 1
    return route(layout, upper, lower)


def _texts(node: Node, label: int) -> list[str]:
    """What stands in its box; a sign says that its inside is drawn below."""
    name, *others = node.lines
    name = cut(name, label - 2) + " ▾" if node.inside is not None else cut(name, label)
    return [name, *(cut(each, label) for each in others)]


def _painted(
    layout: Layout, channels: Sequence[Channel], nodes: Sequence[Node], texts: Sequence[list[str]]
) -> Cells:
    cells: Cells = {}
    row = 0
    for index, layer in enumerate(layout.layers):
        boxes = [box for box in layer if box < layout.joints_from]
        height = 2 + max((len(texts[box]) for box in boxes), default=0)
        starts = channels[index].starts if index < len(channels) else frozenset()
        ends = channels[index - 1].ends if index else frozenset()
        for box in layer:
            if box >= layout.joints_from:
                cells |= {(row + each, layout.centres[box]): "│" for each in range(height)}
                continue
            middle = [*texts[box], *[""] * (height - 2 - len(texts[box]))]
            left = layout.centres[box] - layout.widths[box] // 2
            _paint_box(cells, (row, left), layout.widths[box], _border(nodes[box]), middle)
            inside = range(left, left + layout.widths[box])
            cells |= {(row, column): "▼" for column in ends if column in inside}
            bottom = "╤" if nodes[box].is_foreach else "┬"
            cells |= {(row + height - 1, column): bottom for column in starts if column in inside}
        row += height
        if index < len(channels):
            cells |= {
                (row + at, column): sign for (at, column), sign in channels[index].cells.items()
            }
            row += channels[index].height
    return cells


def _border(node: Node) -> str:
    if node.is_foreach:
        return _EACH
    if node.is_conditional:
        return _PERHAPS
    return _PLAIN if node.kind in ("prompt", "uses", "block") else _ROUND


def _paint_box(
    cells: Cells, corner: tuple[int, int], width: int, border: str, texts: Sequence[str]
) -> None:
    """A box; a text is put whole into one cell, since its characters may be two columns wide."""
    (top, left), inner = corner, width - 2
    lines = [border[0] + border[1] * inner + border[2]]
    for text in texts:
        pad = (inner - cell_width(text)) // 2
        lines.append(
            border[3] + " " * pad + text + " " * (inner - pad - cell_width(text)) + border[3]
        )
    lines.append(border[4] + border[1] * inner + border[5])
    for at, line in enumerate(lines):
        column = left
        for char in line:
            cells[top + at, column] = char
            column += cell_width(char)


def _lines(cells: Cells) -> list[str]:
    left = min(column for _, column in cells)
    rows: dict[int, list[tuple[int, str]]] = {}
    for (row, column), sign in cells.items():
        rows.setdefault(row, []).append((column - left, sign))
    lines = []
    for row in range(max(rows) + 1):
        line, used = "", 0
        for column, sign in sorted(rows.get(row, [])):
            line += " " * (column - used) + sign
            used = column + cell_width(sign)
        lines.append(line)
    return lines


def _listed(nodes: Sequence[Node], edges: Sequence[Edge], width: int) -> list[str]:
    """One line for each node, indented by layer, with what it needs."""
    layers = layers_of(len(nodes), edges) or [0] * len(nodes)
    needs: list[list[str]] = [[] for _ in nodes]
    for start, end in edges:
        needs[end].append(one_line(nodes[start].label))
    found = []
    for box in sorted(range(len(nodes)), key=lambda each: layers[each]):
        node = nodes[box]
        indent = " " * min(2 * layers[box], width // 3)
        name, *others = node.lines
        text = name + (f" ({'; '.join(others)})" if others else "")
        if needs[box]:
            text += " ← " + ", ".join(needs[box])
        first, *others = wrap(text, width - len(indent) - 4)
        found += [indent + first, *(f"{indent}    {each}" for each in others)]
    return found
