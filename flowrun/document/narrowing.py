"""What is known where a condition holds: that a field is there, what type a value has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeAlias

from jinja2 import nodes

from flowrun.document.access import Trouble
from flowrun.document.paths import spell
from flowrun.document.types import (
    NOTHING,
    Anything,
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    Option,
    String,
    Type,
    intersect,
    options,
    union,
)


class Guard(Enum):
    """How much it matters that a field is missing, for the one who reads it."""

    NONE = ()
    PROVIDED = ("maybe-missing", "unnamed-field")
    """The filter `default` provides for it."""
    ASKED = (
        "maybe-missing",
        "unnamed-field",
        "unknown-field",
        "not-an-object",
        "no-item",
        "not-a-list",
    )
    """The template only asks if it is there."""

    def hides(self, trouble: Trouble) -> bool:
        """Whether the trouble is none here."""
        return trouble.code in self.value


Facts: TypeAlias = dict[str, Type]
"""Types by the path that they hold of, as in "brief.subtitle"."""
TypeOf: TypeAlias = Callable[[nodes.Node, Mapping[str, Type]], Type]
"""The type of an expression where more facts hold."""


def facts(type_of: TypeOf, node: nodes.Node, *, holds: bool) -> Facts:
    """What is known where the condition `node` holds, or where it does not."""
    match node:
        case nodes.Not():
            return facts(type_of, node.node, holds=not holds)
        case nodes.And() | nodes.Or() if isinstance(node, nodes.And) is holds:
            left = facts(type_of, node.left, holds=holds)
            right = facts(
                lambda each, known: type_of(each, {**left, **known}),
                node.right,
                holds=holds,
            )
            return {**left, **right}
        case nodes.Test():
            return _of_test(type_of, node, holds)
        case nodes.Compare(ops=[only]) if holds:
            return _of_comparison(type_of, node.expr, only)
        case nodes.Name() | nodes.Getattr() | nodes.Getitem() if holds:
            return _without(type_of, node, (Null,))
    return {}


_NUMERIC = (Number, Integer, Boolean)
_KINDS: Mapping[str, tuple[type[Option], ...]] = {
    "string": (String,),
    "mapping": (Object,),
    "number": _NUMERIC,
    "integer": (Number, Integer),
    "float": (Number, Integer),
    "boolean": (Boolean,),
    "true": (Boolean,),
    "false": (Boolean,),
    "sequence": (String, Array, Object),
    "iterable": (String, Array, Object),
}
"""What passes each test of a type."""
_SURE_KINDS = frozenset(("string", "mapping", "number", "boolean", "sequence", "iterable"))
"""Those that everything of their types passes."""


def _of_test(type_of: TypeOf, node: nodes.Test, holds: bool) -> Facts:
    tested = node.node
    if node.name == "none":
        return {} if holds else _without(type_of, tested, (Null,))
    if node.name in ("defined", "undefined"):
        return _without(type_of, tested, ()) if holds is (node.name == "defined") else {}
    if node.name in _KINDS and holds:
        return _only(type_of, tested, _KINDS[node.name])
    if node.name in _SURE_KINDS:
        return _without(type_of, tested, _KINDS[node.name])
    if node.name in ("eq", "equalto", "==") and node.args and holds:
        return _of_equality(type_of, tested, node.args[0])
    return {}


def _of_comparison(type_of: TypeOf, left: nodes.Node, operand: nodes.Operand) -> Facts:
    right = operand.expr
    if operand.op == "eq":
        return _of_equality(type_of, left, right) or _of_equality(type_of, right, left)
    if operand.op == "in" and isinstance(left, nodes.Const) and isinstance(left.value, str):
        field = nodes.Getitem(right, left, "load")
        return _without(type_of, field, ())
    return {}


def _of_equality(type_of: TypeOf, node: nodes.Node, literal: nodes.Node) -> Facts:
    """`path.kind == "a"` tells the value of `kind`, and which options of `path` are left."""
    value = literal.value if isinstance(literal, nodes.Const) else None
    path = _path(node)
    if not path or not isinstance(value, str):
        return {}
    if any(isinstance(each, Anything) for each in options(type_of(node, {}))):
        return {}  # it may be a namespace's, which changes while the condition is left standing
    narrowed = String(frozenset([value]))
    found: Facts = {path: narrowed}
    name = _field_name(node)
    if name is None or not isinstance(node, nodes.Getattr | nodes.Getitem):
        return found
    whole = type_of(node.node, {})
    choices = options(whole)
    if len(choices) > 1 and all(isinstance(each, Object | Null) for each in choices):
        like = Object({name: narrowed}, frozenset([name]), is_silent=True)
        left = intersect(union(choices), like)
        if left != NOTHING:
            found[spell(node.node)] = left
    return found


def _only(type_of: TypeOf, node: nodes.Node, kinds: tuple[type[Option], ...]) -> Facts:
    path = _path(node)
    if not path:
        return {}
    kept = [each for each in options(type_of(node, {})) if isinstance(each, (Anything, *kinds))]
    return {path: union(kept) if kept else Anything()}


def _without(type_of: TypeOf, node: nodes.Node, kinds: tuple[type[Option], ...]) -> Facts:
    path = _path(node)
    if not path:
        return {}
    kept = [each for each in options(type_of(node, {})) if not isinstance(each, kinds)]
    return {path: union(kept) if kept else Anything()}


def _path(node: nodes.Node) -> str:
    """The path of a value that stays the same wherever it is written; "" for all others."""
    path = spell(node)
    return "" if "|" in path else path


def _field_name(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    key = node.arg if isinstance(node, nodes.Getitem) else None
    return key.value if isinstance(key, nodes.Const) and isinstance(key.value, str) else None
