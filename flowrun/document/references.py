"""The free names that a template reads, and which of them it can do without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from jinja2 import nodes

from flowrun.dataclass import dataclass
from flowrun.document.functions import GLOBALS
from flowrun.document.positions import offset_of


@dataclass(frozen=True, slots=True)
class Reference:
    """A free name that is read; `field` is what is read of it first, if that stands there.

    `optional`: the template says what happens when there is no value.
    """

    name: str
    offset: int
    optional: bool
    field: str = ""


def references(
    tree: nodes.Template, library: Mapping[str, nodes.Template] | None = None
) -> tuple[Reference, ...]:
    """The references of a tree in the order of its text, with those of files it brings in."""
    walk = _Walk(library or {})
    walk.statements(tree.body, _Place(set()))
    return tuple(sorted(walk.found, key=lambda each: each.offset))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression stands: the names set there, the steps that were tested before.

    `is_tested`: whether it is only asked if the value is there, or is true.
    `is_condition`: whether its value decides something and goes nowhere else.
    """

    local: set[str]
    tested: frozenset[str] = frozenset()
    is_tested: bool = False
    is_condition: bool = False

    def inner(self, *names: str) -> _Place:
        """A block of its own, in which names can be set."""
        return replace(self, local={*self.local, *names})

    def after(self, test: Iterable[str]) -> _Place:
        """Under a condition that names these."""
        return replace(self, tested=self.tested | frozenset(test))

    def value(self) -> _Place:
        """Where a value is needed."""
        return replace(self, is_tested=False, is_condition=False)

    def test(self) -> _Place:
        """Where a value is only asked for."""
        return replace(self, is_tested=True)

    def condition(self) -> _Place:
        """Where a condition stands."""
        return replace(self, is_tested=True, is_condition=True)


_PROBES = frozenset(("defined", "undefined", "none"))
_DEFAULTS = frozenset(("default", "d"))
_SPECIAL = frozenset((*GLOBALS, "self"))


class _Walk:
    """Reads statements in their order, as a name means what was set last."""

    def __init__(self, library: Mapping[str, nodes.Template]) -> None:
        self.found: list[Reference] = []
        self._library = library

    def statements(self, body: Iterable[nodes.Node], place: _Place) -> None:
        for node in body:
            _STATEMENTS.get(type(node), _Walk._other)(self, node, place)

    def value(self, node: nodes.Node | None, place: _Place) -> None:
        """An expression whose value is needed."""
        if node is not None:
            self.expression(node, place.value())

    def expression(self, node: nodes.Node, place: _Place) -> None:
        """An expression at a place that may do without its value."""
        match node:
            case nodes.Name():
                self._name(node, place, "")
            case nodes.Getattr() | nodes.Getitem():
                self._item(node, place)
            case nodes.Or():
                self.expression(node.left, place.test())
                self.expression(node.right, place.test())
            case nodes.And():
                self.expression(node.left, place)
                self.expression(node.right, place.after(_names(node.left)))
            case nodes.Not():
                self.expression(node.node, place)
            case nodes.CondExpr():
                self._choice(node, place)
            case nodes.Test() | nodes.Filter():
                self._applied(node, place)
            case _:
                for child in node.iter_child_nodes():
                    self.value(child, place)

    def _name(self, node: nodes.Name, place: _Place, field: str) -> None:
        if node.name not in place.local and node.name not in _SPECIAL:
            is_optional = place.is_tested or node.name in place.tested
            self.found.append(Reference(node.name, offset_of(node.lineno), is_optional, field))

    def _item(self, node: nodes.Getattr | nodes.Getitem, place: _Place) -> None:
        match node:
            case nodes.Getattr(node=nodes.Name() as name, attr=str(field)):
                self._name(name, place, field)
            case nodes.Getattr():
                self.expression(node.node, place)
            case nodes.Getitem(node=nodes.Name() as name, arg=nodes.Const(value=str(field))):
                self._name(name, place, field)
            case _:
                self.expression(node.node, place)
                self.value(node.arg, place)

    def _choice(self, node: nodes.CondExpr, place: _Place) -> None:
        self.expression(node.test, place.condition())
        for branch in (node.expr1, node.expr2):
            if branch is not None:
                self.expression(branch, place.after(_names(node.test)))

    def _applied(self, node: nodes.Test | nodes.Filter, place: _Place) -> None:
        names = _PROBES if isinstance(node, nodes.Test) else _DEFAULTS
        if node.node is not None:
            self.expression(node.node, place.test() if node.name in names else place.value())
        for child in node.iter_child_nodes(exclude=("node",)):
            self.value(child, place)

    # The statements.

    def _other(self, node: nodes.Node, place: _Place) -> None:
        for child in node.iter_child_nodes():
            self.value(child, place)

    def _for(self, node: nodes.For, place: _Place) -> None:
        self.value(node.iter, place)
        inside = place.inner(*_targets(node.target), "loop")
        if node.test is not None:
            self.expression(node.test, inside.condition())
            inside = inside.after(_names(node.test))
        self.statements(node.body, inside)
        self.statements(node.else_, place.inner())

    def _if(self, node: nodes.If, place: _Place) -> None:
        for branch in (node, *node.elif_):
            self.expression(branch.test, place.condition())
            place = place.after(_names(branch.test))
            self.statements(branch.body, place)
        self.statements(node.else_, place)

    def _assign(self, node: nodes.Assign, place: _Place) -> None:
        self.value(node.node, place)
        place.local.update(_targets(node.target))

    def _assign_block(self, node: nodes.AssignBlock, place: _Place) -> None:
        self.statements(node.body, place.inner())
        self.value(node.filter, place)
        place.local.update(_targets(node.target))

    def _with(self, node: nodes.With, place: _Place) -> None:
        for value in node.values:
            self.value(value, place)
        names = [name for target in node.targets for name in _targets(target)]
        self.statements(node.body, place.inner(*names))

    def _macro(self, node: nodes.Macro, place: _Place) -> None:
        place.local.add(node.name)
        self._body(node, place.inner("caller", "varargs", "kwargs"))

    def _call_block(self, node: nodes.CallBlock, place: _Place) -> None:
        self.value(node.call, place)
        self._body(node, place.inner())

    def _body(self, node: nodes.Macro | nodes.CallBlock, inside: _Place) -> None:
        for default in node.defaults:
            self.value(default, inside)
        self.statements(node.body, inside.inner(*(each.name for each in node.args)))

    def _filter_block(self, node: nodes.FilterBlock, place: _Place) -> None:
        self.statements(node.body, place.inner())
        self.value(node.filter, place)

    def _block(self, node: nodes.Block | nodes.Scope, place: _Place) -> None:
        self.statements(node.body, place.inner("super"))

    def _scope(self, node: nodes.Scope, place: _Place) -> None:
        self.statements(node.body, place.inner())

    def _import(self, node: nodes.Import, place: _Place) -> None:
        if node.with_context:
            self._file(node, place)
        place.local.add(node.target)

    def _from_import(self, node: nodes.FromImport, place: _Place) -> None:
        if node.with_context:
            self._file(node, place)
        place.local.update(each if isinstance(each, str) else each[1] for each in node.names)

    def _file(self, node: nodes.Import | nodes.FromImport | nodes.Extends, place: _Place) -> None:
        """The names that a file reads count as read where the file is brought in."""
        tree = self._library[str(node.template.as_const())]
        walk = _Walk(self._library)
        walk.statements(tree.body, place.inner())
        at = offset_of(node.lineno)
        self.found += [replace(each, offset=at) for each in walk.found]


def _targets(target: nodes.Node) -> Iterator[str]:
    for node in (target, *target.find_all(nodes.Name)):
        if isinstance(node, nodes.Name):
            yield node.name


def _names(test: nodes.Node) -> frozenset[str]:
    """The names that a condition reads."""
    found = {each.name for each in test.find_all(nodes.Name)}
    return frozenset(found | ({test.name} if isinstance(test, nodes.Name) else set()))


_STATEMENTS: Mapping[type[nodes.Node], Callable[[_Walk, nodes.Node, _Place], None]] = cast(
    "Mapping[type[nodes.Node], Callable[[_Walk, nodes.Node, _Place], None]]",
    {
        nodes.Assign: _Walk._assign,
        nodes.AssignBlock: _Walk._assign_block,
        nodes.Block: _Walk._block,
        nodes.CallBlock: _Walk._call_block,
        nodes.Extends: _Walk._file,
        nodes.FilterBlock: _Walk._filter_block,
        nodes.For: _Walk._for,
        nodes.FromImport: _Walk._from_import,
        nodes.If: _Walk._if,
        nodes.Import: _Walk._import,
        nodes.Macro: _Walk._macro,
        nodes.Scope: _Walk._scope,
        nodes.With: _Walk._with,
    },
)
