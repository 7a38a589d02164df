"""What the names of a Python module stand for, read from its syntax tree alone."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence


class Names:
    """The names that a module binds at its top level.

    A name that is bound more than once, or changed from within a function, stands for nothing
    that could be told.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.bindings: defaultdict[str, list[ast.AST]] = defaultdict(list)
        for name, node in _bindings(tree):
            self.bindings[name].append(node)
        self._changed = {
            name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names
        }

    def knows(self, name: str) -> bool:
        """Whether the module may have a member of that name."""
        return name in self.bindings or "*" in self.bindings or "__getattr__" in self.bindings

    def is_changed(self, name: str) -> bool:
        """Whether a function of the module binds the name anew."""
        return name in self._changed

    def sole(self, name: str) -> ast.AST | None:
        """The one statement that binds the name, None if it is not the only one."""
        found = self.bindings.get(name, ())
        return found[0] if len(found) == 1 and name not in self._changed else None

    def dotted(self, node: ast.expr) -> str | None:
        """The full name behind an expression: `typing.List` for `t.List`; None if unknown."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        first = self._full(node.id) if isinstance(node, ast.Name) else None
        return ".".join((first, *reversed(parts))) if first else None

    def _full(self, name: str) -> str | None:
        if name not in self.bindings:
            is_builtin = hasattr(builtins, name) and "*" not in self.bindings
            return f"builtins.{name}" if is_builtin else None
        match self.sole(name):
            case ast.Import(names=aliases):
                return next((each.name for each in aliases if each.asname == name), name)
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                return next(
                    f"{module}.{each.name}" for each in aliases if name in (each.asname, each.name)
                )
        return None

    def definition(self, node: ast.expr) -> ast.ClassDef | ast.expr | None:
        """The class that a name stands for, or the expression that it was given."""
        if not isinstance(node, ast.Name):
            return None
        match self.sole(node.id):
            case ast.ClassDef() as found:
                return found
            case ast.Assign(targets=[ast.Name()], value=value):
                return value
            case ast.AnnAssign(target=ast.Name(), annotation=kind, value=ast.expr() as value):
                return value if (self.dotted(kind) or "").endswith(".TypeAlias") else None
        return None


def _bindings(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Each name that is bound and what binds it, in order; not what functions do inside.

    Python reads expressions of any depth, so nothing here may call itself for each level.
    """
    waiting: list[tuple[ast.AST, ast.AST]] = [(each, each) for each in reversed(tree.body)]
    while waiting:
        node, statement = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node
            case ast.Lambda():
                pass
            case ast.Import():
                for each in node.names:
                    yield each.asname or each.name.split(".")[0], node
            case ast.ImportFrom():
                for each in node.names:
                    yield each.asname or each.name, node
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id, statement
            case _:
                if isinstance(node, ast.ExceptHandler) and node.name:
                    yield node.name, node
                inner = node if isinstance(node, ast.stmt) else statement
                waiting += [(each, inner) for each in reversed([*ast.iter_child_nodes(node)])]


def parsed(source: str | bytes) -> ast.Module:
    """The syntax tree. Raises: SyntaxError, whatever is wrong with the source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"it cannot be read as Python: {error}") from error


def text_of(node: ast.expr | None) -> str | None:
    """The text of a literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def elements(node: ast.expr) -> Sequence[ast.expr]:
    """What stands in the brackets of `Name[…]`."""
    return node.elts if isinstance(node, ast.Tuple) else (node,)
