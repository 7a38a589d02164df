"""What is known where a condition holds: that a field is there, what type a value has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from jinja2 import nodes

from flowrun.document import discriminators
from flowrun.document.access import PROVIDED, Trouble
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
    options,
    union,
)


class Guard(Enum):
    """How much it matters that a field is missing, for the one who reads it."""

    NONE = ()
    PROVIDED = PROVIDED
    """The filter `default` provides for it."""
    ASKED = (
        *PROVIDED,
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
            return _after(type_of, node, holds, holds)
        case nodes.And() | nodes.Or():
            return _either(
                facts(type_of, node.left, holds=holds),
                _after(type_of, node, not holds, holds),
            )
        case nodes.Test():
            return _of_test(type_of, node, holds)
        case nodes.Compare(ops=[only]):
            return _of_comparison(type_of, node.expr, only, holds)
        case nodes.Name() | nodes.Getattr() | nodes.Getitem() if holds:
            return _without(type_of, node, (Null,))
    return {}


def _after(
    type_of: TypeOf, node: nodes.And | nodes.Or, left_holds: bool, right_holds: bool
) -> Facts:
    """What is known where both sides were looked at and came out like that."""
    left = facts(type_of, node.left, holds=left_holds)
    right = facts(
        lambda each, known: type_of(each, {**left, **known}), node.right, holds=right_holds
    )
    return {**left, **right}


def _either(one: Facts, other: Facts) -> Facts:
    """What is known where one of two things is, nobody knows which."""
    return {path: union((one[path], other[path])) for path in one if path in other}


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
_SIGNS = {
    **dict.fromkeys(("eq", "equalto", "=="), "eq"),
    **dict.fromkeys(("ne", "!="), "ne"),
    "in": "in",
}
"""The tests that compare."""
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
    if node.args and node.name in _SIGNS:
        sign = _SIGNS[node.name]
        return _of_comparison(type_of, tested, nodes.Operand(sign, node.args[0]), holds)
    return {}


def _of_comparison(type_of: TypeOf, left: nodes.Node, operand: nodes.Operand, holds: bool) -> Facts:
    """`==`, `!=`, `in` and `not in`, where they hold or where they do not."""
    right = operand.expr
    if operand.op in ("ne", "notin"):
        opposite = nodes.Operand("eq" if operand.op == "ne" else "in", right)
        return _of_comparison(type_of, left, opposite, not holds)
    if operand.op == "eq":
        return _of_texts(type_of, left, _texts([right]), holds) or _of_texts(
            type_of, right, _texts([left]), holds
        )
    if operand.op != "in":
        return {}
    if isinstance(right, nodes.List | nodes.Tuple):
        return _of_texts(type_of, left, _texts(right.items), holds)
    if holds and isinstance(left, nodes.Const) and isinstance(left.value, str):
        field = nodes.Getitem(right, left, "load")
        return _without(type_of, field, ())
    return {}


def _texts(literals: Sequence[nodes.Node]) -> frozenset[str]:
    """The texts that they are; none unless all are."""
    values = [each.value for each in literals if isinstance(each, nodes.Const)]
    texts = frozenset(each for each in values if isinstance(each, str))
    return (
        texts
        if len(values) == len(literals) and all(isinstance(x, str) for x in values)
        else frozenset()
    )


def _of_texts(type_of: TypeOf, node: nodes.Node, values: frozenset[str], is_among: bool) -> Facts:
    """`path.kind == "a"` tells the value of `kind`, and which options of `path` are left."""
    path = _path(node)
    if not path or not values:
        return {}
    known = type_of(node, {})
    if any(isinstance(each, Anything) for each in options(known)):
        return {}  # it may be a namespace's, which changes while the condition is left standing
    change = discriminators.among(values) if is_among else discriminators.other_than(values)
    found: Facts = {path: change(known)}
    name = _field_name(node)
    if name is not None and isinstance(node, nodes.Getattr | nodes.Getitem):
        whole = type_of(node.node, {})
        found[spell(node.node)] = discriminators.where_field(whole, name, change)
    # Of what cannot come about nothing is known.
    return {path: left for path, left in found.items() if left != NOTHING}


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
