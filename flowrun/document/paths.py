"""Where an expression of a template stands, and how a message spells it."""

from __future__ import annotations

from jinja2 import nodes

from flowrun.document import positions


def offset_of(node: nodes.Node) -> int:
    """Where the node's own token stands in the template, from 0."""
    return positions.offset_of(node.lineno)


def start_of(node: nodes.Node) -> int:
    """Where the expression begins."""
    leftmost: nodes.Node | None = node
    while leftmost is not None:
        node = leftmost
        match node:
            case nodes.Getattr() | nodes.Getitem() | nodes.Call() | nodes.Filter() | nodes.Test():
                leftmost = node.node
            case nodes.BinExpr():
                leftmost = node.left
            case nodes.Compare():
                leftmost = node.expr
            case nodes.CondExpr():
                leftmost = node.expr1
            case nodes.Concat():
                leftmost = node.nodes[0]
            case _:
                leftmost = None
    return offset_of(node)


def spell(node: nodes.Node) -> str:
    """The expression as short as one would write it, "" if it is nothing to be named."""
    links: list[str] = []
    at: nodes.Node | None = node
    while isinstance(at, nodes.Getattr | nodes.Getitem | nodes.Filter):
        link = _link(at)
        if not link:
            return ""
        links.append(link)
        at = at.node
    if not isinstance(at, nodes.Name):
        return ""
    return "(" * sum(each[-1] == ")" for each in links) + at.name + "".join(reversed(links))


def constant_of(node: nodes.Node) -> object:
    """The value of a literal, also of a negative number; None for all else."""
    match node:
        case nodes.Const():
            return node.value
        case nodes.Neg(node=nodes.Const(value=int() as value)):
            return -value
    return None


def _link(node: nodes.Getattr | nodes.Getitem | nodes.Filter) -> str:
    """`.name` and `["name"]` are spelled alike: what is known of one holds for the other."""
    if isinstance(node, nodes.Filter):
        return f" | {node.name}{'(…)' if node.args or node.kwargs else ''})"
    key = node.attr if isinstance(node, nodes.Getattr) else constant_of(node.arg)
    if isinstance(key, str):
        return f".{key}" if key.isidentifier() else f'["{key}"]'
    return f"[{key}]" if isinstance(key, int) else ""
