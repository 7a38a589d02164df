"""The type of every expression of a template, and the faults within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias, cast

from jinja2 import nodes

from flowrun.document import narrowing, operators
from flowrun.document.access import (
    Reading,
    Subject,
    Trouble,
    read_any_item,
    read_field,
    read_item,
    read_slice,
)
from flowrun.document.faults import Fault
from flowrun.document.methods import call_global, call_method
from flowrun.document.names import Names
from flowrun.document.narrowing import Guard
from flowrun.document.paths import constant_of, offset_of, spell, start_of
from flowrun.document.signatures import Arguments, apply_filter, apply_test
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
    Type,
    describe,
    options,
    union,
)


class Expressions:
    """Works out types; `names` is swapped by whoever walks the statements, `faults` is filled."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.faults: list[Fault] = []

    def type_of(self, node: nodes.Node, guard: Guard = Guard.NONE) -> Type:
        """The type of an expression, whose faults are kept."""
        work = _KINDS.get(type(node))
        return work(self, node, guard) if work else self._other(node)

    def facts(self, node: nodes.Node, *, holds: bool) -> narrowing.Facts:
        """What is known where the condition holds, or where it does not."""
        return narrowing.facts(self._quiet_type_of, node, holds=holds)

    @contextmanager
    def within(self, names: Names) -> Iterator[Names]:
        """Reads names as they are at another place for a while."""
        outer, self.names = self.names, names
        yield names
        self.names = outer

    def note(self, trouble: Trouble | None, offset: int, length: int) -> None:
        """Keeps a fault, if there is one, at its place."""
        if trouble is not None:
            self.faults.append(
                Fault(offset, length, trouble.message, trouble.code, trouble.why, trouble.mend)
            )

    def subject(self, node: nodes.Node) -> Subject:
        """How messages name the value of an expression."""
        return self.names.subject(spell(node))

    def filtered(self, node: nodes.Filter, type_: Type) -> Type:
        """What a filter makes of a value."""
        arguments = self._arguments(node)
        subject = self.subject(node.node) if node.node else Subject()
        reading = apply_filter(node.name, type_, arguments, subject)
        place: nodes.Node = node
        length = len(node.name)
        named = _named_attribute(node)
        if named is not None and reading.trouble and reading.trouble.code != "wrong-type":
            place, length = named, _length(named)
        self.note(reading.trouble, offset_of(place), length)
        return reading.type

    def _quiet_type_of(self, node: nodes.Node, facts: Mapping[str, Type]) -> Type:
        """The type of an expression whose faults are told elsewhere."""
        told = len(self.faults)
        with self.within(self.names.child(facts)):
            found = self.type_of(node, Guard.ASKED)
        del self.faults[told:]
        return found

    def _told(self, reading: Reading, guard: Guard, offset: int, length: int) -> Type:
        if reading.trouble is None or not guard.hides(reading.trouble):
            self.note(reading.trouble, offset, length)
        return reading.type

    def _name(self, node: nodes.Name, _guard: Guard) -> Type:
        known = self.names.facts.get(node.name)
        if known is None:
            known = self.names.get(node.name)
        return Anything() if known is None else known

    def _getattr(self, node: nodes.Getattr, guard: Guard) -> Type:
        known = self.names.facts.get(spell(node))
        if known is not None:
            return known
        target = self.type_of(node.node)
        reading = read_field(target, node.attr, self.subject(node.node))
        return self._told(reading, guard, offset_of(node) + 1, len(node.attr))

    def _getitem(self, node: nodes.Getitem, guard: Guard) -> Type:
        known = self.names.facts.get(spell(node))
        if known is not None:
            return known
        target = self.type_of(node.node)
        subject, key, offset = self.subject(node.node), node.arg, offset_of(node)
        if isinstance(key, nodes.Slice):
            for part in key.iter_child_nodes():
                self.type_of(part)
            return self._told(read_slice(target, subject), Guard.NONE, offset, 1)
        value = constant_of(key)
        if isinstance(value, str):
            reading = read_field(target, value, subject)
            return self._told(reading, guard, offset_of(key), _length(key))
        if isinstance(value, int):
            reading = read_item(target, value, subject)
            return self._told(reading, guard, offset, len(f"[{value}]"))
        return self._told(read_any_item(target, self.type_of(key), subject), guard, offset, 1)

    def _const(self, node: nodes.Const, _guard: Guard) -> Type:
        match node.value:
            case None:
                return Null()
            case bool():
                return Boolean()
            case int():
                return Integer()
            case float():
                return Number()
        return String()

    def _text(self, _node: nodes.TemplateData, _guard: Guard) -> Type:
        return String()

    def _concat(self, node: nodes.Concat, _guard: Guard) -> Type:
        for each in node.nodes:
            subject = self.subject(each)
            trouble = operators.joins(self.type_of(each), subject)
            self.note(trouble, start_of(each), len(subject.path) or 1)
        return String()

    def _literal_list(self, node: nodes.List | nodes.Tuple, _guard: Guard) -> Type:
        items = tuple(self.type_of(each) for each in node.items)
        return Array(Anything(), items, len(items))

    def _literal_dict(self, node: nodes.Dict, _guard: Guard) -> Type:
        fields: dict[str, Type] = {}
        is_closed = True
        for pair in node.items:
            value = self.type_of(pair.value)
            if isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str):
                fields[pair.key.value] = value
            else:
                self.type_of(pair.key)
                is_closed = False
        return Object(fields, frozenset(fields), None if is_closed else Anything())

    def _either(self, node: nodes.Or, _guard: Guard) -> Type:
        left = self.type_of(node.left)
        kept = [each for each in options(left) if not isinstance(each, Null)]
        with self.within(self.names.child(self.facts(node.left, holds=False))):
            right = self.type_of(node.right)
        return union((*kept, right))

    def _both(self, node: nodes.And, _guard: Guard) -> Type:
        left = self.type_of(node.left)
        with self.within(self.names.child(self.facts(node.left, holds=True))):
            right = self.type_of(node.right)
        return union((left, right))

    def _not(self, node: nodes.Not, _guard: Guard) -> Type:
        self.type_of(node.node)
        return Boolean()

    def _choice(self, node: nodes.CondExpr, guard: Guard) -> Type:
        self.type_of(node.test)
        found: list[Type] = []
        for branch, holds in ((node.expr1, True), (node.expr2, False)):
            if branch is not None:
                with self.within(self.names.child(self.facts(node.test, holds=holds))):
                    found.append(self.type_of(branch, guard))
        return union(found)

    def _arithmetic(self, node: nodes.BinExpr, _guard: Guard) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        reading = operators.arithmetic(node.operator, left, right)
        return self._told(reading, Guard.NONE, start_of(node), len(spell(node.left)) or 1)

    def _negative(self, node: nodes.UnaryExpr, _guard: Guard) -> Type:
        reading = operators.negative(
            node.operator, self.type_of(node.node), self.subject(node.node)
        )
        return self._told(reading, Guard.NONE, offset_of(node), 1)

    def _compare(self, node: nodes.Compare, _guard: Guard) -> Type:
        left = node.expr
        left_type = self.type_of(left)
        for operand in node.ops:
            right = operand.expr
            right_type = self.type_of(right)
            if operand.op in ("eq", "ne"):
                self._never_equal(left, left_type, right)
                self._never_equal(right, right_type, left)
            elif operand.op in ("in", "notin"):
                self._contains(left, left_type, right, right_type)
            else:
                trouble = operators.order(_SIGNS[operand.op], left_type, right_type)
                self.note(trouble, start_of(left), len(spell(left)) or 1)
            left, left_type = right, right_type
        return Boolean()

    def _never_equal(self, node: nodes.Node, type_: Type, literal: nodes.Node) -> None:
        if isinstance(literal, nodes.Const) and not isinstance(node, nodes.Const):
            trouble = operators.never_equal(type_, literal.value, self.subject(node))
            self.note(trouble, offset_of(literal), _length(literal))

    def _contains(
        self, left: nodes.Node, left_type: Type, right: nodes.Node, right_type: Type
    ) -> None:
        trouble = operators.contains(left_type, right_type, self.subject(right))
        self.note(trouble, start_of(right), len(spell(right)) or 1)
        if isinstance(right, nodes.List | nodes.Tuple):
            for each in right.items:
                self._never_equal(left, left_type, each)

    def _filter(self, node: nodes.Filter, _guard: Guard) -> Type:
        guard = Guard.PROVIDED if node.name in ("default", "d") else Guard.NONE
        target = self.type_of(node.node, guard) if node.node else String()
        return self.filtered(node, target)

    def _test(self, node: nodes.Test, _guard: Guard) -> Type:
        is_probe = node.name in ("defined", "undefined")
        target = self.type_of(node.node, Guard.ASKED if is_probe else Guard.NONE)
        self._arguments(node)
        first = node.args[0] if node.args else None
        if first is not None and node.name in ("eq", "equalto", "==", "ne", "!="):
            self._never_equal(node.node, target, first)
        elif first is not None and node.name in _ORDER_TESTS:
            sign, right = _ORDER_TESTS[node.name], self._quiet_type_of(first, {})
            self.note(operators.order(sign, target, right), offset_of(node), len("is"))
        elif first is not None and node.name == "in":
            self._contains(node.node, target, first, self._quiet_type_of(first, {}))
        reading = apply_test(node.name, target, self.subject(node.node))
        return self._told(reading, Guard.NONE, offset_of(node), len("is"))

    def _call(self, node: nodes.Call, _guard: Guard) -> Type:
        arguments = self._arguments(node)
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            target = self.type_of(callee.node)
            given = call_method(target, callee.attr, arguments)
            if given is not None:
                return given
        elif isinstance(callee, nodes.Name) and self.names.get(callee.name) is None:
            return call_global(callee.name, arguments)
        return self._called(callee)

    def _called(self, callee: nodes.Node) -> Type:
        """What calling a value gives: data is no function, but who knows what the rest is."""
        type_ = self.type_of(callee)
        if not any(isinstance(each, Anything) for each in options(type_)):
            subject = self.subject(callee)
            message = f"{subject} is {describe(type_)}, not a function"
            trouble = Trouble("wrong-type", message, "only functions can be called")
            self.note(trouble, start_of(callee), len(subject.path) or 1)
        return Anything()

    def _arguments(self, node: nodes.Filter | nodes.Test | nodes.Call) -> Arguments:
        types: dict[str, Type] = {}
        literals: dict[str, str | int] = {}
        given = {str(at): each for at, each in enumerate(node.args)}
        for each in node.kwargs:
            assert isinstance(each, nodes.Keyword)
            given[each.key] = each.value
        for name, value in given.items():
            types[name] = self.type_of(value)
            if isinstance(value, nodes.Const) and isinstance(value.value, str | int):
                literals[name] = value.value
        more = [each for each in (node.dyn_args, node.dyn_kwargs) if each is not None]
        for unpacked in more:
            self.type_of(unpacked)
        return Arguments(types, literals, bool(more))

    def _other(self, node: nodes.Node) -> Type:
        for each in node.iter_child_nodes():
            self.type_of(each)
        return Anything()


_ORDER_TESTS = {
    **dict.fromkeys((">", "gt", "greaterthan"), ">"),
    **dict.fromkeys((">=", "ge"), ">="),
    **dict.fromkeys(("<", "lt", "lessthan"), "<"),
    **dict.fromkeys(("<=", "le"), "<="),
}
_SIGNS = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_Work: TypeAlias = Callable[[Expressions, nodes.Node, Guard], Type]
_KINDS: Mapping[type[nodes.Node], _Work] = cast(
    "Mapping[type[nodes.Node], _Work]",
    {
        nodes.Name: Expressions._name,
        nodes.Getattr: Expressions._getattr,
        nodes.Getitem: Expressions._getitem,
        nodes.Const: Expressions._const,
        nodes.TemplateData: Expressions._text,
        nodes.Concat: Expressions._concat,
        nodes.List: Expressions._literal_list,
        nodes.Tuple: Expressions._literal_list,
        nodes.Dict: Expressions._literal_dict,
        nodes.Or: Expressions._either,
        nodes.And: Expressions._both,
        nodes.Not: Expressions._not,
        nodes.CondExpr: Expressions._choice,
        nodes.Compare: Expressions._compare,
        nodes.Filter: Expressions._filter,
        nodes.Test: Expressions._test,
        nodes.Call: Expressions._call,
        nodes.Neg: Expressions._negative,
        nodes.Pos: Expressions._negative,
        **dict.fromkeys(
            (
                *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
                *(nodes.FloorDiv, nodes.Mod, nodes.Pow),
            ),
            Expressions._arithmetic,
        ),
    },
)


def _length(literal: nodes.Expr) -> int:
    """How many characters a literal has in the template, if it is written plainly."""
    value = constant_of(literal)
    return len(str(value)) + 2 * isinstance(value, str)


def _named_attribute(node: nodes.Filter) -> nodes.Const | None:
    """The literal by which a filter is told which field of the items it reads."""
    named = [each.value for each in node.kwargs if each.key == "attribute"]
    return next((each for each in (*named, *node.args) if isinstance(each, nodes.Const)), None)
