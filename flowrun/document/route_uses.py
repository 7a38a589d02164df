"""What templates do with the tool that a model chose: which routes they tell apart."""

from __future__ import annotations

from collections.abc import Collection

from jinja2 import nodes

from flowrun.document.paths import constant_of, offset_of
from flowrun.document.slots import Slot, slots
from flowrun.document.task import Task

_SIGNS = {"eq": "eq", "equalto": "eq", "==": "eq", "in": "in", "ne": "ne", "!=": "ne"}
_DEFAULTS = ("default", "d")
_PROBES = ("defined", "undefined")


class RouteUse:
    """What templates do with the answer of one step.

    `handled` are the tools that it is compared with; `is_open` once it goes anywhere else, so that
    any tool may be handled there.
    """

    def __init__(self, step: str) -> None:
        self.handled: set[str] = set()
        self.is_open = False
        self._step = step
        self._seen: set[int] = set()

    def task(self, task: Task, *, is_told: bool = False) -> None:
        """The templates of another step; `is_told`: they stand under a comparison."""
        condition = task.condition
        if isinstance(condition, Slot):
            self.slot(condition, is_told=is_told)
            is_told = is_told or self._compares(condition.template.tree)
        for slot in task.own_slots():
            if slot is not condition:
                self.slot(slot, is_told=is_told)
        if task.block is not None:
            for slot in slots(task.block.output):
                self.slot(slot, is_told=is_told)
            for inner in task.block.tasks:
                self.task(inner, is_told=is_told)

    def slot(self, slot: Slot, *, is_told: bool = False) -> None:
        """One template. A name that is not seen to stands in a file that it brings in."""
        if self._step not in slot.template.names:
            return
        self._seen = set()
        self._walk(slot.template.tree, is_told)
        read = {each.offset for each in slot.template.references if each.name == self._step}
        self._open(not read <= self._seen)

    def _open(self, is_open: bool = True) -> None:
        self.is_open = self.is_open or is_open

    def _walk(self, node: nodes.Node, is_told: bool) -> None:
        match node:
            case nodes.Name() if node.name == self._step:
                self._open()
            case nodes.Compare():
                self._comparison(node, is_told)
            case nodes.Test() if self._is_own(node.node) or self._is_tool(node.node):
                self._test(node)
            case nodes.If():
                self._branches(node, is_told)
            case nodes.CondExpr():
                self._choice(node, is_told)
            case nodes.And():
                self._condition(node.left, is_told)
                self._walk(node.right, is_told or self._compares(node.left))
            case nodes.Not():
                self._open(self._compares(node.node))
                self._condition(node.node, is_told)
            case nodes.Getattr() | nodes.Getitem() if self._is_own(node.node):
                self._field(node, is_told)
            case _:
                for child in node.iter_child_nodes():
                    self._walk(child, is_told)

    def _condition(self, node: nodes.Node, is_told: bool) -> None:
        """What is asked; the whole answer is only asked if it is there."""
        if self._is_own(node):
            self._see(node)
        else:
            self._walk(node, is_told)

    def _comparison(self, node: nodes.Compare, is_told: bool) -> None:
        sides = [node.expr, *(each.expr for each in node.ops)]
        for each in sides:
            if self._is_tool(each):
                self._see(each)
            else:
                self._walk(each, is_told)
        if any(map(self._is_tool, sides)):
            (first, *more) = node.ops
            self._compared("" if more else first.op, node.expr, first.expr)

    def _test(self, node: nodes.Test) -> None:
        """A test of the whole answer only asks of what kind it is."""
        self._see(node.node)
        if self._is_tool(node.node) and node.name not in _PROBES:
            other = node.args[0] if node.args else node
            self._compared(_SIGNS.get(node.name, ""), node.node, other)

    def _compared(self, sign: str, left: nodes.Node, right: nodes.Node) -> None:
        """The tools that are meant; where nobody knows which, it may be any."""
        other = left if self._is_tool(right) else right
        if sign == "eq":
            names = [constant_of(other)]
        elif sign == "in" and other is right and isinstance(right, nodes.List | nodes.Tuple):
            names = [constant_of(each) for each in right.items]
        else:
            names = [None]
        self.handled.update(each for each in names if isinstance(each, str))
        self._open(not all(isinstance(each, str) for each in names))

    def _branches(self, node: nodes.If, is_told: bool) -> None:
        branches = (node, *node.elif_)
        compares = any(self._compares(each.test) for each in branches)
        self._open(compares and bool(node.else_))
        for branch in branches:
            self._condition(branch.test, is_told)
            for each in branch.body:
                self._walk(each, is_told or compares)
        for each in node.else_:
            self._walk(each, is_told)

    def _choice(self, node: nodes.CondExpr, is_told: bool) -> None:
        compares = self._compares(node.test)
        self._open(compares and node.expr2 is not None)
        self._condition(node.test, is_told)
        for each in (node.expr1, node.expr2):
            if each is not None:
                self._walk(each, is_told or compares)

    def _field(self, node: nodes.Getattr | nodes.Getitem, is_told: bool) -> None:
        """Arguments that are read where nothing tells whose they are may be anybody's."""
        name = node.attr if isinstance(node, nodes.Getattr) else constant_of(node.arg)
        self._open(not isinstance(name, str) or name == "tool")
        self._open(name == "arguments" and not is_told)
        self._see(node)

    def _see(self, node: nodes.Node) -> None:
        for each in (node, *node.find_all(nodes.Name)):
            if isinstance(each, nodes.Name) and each.name == self._step:
                self._seen.add(offset_of(each))

    def _is_own(self, node: nodes.Node | None) -> bool:
        return isinstance(node, nodes.Name) and node.name == self._step

    def _is_tool(self, node: nodes.Node | None) -> bool:
        """Whether this is STEP.tool, perhaps with a default."""
        while isinstance(node, nodes.Filter) and node.name in _DEFAULTS:
            node = node.node
        match node:
            case nodes.Getattr(attr="tool") | nodes.Getitem(arg=nodes.Const(value="tool")):
                return self._is_own(node.node)
            case _:
                return False

    def _compares(self, node: nodes.Node) -> bool:
        """Whether a condition compares the tool with something."""
        return any(
            self._is_tool(side)
            for each in (node, *node.find_all((nodes.Compare, nodes.Test)))
            for side in _sides(each)
        )


def _sides(node: nodes.Node) -> Collection[nodes.Node]:
    match node:
        case nodes.Compare():
            return [node.expr, *(each.expr for each in node.ops)]
        case nodes.Test() if node.name in _SIGNS:
            return [node.node]
        case _:
            return []
