"""What methods of values and Jinja's functions give, as in `name.upper()` and `range(3)`."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.document.access import METHODS, Subject
from flowrun.document.signatures import Arguments, apply_filter
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    Integer,
    Null,
    Object,
    Option,
    String,
    Type,
    field_values,
    options,
    union,
)


def call_method(type_: Type, name: str, arguments: Arguments) -> Type | None:
    """What `value.name(arguments)` gives; None where no option of the type has such a method."""
    found = [_call(each, name, arguments) for each in options(type_)]
    there = [each for each in found if each is not None]
    return union(there) if there else None


def call_global(name: str, arguments: Arguments) -> Type:
    """What a function gives that Jinja knows by itself; of all others, `Anything`."""
    if name == "range":
        return Array(Integer())
    if name == "dict" and not arguments.has_more and arguments.type("0") is None:
        return Object(arguments.types, frozenset(arguments.types), None)
    return Anything()


_TEXT_GIVES: Mapping[str, Type] = {
    **dict.fromkeys(("split", "rsplit", "splitlines"), Array(String())),
    **dict.fromkeys(("partition", "rpartition"), Array(String(), (String(),) * 3, 3)),
    **dict.fromkeys(("count", "find", "index", "rfind", "rindex"), Integer()),
    **dict.fromkeys(("startswith", "endswith"), Boolean()),
    **{name: Boolean() for name in METHODS[String] if name.startswith("is")},
}
"""The methods of text that give no text."""


def _call(option: Option, name: str, arguments: Arguments) -> Type | None:
    if isinstance(option, Anything):
        return option
    if name not in METHODS.get(type(option), ()):
        return None
    match option:
        case String():
            return _TEXT_GIVES.get(name, String())
        case Object() if name not in option.fields:
            return _of_object(option, name, arguments)
        case Array():
            return Integer()
    return None


def _of_object(option: Object, name: str, arguments: Arguments) -> Type:
    match name:
        case "keys":
            return Array(String())
        case "values":
            return Array(field_values(option))
        case "get":
            fallback = arguments.type("1", "default") or Null()
            key = arguments.literal("0")
            known = option.fields.get(str(key), option.extra) if key is not None else Anything()
            return fallback if known is None else union((known, fallback))
    return apply_filter("items", option, arguments, Subject()).type
