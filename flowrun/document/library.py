"""Files that a template includes, imports or extends: read, parsed, and put in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import TypeAlias

from jinja2 import nodes

from flowrun.dataclass import dataclass
from flowrun.document import parsing
from flowrun.document.faults import Fault, TemplateFault
from flowrun.document.positions import offset_of
from flowrun.errors import FlowrunError

MAX_INCLUDES = 16
_Naming: TypeAlias = nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends
_LISTS = ("body", "else_", "elif_")


@dataclass(slots=True)
class Library:
    """The files of one template; `trees` are those that it imports or extends."""

    read: Callable[[str], str] | None
    trees: dict[str, nodes.Template] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _count: int = 0

    def resolve(self, tree: nodes.Template) -> None:
        """Puts included files into the tree, and keeps those that are imported or extended.

        Raises: TemplateFault at the tag that names the file.
        """
        tree.body = self._statements(tree.body)

    def _statements(self, body: Iterable[nodes.Node]) -> list[nodes.Node]:
        found = []
        for node in body:
            if isinstance(node, nodes.Include):
                found.append(self._included(node))
                continue
            if isinstance(node, (nodes.Import, nodes.FromImport, nodes.Extends)):
                self._kept(node)
            for name in _LISTS:
                inner = getattr(node, name, None)
                if isinstance(inner, list):
                    setattr(node, name, self._statements(inner))
            found.append(node)
        return found

    def _included(self, node: nodes.Include) -> nodes.Node:
        """The file's content in place of the tag; what it sets stays inside."""
        if not node.with_context:
            raise _fault(node, "an included file always sees the names around it", "include")
        try:
            tree = self._tree(node)
        except _UnreadableError:
            if not node.ignore_missing:
                raise
            return nodes.Output([], lineno=node.lineno)
        for each in tree.find_all((nodes.Block, nodes.Extends)):
            kind = type(each).__name__.lower()
            raise _fault(node, f"an included file cannot have the tag {kind}", "include")
        scope = nodes.Scope(tree.body, lineno=node.lineno)
        scope.set_lineno(node.lineno, override=True)
        return scope

    def _kept(self, node: nodes.Import | nodes.FromImport | nodes.Extends) -> None:
        self.trees[_name(node)] = self._tree(node)

    def _tree(self, node: _Naming) -> nodes.Template:
        name = _name(node)
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise _fault(node, f"files include each other in a circle: {circle}", "include-cycle")
        self._count += 1
        if len(self._open) >= MAX_INCLUDES or self._count > parsing.MAX_NODES // 100:
            raise _fault(node, "too many files include each other", "include-depth")
        if self.read is None:
            raise _fault(node, "no files can be included here", "include")
        try:
            source = self.read(name)
        except FlowrunError as error:
            raise _UnreadableError(_fault(node, str(error), "include").fault) from None
        self._open.append(name)
        try:
            return self._parsed(source)
        except TemplateFault as error:
            fault = error.fault
            is_between = fault.code in ("include-cycle", "include-depth")
            message = fault.message if is_between else _located(name, source, fault)
            raise _fault(node, message, fault.code, fault.mend) from None
        finally:
            self._open.pop()

    def _parsed(self, source: str) -> nodes.Template:
        tree = parsing.tree_of(source)
        parsing.check(source, tree)
        self.resolve(tree)
        return tree


class _UnreadableError(TemplateFault):
    """The file is not there, or not to be read."""


def _name(node: _Naming) -> str:
    """The file that a tag names, which must stand there in full."""
    if isinstance(node.template, nodes.Const) and isinstance(node.template.value, str):
        return node.template.value
    raise _fault(node, "a file is named by a text in quotes, never computed", "include")


def _located(name: str, source: str, fault: Fault) -> str:
    before = source[: fault.offset]
    line, column = before.count("\n") + 1, fault.offset - before.rfind("\n")
    return f"{name}:{line}:{column}: {fault.message}"


def _fault(node: nodes.Node, message: str, code: str, mend: str = "") -> TemplateFault:
    tag = "from" if isinstance(node, nodes.FromImport) else type(node).__name__
    return TemplateFault(Fault(offset_of(node.lineno), len(tag), message, code, mend=mend))
