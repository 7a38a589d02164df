"""Template trees compiled to Python that asks the sandbox for every operation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from types import CodeType, TracebackType
from typing import cast

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.runtime import Context, new_context

from flowrun.document.budget import NODE, STEP, Budget
from flowrun.document.direct import Direct, pieces_of
from flowrun.document.positions import Position, offset_of
from flowrun.document.sandbox import Sandbox
from flowrun.document.scope import BUDGET, BoundedContext, fresh

_FILE = "<template>"
SANDBOX = Sandbox()
"""The one environment; only templates that import files have one of their own."""


class Code:
    """A compiled template; `root` gives chunks of output, or the value of a lone expression."""

    __slots__ = ("_environment", "_lines", "_namespace", "blocks", "recursion_cost", "root")

    def __init__(self, generator: Generator, environment: Sandbox) -> None:
        program: CodeType = compile(generator.stream.getvalue(), _FILE, "exec")  # type: ignore[attr-defined]  # a StringIO, as none was given
        namespace: dict[str, object] = {"environment": environment}
        exec(program, namespace)  # made by Jinja's compiler, from a checked tree
        self._environment = environment
        self._namespace = namespace
        self._lines = generator.debug_info
        self.recursion_cost = generator.recursion_cost
        self.root = cast("Callable[[Context], Iterator[object]]", namespace["root"])
        self.blocks = cast("dict[str, Callable[[Context], Iterator[str]]]", namespace["blocks"])

    def context(
        self, scope: Mapping[str, object], names: Iterable[str], *, takes_images: bool
    ) -> BoundedContext:
        """A fresh context that holds `names` as far as `scope` has them."""
        budget = Budget(scope, recursion_cost=self.recursion_cost, takes_images=takes_images)
        return fresh(self._environment, budget, scope, names, self.blocks)

    def offset(self, trace: TracebackType | None) -> int | None:
        """Where in the template's source an exception came from."""
        found = None
        while trace is not None:
            if trace.tb_frame.f_globals is self._namespace:
                found = trace.tb_lineno
            trace = trace.tb_next
        if found is None:
            return None
        index = bisect_right(self._lines, found, key=lambda pair: pair[1])
        return offset_of(self._lines[index - 1][0]) if index else None


class File:
    """An imported or extended file, as Jinja's generated code expects a template."""

    def __init__(self, name: str, code: Code, environment: Sandbox) -> None:
        self.name = name
        self.blocks = code.blocks
        self.root_render_func = code.root
        self._environment = environment

    def make_module(
        self,
        vars: dict[str, object],  # Jinja passes it so
        shared: bool = True,
        locals: Mapping[str, object] | None = None,
    ) -> TemplateModule:
        """What the file defines, seen with the names of the template that imports it."""
        context = new_context(self._environment, None, self.blocks, vars, shared, None, locals)
        return TemplateModule(self, context)  # type: ignore[arg-type]  # has what it reads

    def _get_default_module(self, context: BoundedContext) -> TemplateModule:
        """What the file defines, seen with no names but the functions."""
        return self.make_module({**self._environment.globals, BUDGET: context.budget})


def compiled(
    tree: nodes.Template, library: Mapping[str, nodes.Template], *, is_expression: bool
) -> Code | Direct:
    """Compiles a tree, with the trees of the files that it imports or extends.

    Raises: TemplateAssertionError, SyntaxError and the like for what only a compiler sees.
    """
    pieces = None if library else pieces_of(tree)
    if pieces is not None:
        return Direct(pieces, SANDBOX, gives_value=is_expression)
    environment = SANDBOX
    if library:
        environment = Sandbox()
        environment.library = {
            name: File(name, _generated(each, environment), environment)
            for name, each in library.items()
        }
    return _generated(tree, environment, is_expression=is_expression)


def _generated(tree: nodes.Template, environment: Sandbox, *, is_expression: bool = False) -> Code:
    generator = Generator(environment, None, None, optimized=False)
    generator.gives_value = is_expression
    generator.visit(tree)
    return Code(generator, environment)


class Generator(CodeGenerator):
    """Jinja's compiler with the remaining operations handed to the sandbox.

    Nothing is computed at compile time: what is constant may still be large.
    """

    gives_value = False
    recursion_cost = STEP

    def write_commons(self) -> None:
        """Lets macros join their output with the budget; an `if` without `else` gives no text."""
        super().write_commons()
        self.writeline("concat = context.concat")
        self.writeline("cond_expr_undefined = environment.nothing")

    def newline(self, node: nodes.Node | None = None, extra: int = 0) -> None:
        """Notes the exact place, where Jinja is content with the line."""
        super().newline(node, extra)
        if node is not None and isinstance(node.lineno, Position):
            self._write_debug_info = node.lineno

    def visit(self, node: nodes.Node, *args: object, **kwargs: object) -> object:
        """Notes where each statement is, also those of which Jinja notes nothing."""
        if isinstance(node, nodes.Stmt) and isinstance(node.lineno, Position):
            self._write_debug_info = node.lineno
        return cast(object, super().visit(node, *args, **kwargs))

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802  # Jinja's name
        """Makes each round pay for what its body may put out."""
        cost = STEP + NODE * sum(1 for _ in _descendants(node.body))
        if node.recursive:
            self.recursion_cost = max(self.recursion_cost, cost)
        bounded = copy(node)
        # MarkSafe has no meaning without auto-escaping, so it is free to mean "each".
        bounded.iter = nodes.MarkSafe(nodes.List([node.iter, nodes.Const(cost)]))
        super().visit_For(bounded, frame)

    def visit_MarkSafe(self, node: nodes.MarkSafe, frame: Frame) -> None:  # noqa: N802
        """What a loop runs over, or what is spread into arguments."""
        self._call("each", cast(nodes.List, node.expr).items, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """`a ~ b`."""
        self._call("concatenated", node.nodes, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802
        """`a < b`."""
        operands: list[nodes.Expr] = [node.expr]
        for each in node.ops:
            operands += [nodes.Const(each.op), each.expr]
        self._call("compared", operands, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        """`a[1]` as Jinja does it, `a[1:2]` by the sandbox."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        self._call("cut", [node.node, *(each or nodes.Const(None) for each in bounds)], frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        """A list, as data knows no tuples; on the left of `=` a tuple."""
        if node.ctx == "load":
            self.visit_List(cast(nodes.List, node), frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        """An object, whose keys are looked at first."""
        self.write("{")
        for pair in node.items:
            self.write("environment.key(")
            self.visit(pair.key, frame)
            self.write("): ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def signature(
        self,
        node: nodes.Call | nodes.Filter | nodes.Test,
        frame: Frame,
        extra_kwargs: Mapping[str, object] | None = None,
    ) -> None:
        """Makes spread arguments pay for each."""
        if node.dyn_args is not None:
            node = copy(node)
            node.dyn_args = nodes.MarkSafe(nodes.List([node.dyn_args, nodes.Const(STEP)]))
        super().signature(node, frame, extra_kwargs)

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        """Leaves nothing to be computed now."""
        return self._FinalizeInfo(None, None)

    def _output_child_pre(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        if not self.gives_value:
            self.write("context.chunk(")

    def _output_child_post(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        if not self.gives_value:
            self.write(")")

    def _call(self, name: str, operands: Iterable[nodes.Expr], frame: Frame) -> None:
        self.write(f"environment.{name}(context")
        for each in operands:
            self.write(", ")
            self.visit(each, frame)
        self.write(")")


def _descendants(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())
