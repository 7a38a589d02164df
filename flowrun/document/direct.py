"""Templates of text, names and their fields, read off without being compiled.

Most templates of a pipeline are no more than that, and compiling one takes fifty times as long as
reading it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TypeAlias

from jinja2 import nodes
from jinja2.environment import Environment

from flowrun.dataclass import dataclass
from flowrun.document.budget import STEP, Budget
from flowrun.document.positions import offset_of
from flowrun.document.scope import BoundedContext, fresh


@dataclass(frozen=True, slots=True)
class Reading:
    """A name and the fields that are read of it, one of the other, at `offset` of the source."""

    name: str
    fields: tuple[str, ...]
    offset: int


Piece: TypeAlias = str | Reading


def pieces_of(tree: nodes.Template) -> tuple[Piece, ...] | None:
    """What the template is made of; None if there is more to it."""
    found: list[Piece] = []
    for statement in tree.body:
        if type(statement) is not nodes.Output:
            return None
        for node in statement.nodes:
            piece = _piece(node)
            if piece is None:
                return None
            found.append(piece)
    return tuple(found)


def _piece(node: nodes.Expr) -> Piece | None:
    if isinstance(node, nodes.TemplateData):
        return node.data
    offset = offset_of(node.lineno)
    fields: list[str] = []
    while isinstance(node, nodes.Getattr):
        fields.append(node.attr)
        node = node.node
    if not isinstance(node, nodes.Name):
        return None
    return Reading(node.name, tuple(reversed(fields)), offset)


class Direct:
    """Such a template, as a compiled one is used; `root` gives chunks, or a lone name's value."""

    __slots__ = ("_environment", "_gives_value", "_pieces")

    def __init__(
        self, pieces: tuple[Piece, ...], environment: Environment, *, gives_value: bool
    ) -> None:
        self._pieces = pieces
        self._environment = environment
        self._gives_value = gives_value

    def context(
        self, scope: Mapping[str, object], names: Iterable[str], *, takes_images: bool
    ) -> BoundedContext:
        """A fresh context that holds `names` as far as `scope` has them."""
        budget = Budget(scope, recursion_cost=STEP, takes_images=takes_images)
        return fresh(self._environment, budget, scope, names, {})

    def root(self, context: BoundedContext) -> Iterator[object]:
        """The chunks of output, or the one value."""
        for piece in self._pieces:
            if isinstance(piece, str):
                yield piece
                continue
            value = context.resolve_or_missing(piece.name)
            for field in piece.fields:
                value = self._environment.getattr(value, field)
            yield value if self._gives_value else context.chunk(value)

    def offset(self, trace: TracebackType | None) -> int | None:
        """Where in the template's source an exception came from."""
        while trace is not None:
            if trace.tb_frame.f_code is Direct.root.__code__:
                piece = trace.tb_frame.f_locals.get("piece")
                return piece.offset if isinstance(piece, Reading) else None
            trace = trace.tb_next
        return None
