"""The names that a rendering sees, and what stands there for those that have no value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from jinja2.runtime import Context, StrictUndefined
from jinja2.utils import missing

from flowrun.chat.images import Image
from flowrun.document.attributes import names_of
from flowrun.document.budget import STEP, TEXT_CHARACTERS, Budget
from flowrun.document.faults import TemplateError, kind_of
from flowrun.document.printing import Mixed, as_text, suggestion

if TYPE_CHECKING:
    from jinja2 import Environment

BUDGET = "\0budget"
"""Where a context keeps its budget: no template can write this name."""


class Missing(StrictUndefined):
    """A name or a field that is not there: an error as soon as it is used."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name, owner = self._undefined_name, self._undefined_obj
        if isinstance(owner, Budget):
            return f'"{name}" is not defined{suggestion(name, owner.known)}'
        if owner is missing:
            return f'"{name}" is not defined'
        near = suggestion(name, names_of(owner))
        if isinstance(owner, Mapping):
            return f'no field "{name}"{near}'
        return f'{kind_of(owner)} has no "{name}"{near}'


class Skipped:
    """Stands in a scope for the output of a step that was skipped."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SKIPPED"


SKIPPED = Skipped()


class SkippedValue(StrictUndefined):
    """A skipped step's output, or a field of it, inside a template: false, and not defined."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return f'step "{self._undefined_name}" was skipped'

    def __bool__(self) -> bool:  # type: ignore[override]  # the one question it answers
        return False


class BoundedContext(Context):
    """The names of one rendering, with its budget; turns what is printed into pieces."""

    def __init__(
        self,
        environment: Environment,
        parent: dict[str, object],
        name: str | None,
        blocks: dict[str, Callable[[Context], Iterator[str]]],
        globals: dict[str, object] | None = None,  # Jinja passes it so
    ) -> None:
        super().__init__(environment, parent, name, blocks, globals)
        self.budget = cast("Budget", parent[BUDGET])

    def resolve_or_missing(self, key: str) -> object:
        """The value of a name; of an unknown one, what fails when it is used."""
        value = self.vars[key] if key in self.vars else self.parent.get(key, missing)
        if value is missing:
            return Missing(obj=self.budget, name=key)
        if value is SKIPPED:
            return SkippedValue(name=key)
        return value

    def chunk(self, value: object) -> str | Mixed:
        """A value as it is printed: text, or images at their places."""
        if not self.budget.takes_images:
            return self._text(value)
        if isinstance(value, Image):
            return Mixed((value,))
        if isinstance(value, Mixed):
            return value
        if isinstance(value, (list, tuple)) and value:
            images = [each for each in value if isinstance(each, Image)]
            if len(images) == len(value):
                self.budget.many(len(images))
                return Mixed(images)
        return self._text(value)

    def _text(self, value: object) -> str:
        text = value if type(value) is str else as_text(self.budget, value)
        self.budget.spend(STEP)
        return text

    def concat(self, chunks: Iterable[str | Mixed]) -> str | Mixed:
        """The chunks as one text, or as text and images, paid for."""
        found = together(chunks)
        texts = found.pieces if isinstance(found, Mixed) else (found,)
        self.budget.text(sum(len(each) for each in texts if isinstance(each, str)))
        return found


def fresh(
    environment: Environment,
    budget: Budget,
    scope: Mapping[str, object],
    names: Iterable[str],
    blocks: dict[str, Callable[[Context], Iterator[str]]],
) -> BoundedContext:
    """A context for one rendering that holds `names` as far as `scope` has them."""
    parent: dict[str, object] = {**environment.globals, BUDGET: budget}
    for name in names:
        if name in scope:
            parent[name] = scope[name]
    return BoundedContext(environment, parent, None, blocks)


def together(chunks: Iterable[str | Mixed]) -> str | Mixed:
    """Chunks as one text, or as text and images.

    Raises: TemplateError for too much text.
    """
    pieces: list[str | Image] = []
    size = 0
    for chunk in chunks:
        size += len(chunk) if isinstance(chunk, str) else 0
        pieces.extend(chunk.pieces if isinstance(chunk, Mixed) else (chunk,))
        if size > TEXT_CHARACTERS:
            raise TemplateError("the template makes a text of more than 16 MB")
    texts = [each for each in pieces if isinstance(each, str)]
    return "".join(texts) if len(texts) == len(pieces) else Mixed(pieces)
