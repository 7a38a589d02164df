"""Jinja's own filters, each with what it costs and what it takes."""

from __future__ import annotations

import math
import pprint
from collections.abc import Iterable, Iterator, Mapping

import jinja2.filters as jinja
from jinja2.runtime import Undefined

from flowrun.document import costs
from flowrun.document.arithmetic import binary, formatted
from flowrun.document.attributes import joined, pairs, replaced
from flowrun.document.costs import Filter, Native, many_of, number_of, size_of, text_of
from flowrun.document.faults import Refusal, kind_of
from flowrun.document.printing import as_json, as_text, refusal
from flowrun.document.scope import BoundedContext


def absolute(_context: BoundedContext, value: object) -> int | float:
    """The number without its sign."""
    return abs(number_of(value))


def attribute(context: BoundedContext, value: object, name: str) -> object:
    """A field by its name."""
    if not isinstance(name, str):
        raise refusal(f"takes the name of a field, not {kind_of(name)}", name)
    return context.environment.getattr(value, name)


def center(context: BoundedContext, value: object, width: int = 80) -> str:
    """The text in the middle of `width` characters."""
    text = text_of(context, value)
    context.budget.text(max(len(text), size_of(width)))
    return text.center(width)


def fill_in(context: BoundedContext, value: object, *args: object, **kwargs: object) -> object:
    """The text with `%s` and the like filled in."""
    if args and kwargs:
        raise Refusal("takes values by place or by name, not both")
    return formatted(context.budget, as_text(context.budget, value), kwargs or args)


def whole(context: BoundedContext, value: object, default: object = 0, base: int = 10) -> object:
    """The value as a whole number."""
    if isinstance(value, str) and len(value) > 1000:
        return default
    return jinja.do_int(value, default, base)  # type: ignore[arg-type]  # a default of any kind


def decimal(context: BoundedContext, value: object, default: object = 0.0) -> object:
    """The value as a number."""
    if isinstance(value, str):
        context.budget.text(len(value))
    return jinja.do_float(value, default)  # type: ignore[arg-type]  # a default of any kind


def rounded(
    _context: BoundedContext, value: object, precision: int = 0, method: str = "common"
) -> float:
    """The number, rounded."""
    number, digits = number_of(value), size_of(precision, most=300)
    if method == "common":
        return round(number, digits)
    if method not in ("ceil", "floor"):
        raise Refusal('rounds by "common", "ceil" or "floor"')
    scale = 10.0**digits
    return float(getattr(math, method)(number * scale) / scale)


def join(
    context: BoundedContext, value: object, d: object = "", attribute: str | int | None = None
) -> str:
    """The items as one text."""
    items = many_of(context, value)
    assert isinstance(items, Iterable)
    if attribute is not None:
        get = jinja.make_attrgetter(context.environment, attribute)
        items = [get(item) for item in items]
    return joined(context.budget, as_text(context.budget, d), list(items))


def length(_context: BoundedContext, value: object) -> int:
    """How many items, fields or characters there are."""
    if not isinstance(value, (str, list, tuple, range, Mapping)):
        raise refusal(f"takes a list, an object or text, not {kind_of(value)}", value)
    return len(value)


def replace(
    context: BoundedContext, value: object, old: object, new: object, count: int | None = None
) -> str:
    """The text with one text in it replaced by another."""
    text, before, after = (as_text(context.budget, each) for each in (value, old, new))
    return replaced(context.budget, text, before, after, -1 if count is None else count)


def string(context: BoundedContext, value: object) -> str:
    """The value as it stands in text."""
    return as_text(context.budget, value)


def total(
    context: BoundedContext,
    value: object,
    attribute: str | int | None = None,
    start: object = 0,
) -> object:
    """The sum of the items."""
    get = jinja.make_attrgetter(context.environment, attribute)
    items = many_of(context, value)
    assert isinstance(items, Iterable)
    for item in items:
        start = binary(context.budget, "+", start, get(item))
    return start


def unique(
    context: BoundedContext,
    value: object,
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> Iterator[object]:
    """The items without those that were there before."""
    get = jinja.make_attrgetter(
        context.environment, attribute, None if case_sensitive else jinja.ignore_case
    )
    seen: set[object] = set()
    items = many_of(context, value)
    assert isinstance(items, Iterable)
    for item in items:
        key = get(item)
        if not isinstance(key, (str, int, float, type(None))):
            key = (as_json(context.budget, key),)
        if key not in seen:
            seen.add(key)
            yield item


def items(context: BoundedContext, value: object) -> list[list[object]]:
    """The names and values of an object."""
    if not isinstance(value, Mapping):
        raise refusal(f"takes an object, not {kind_of(value)}", value)
    return pairs(context.budget, value)


def to_json(context: BoundedContext, value: object, indent: int | None = None) -> str:
    """The value as JSON."""
    return as_json(
        context.budget, value, indent=None if indent is None else size_of(indent, most=16)
    )


def pretty(context: BoundedContext, value: object) -> str:
    """The value as Python prints it."""
    context.budget.spend(32 * len(as_json(context.budget, value)))
    return pprint.pformat(value)


def default(
    _context: BoundedContext, value: object, default_value: object = "", boolean: bool = False
) -> object:
    """The value, or another one where there is none."""
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


FILTERS: Mapping[str, Filter] = {
    "abs": absolute,
    "attr": attribute,
    "batch": Native(jinja.do_batch, costs.parting),
    "capitalize": Native(jinja.do_capitalize, costs.text(4)),
    "center": center,
    "count": length,
    "d": default,
    "default": default,
    "dictsort": Native(jinja.do_dictsort, costs.fields),
    "e": Native(jinja.do_forceescape, costs.text(8)),
    "escape": Native(jinja.do_forceescape, costs.text(8)),
    "filesizeformat": Native(jinja.do_filesizeformat, costs.nothing),
    "first": Native(jinja.sync_do_first, costs.several, "environment"),
    "float": decimal,
    "forceescape": Native(jinja.do_forceescape, costs.text(8)),
    "format": fill_in,
    "groupby": Native(jinja.sync_do_groupby, costs.comparing, "environment"),
    "indent": Native(jinja.do_indent, costs.indenting),
    "int": whole,
    "items": items,
    "join": join,
    "last": Native(jinja.do_last, costs.several, "environment"),
    "length": length,
    "list": Native(jinja.sync_do_list, costs.several),
    "lower": Native(jinja.do_lower, costs.text(4)),
    "map": Native(jinja.sync_do_map, costs.several_or_none, "context"),
    "max": Native(jinja.do_max, costs.comparing, "environment"),
    "min": Native(jinja.do_min, costs.comparing, "environment"),
    "pprint": pretty,
    "reject": Native(jinja.sync_do_reject, costs.several_or_none, "context"),
    "rejectattr": Native(jinja.sync_do_rejectattr, costs.several_or_none, "context"),
    "replace": replace,
    "reverse": Native(jinja.do_reverse, costs.several),
    "round": rounded,
    "safe": string,
    "select": Native(jinja.sync_do_select, costs.several_or_none, "context"),
    "selectattr": Native(jinja.sync_do_selectattr, costs.several_or_none, "context"),
    "slice": Native(jinja.sync_do_slice, costs.parting),
    "sort": Native(jinja.do_sort, costs.comparing, "environment"),
    "string": string,
    "striptags": Native(jinja.do_striptags, costs.back_and_forth),
    "sum": total,
    "title": Native(jinja.do_title, costs.text(64)),
    "tojson": to_json,
    "trim": Native(jinja.do_trim, costs.text(2)),
    "truncate": Native(jinja.do_truncate, costs.text(2), "environment"),
    "unique": unique,
    "upper": Native(jinja.do_upper, costs.text(4)),
    "urlize": Native(jinja.do_urlize, costs.back_and_forth, "eval_ctx"),
    "urlencode": Native(jinja.do_urlencode, costs.quoting),
    "wordcount": Native(jinja.do_wordcount, costs.text(64)),
    "wordwrap": Native(jinja.do_wordwrap, costs.wrapping, "environment"),
    "xmlattr": Native(jinja.do_xmlattr, costs.fields, "eval_ctx"),
}
"""Jinja's filters but `random`: a run must be repeatable."""
