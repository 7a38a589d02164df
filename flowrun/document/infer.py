"""What a template gives and what is wrong in it, from the types of the names that it reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias, cast

from jinja2 import nodes

from flowrun.dataclass import dataclass
from flowrun.document.access import Subject, Trouble, iterate, loop_of, unpack
from flowrun.document.expressions import Expressions
from flowrun.document.faults import Fault
from flowrun.document.names import Names
from flowrun.document.narrowing import Facts
from flowrun.document.paths import start_of
from flowrun.document.types import Anything, String, Type, union


def infer(
    tree: nodes.Template, scope: Mapping[str, Type], *, steps: Collection[str] = ()
) -> tuple[Type, tuple[Fault, ...]]:
    """The type that rendering gives, and the faults, in the template's order.

    A name that is not in `scope` may be anything. `steps`: the names that messages call steps.
    """
    return infer_within(tree, Names(scope, steps))


def infer_within(tree: nodes.Template, names: Names) -> tuple[Type, tuple[Fault, ...]]:
    """The same where names are known by more than their types."""
    walk = _Statements(tree, Expressions(names.child()))
    only = _only_expression(tree)
    if only is None:
        walk.all(tree.body)
        found: Type = String()
    else:
        found = walk.expressions.type_of(only)
    faults = dict.fromkeys(sorted(walk.expressions.faults, key=lambda fault: fault.offset))
    return found, tuple(faults)


@dataclass(frozen=True, slots=True)
class Printed:
    """The value of an expression that a template prints, and how a message names it."""

    type: Type
    subject: Subject
    offset: int

    @property
    def length(self) -> int:
        """How many characters of the template name it, 1 if it has no short name."""
        return len(self.subject.path) or 1


def printed(tree: nodes.Template, names: Names) -> tuple[Printed, ...]:
    """What a template prints where it stands, in its order.

    What goes into a variable, a macro or a filter first is left out.
    """
    walk = _Statements(tree, Expressions(names.child()))
    walk.all(tree.body)
    return tuple(walk.printed)


def known_where(tree: nodes.Template, names: Names) -> Facts:
    """What is known wherever a template that is one expression gives a true value."""
    only = _only_expression(tree)
    return {} if only is None else Expressions(names.child()).facts(only, holds=True)


def _only_expression(tree: nodes.Template) -> nodes.Node | None:
    """The expression of a template that is nothing else."""
    match tree.body:
        case [nodes.Output(nodes=[only])] if not isinstance(only, nodes.TemplateData):
            return only
    return None


class _Statements:
    """Walks the statements and keeps what each name means where."""

    def __init__(self, tree: nodes.Template, expressions: Expressions) -> None:
        self._tree = tree
        self.expressions = expressions
        self.printed: list[Printed] = []

    def all(self, body: Iterable[nodes.Node]) -> None:
        """Walks what stands one after another."""
        for node in body:
            if isinstance(node, nodes.Expr):
                self.expressions.type_of(node)
                continue
            work = _KINDS.get(type(node))
            if work is None:
                self.all(node.iter_child_nodes())
            else:
                work(self, node)

    def _output(self, node: nodes.Output) -> None:
        for each in node.nodes:
            type_ = self.expressions.type_of(each)
            if not isinstance(each, nodes.TemplateData):
                subject = self.expressions.subject(each)
                self.printed.append(Printed(type_, subject, start_of(each)))

    def _within(self, names: Names, body: Iterable[nodes.Node]) -> None:
        with self.expressions.within(names):
            self.all(body)

    def _aside(self, names: Names, body: Iterable[nodes.Node]) -> None:
        """The same for what is not printed where it stands."""
        told = len(self.printed)
        self._within(names, body)
        del self.printed[told:]

    def _bind(self, target: nodes.Node, type_: Type, subject: Subject) -> None:
        """Gives the names of a target their types."""
        if isinstance(target, nodes.Name):
            self.expressions.names.bind(target.name, type_)
        if not isinstance(target, nodes.Tuple):
            return
        parts = unpack(type_, len(target.items), subject)
        if isinstance(parts, Trouble):
            self.expressions.note(parts, start_of(target.items[0]), 1)
            parts = (Anything(),) * len(target.items)
        for each, part in zip(target.items, parts, strict=True):
            self._bind(each, part, subject)

    def _for(self, node: nodes.For) -> None:
        expressions = self.expressions
        listed = expressions.type_of(node.iter)
        subject = expressions.subject(node.iter)
        reading = iterate(listed, subject)
        expressions.note(reading.trouble, start_of(node.iter), len(subject.path) or 1)
        item = Anything() if node.recursive else reading.type
        with expressions.within(expressions.names.child()) as names:
            self._bind(node.target, item, subject.item())
            if node.test is not None:
                expressions.type_of(node.test)
                names.facts.update(expressions.facts(node.test, holds=True))
            names.bind("loop", Anything() if node.recursive else loop_of(item))
            self.all(node.body)
        self._within(expressions.names.child(), node.else_)

    def _if(self, node: nodes.If) -> None:
        """Each branch knows that its test holds and that those before do not."""
        expressions = self.expressions
        before, at = expressions.names, expressions.names
        ends: list[Names] = []
        for branch in (node, *node.elif_):
            with expressions.within(at):
                expressions.type_of(branch.test)
                taken = at.child(expressions.facts(branch.test, holds=True))
                at = at.child(expressions.facts(branch.test, holds=False))
            self._within(taken, branch.body)
            ends.append(taken)
        self._within(at, node.else_)
        _join(before, [*ends, at])

    def _with(self, node: nodes.With) -> None:
        values = [self.expressions.type_of(each) for each in node.values]
        with self.expressions.within(self.expressions.names.child()):
            for target, value in zip(node.targets, values, strict=True):
                self._bind(target, value, Subject())
            self.all(node.body)

    def _assign(self, node: nodes.Assign) -> None:
        self._bind(
            node.target, self.expressions.type_of(node.node), self.expressions.subject(node.node)
        )

    def _assign_block(self, node: nodes.AssignBlock) -> None:
        self._aside(self.expressions.names.child(), node.body)
        value: Type = String()
        if node.filter is not None:
            value = self.expressions.type_of(node.filter)
        self._bind(node.target, value, Subject())

    def _filter_block(self, node: nodes.FilterBlock) -> None:
        self._aside(self.expressions.names.child(), node.body)
        self.expressions.type_of(node.filter)

    def _macro(self, node: nodes.Macro) -> None:
        self._function(node, ("varargs", "kwargs", "caller"))
        self.expressions.names.bind(node.name, Anything())

    def _call_block(self, node: nodes.CallBlock) -> None:
        self.expressions.type_of(node.call)
        self._function(node, ())

    def _function(self, node: nodes.Macro | nodes.CallBlock, more: Iterable[str]) -> None:
        """A body that runs elsewhere: of its parameters, and of what changes, nothing is known."""
        for default in node.defaults:
            self.expressions.type_of(default)
        names = self.expressions.names.child()
        names.facts.clear()
        for name in (*self._assigned(), *(each.name for each in node.args), *more):
            names.bind(name, Anything())
        self._aside(names, node.body)

    def _block(self, node: nodes.Block) -> None:
        names = self.expressions.names.child()
        names.facts.clear()
        for name in self._assigned():
            names.bind(name, Anything())
        self._within(names, node.body)

    def _assigned(self) -> set[str]:
        """Every name that the template gives a value anywhere."""
        found: set[str] = set()
        waiting: list[nodes.Node] = [self._tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, nodes.Name) and node.ctx == "store":
                found.add(node.name)
            waiting.extend(node.iter_child_nodes())
        return found

    def _import(self, node: nodes.Import) -> None:
        self.expressions.type_of(node.template)
        self.expressions.names.bind(node.target, Anything())

    def _from_import(self, node: nodes.FromImport) -> None:
        self.expressions.type_of(node.template)
        for each in node.names:
            self.expressions.names.bind(each if isinstance(each, str) else each[1], Anything())


_Work: TypeAlias = Callable[[_Statements, nodes.Node], None]
_KINDS: Mapping[type[nodes.Node], _Work] = cast(
    "Mapping[type[nodes.Node], _Work]",
    {
        nodes.Output: _Statements._output,
        nodes.For: _Statements._for,
        nodes.If: _Statements._if,
        nodes.With: _Statements._with,
        nodes.Assign: _Statements._assign,
        nodes.AssignBlock: _Statements._assign_block,
        nodes.FilterBlock: _Statements._filter_block,
        nodes.Macro: _Statements._macro,
        nodes.CallBlock: _Statements._call_block,
        nodes.Block: _Statements._block,
        nodes.Import: _Statements._import,
        nodes.FromImport: _Statements._from_import,
    },
)


def _join(names: Names, ends: list[Names]) -> None:
    """Gives each variable that a branch set the type that it may have behind all branches."""
    changed = {
        name: None
        for end in ends
        for name, type_ in end.bound.items()
        if names.bound.get(name) is not type_
    }
    for name in changed:
        kept = [type_ for end in ends if (type_ := end.get(name)) is not None]
        names.bind(name, union(kept))
