"""What filters cost: each is paid for by the size of what it is given, before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.document.budget import NODE, weigh
from flowrun.document.faults import Refusal, kind_of
from flowrun.document.printing import as_text, refusal
from flowrun.document.scope import BoundedContext

Filter: TypeAlias = Callable[..., object]
"""A filter: takes the context, the value before the bar, and the arguments."""
Cost: TypeAlias = Callable[..., object]
"""Pays for a filter, and gives the value in the form in which the filter takes it."""


@dataclass(frozen=True, slots=True)
class Native:
    """A filter of Jinja behind what it costs; `passes` is what it is called with besides."""

    filter: Callable[..., object]
    cost: Cost
    passes: str = ""

    def __call__(
        self, context: BoundedContext, value: object, *args: object, **kwargs: object
    ) -> object:
        """What the filter gives."""
        value = self.cost(context, value, *args, **kwargs)
        if self.passes == "environment":
            return self.filter(context.environment, value, *args, **kwargs)
        if self.passes == "context":
            return self.filter(context, value, *args, **kwargs)
        if self.passes == "eval_ctx":
            return self.filter(context.eval_ctx, value, *args, **kwargs)
        return self.filter(value, *args, **kwargs)


def text_of(context: BoundedContext, value: object) -> str:
    """The value as text, for a filter that works on text."""
    text = as_text(context.budget, value)
    context.budget.text(len(text))
    return text


def many_of(context: BoundedContext, value: object) -> object:
    """The value, if it holds several: a list, an object, a text."""
    if not isinstance(value, (str, list, tuple, range, Mapping)):
        raise refusal(f"takes a list, not {kind_of(value)}", value)
    context.budget.spend(NODE * len(value))
    return value


def number_of(value: object) -> int | float:
    """The value, if it is a number."""
    if isinstance(value, (int, float)):
        return value
    raise refusal(f"takes a number, not {kind_of(value)}", value)


def size_of(value: object, most: int = 1_000_000) -> int:
    """An argument that says how wide or how many."""
    if isinstance(value, int) and abs(value) <= most:
        return value
    raise refusal(f"takes a whole number up to {most:,} as its size, not {kind_of(value)}", value)


def text(factor: int) -> Cost:
    """For the filters that go over a text once: `factor` bytes for each character."""

    def cost(context: BoundedContext, value: object, *args: object, **kwargs: object) -> str:
        _check_sizes(*args, *kwargs.values())
        found = text_of(context, value)
        context.budget.spend(factor * len(found))
        return found

    return cost


def back_and_forth(context: BoundedContext, value: object, *_args: object, **_kw: object) -> str:
    """For the filters that go back over the text for each tag or word of it."""
    found = text_of(context, value)
    context.budget.spend(len(found) * (16 + len(found) // 64))
    return found


def wrapping(
    context: BoundedContext, value: object, width: object = 79, *_args: object, **_kw: object
) -> str:
    """For `wordwrap`, which copies what is left of a long word for each line of it."""
    found = text_of(context, value)
    longest = max(map(len, found.split()), default=0)
    steps = longest * longest // max(1, size_of(width)) // 64
    context.budget.spend(64 * len(found) + steps)
    return found


def indenting(
    context: BoundedContext, value: object, width: object = 4, *_args: object, **_kw: object
) -> str:
    """For `indent`, which adds something to each line."""
    found = text_of(context, value)
    added = len(width) if isinstance(width, str) else size_of(width)
    lines = len(found.splitlines()) + 1
    context.budget.text(len(found) + lines * max(0, added))
    return found


def several(context: BoundedContext, value: object, *args: object, **kwargs: object) -> object:
    """For the filters that go over a list once."""
    _check_sizes(*args, *kwargs.values())
    return many_of(context, value)


def parting(
    context: BoundedContext, value: object, count: object = 1, *args: object, **kwargs: object
) -> object:
    """For the filters that part a list by a number."""
    if size_of(count) < 1:
        raise Refusal("takes a number of at least 1")
    return several(context, value, *args, **kwargs)


def several_or_none(
    context: BoundedContext, value: object, *_args: object, **_kwargs: object
) -> object:
    """Likewise; null is an empty list."""
    return [] if value is None else many_of(context, value)


def comparing(context: BoundedContext, value: object, *_args: object, **_kw: object) -> object:
    """For the filters that compare the items with each other."""
    many = many_of(context, value)
    weigh(context.budget, many)
    return many


def fields(context: BoundedContext, value: object, *_args: object, **_kwargs: object) -> object:
    """For the filters that go over an object."""
    if not isinstance(value, Mapping):
        raise refusal(f"takes an object, not {kind_of(value)}", value)
    weigh(context.budget, value, value)
    return value


def quoting(context: BoundedContext, value: object, *_args: object, **_kwargs: object) -> object:
    """For `urlencode`, which makes up to twelve characters of one."""
    weigh(context.budget, *[value] * 12)
    return value if isinstance(value, (Mapping, list)) else as_text(context.budget, value)


def nothing(_context: BoundedContext, value: object, *_args: object, **_kwargs: object) -> object:
    """For the filters that look at one number."""
    return value


def _check_sizes(*args: object) -> None:
    for each in args:
        if isinstance(each, int):
            size_of(each)
