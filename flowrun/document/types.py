"""The types that values in templates have: how they join, how they meet, how they read.

A type is never narrower than the values it stands for, and what is not understood is `Anything`.
So what no option of a type allows is wrong for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import zip_longest
from typing import TypeAlias

from flowrun.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Anything:
    """A value of which nothing is known: everything may be done with it."""


@dataclass(frozen=True, slots=True)
class Null:
    """JSON's null."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number."""


@dataclass(frozen=True, slots=True)
class Number:
    """Any number."""


@dataclass(frozen=True, slots=True)
class String:
    """Text; `values` is the closed set that an enum or a const allows."""

    values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ImageType:
    """A picture that a step made or an input gave."""


@dataclass(frozen=True, slots=True)
class Array:
    """A list: `prefix` types its first items, `item` all others; `longest` bounds its length."""

    item: Type = Anything()
    prefix: tuple[Type, ...] = ()
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with text keys; `extra` types the fields not named, None forbids them.

    `is_silent`: nothing was said of other fields, so they are possible but nobody announced them.
    `may_require`: more fields than `required` may be, by rules that are not known here.
    `is_call`: a model's call of a route, beside which it may have answered otherwise.
    """

    fields: Mapping[str, Type] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    extra: Type | None = Anything()
    is_silent: bool = False
    may_require: bool = False
    is_call: bool = False


def closed(fields: Mapping[str, Type]) -> Object:
    """An object with these fields, each of them there, and no others."""
    return Object(fields, frozenset(fields), None)


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types; without options it is the type of no value at all."""

    options: tuple[Type, ...]


class Deferred:
    """A type that is worked out when somebody looks: a `$ref`, which may lead back to itself."""

    __slots__ = ("_is_running", "_known", "_make")

    def __init__(self, make: Callable[[int], Type]) -> None:
        self._make = make
        self._known: Type | None = None
        self._is_running = False

    def resolve(self, depth: int) -> Type:
        """The type behind it; asked for by its own making, it is no constraint at all."""
        if self._known is None:
            if self._is_running:
                return Anything()
            self._is_running = True
            self._known = self._make(depth)
            self._is_running = False
        return self._known


Type: TypeAlias = (
    Anything
    | Null
    | Boolean
    | Integer
    | Number
    | String
    | ImageType
    | Array
    | Object
    | Union
    | Deferred
)
Option: TypeAlias = (
    Anything | Null | Boolean | Integer | Number | String | ImageType | Array | Object
)
"""A type that is neither a union nor deferred."""

NOTHING = Union(())
_DEEPEST = 40
_MOST_OPTIONS = 64


def union(types: Iterable[Type]) -> Type:
    """The type of a value that has one of `types`, in its shortest form."""
    parts: list[Type] = []
    texts: list[String] = []
    for each in _flat(types):
        if isinstance(each, Anything):
            return each
        if isinstance(each, String):
            texts.append(each)
        elif each not in parts:
            parts.append(each)
        if len(parts) > _MOST_OPTIONS:
            return Anything()
    if Number() in parts:
        parts = [each for each in parts if not isinstance(each, Integer)]
    if texts:
        parts.insert(0, _any_of_texts(texts))
    return parts[0] if len(parts) == 1 else Union(tuple(parts))


def options(type_: Type, depth: int = 0) -> tuple[Option, ...]:
    """The alternatives of a type, none of them a union or deferred; never empty."""
    found: list[Option] = []
    waiting: list[Type] = [type_]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, Union):
            waiting.extend(reversed(each.options))
        elif not isinstance(each, Deferred):
            found.append(each)
        elif depth > _DEEPEST:
            return (Anything(),)
        elif id(each) not in seen:
            seen.add(id(each))
            waiting.append(each.resolve(depth + 1))
    return tuple(found) or (Anything(),)


def elements(type_: Type) -> Type:
    """What iterating gives: a list's items, an object's keys; for others `Anything`."""
    return union(_element(each) for each in options(type_))


def field_values(type_: Object) -> Type:
    """The type of whatever stands in one of an object's fields."""
    extra = () if type_.extra is None else (type_.extra,)
    return union((*type_.fields.values(), *extra))


def intersect(one: Type, other: Type, depth: int = 0) -> Type:
    """The type of a value that has both types; `NOTHING` when no value can."""
    if isinstance(one, Anything) or isinstance(other, Anything):
        return other if isinstance(one, Anything) else one
    if _is_deferred(one) or _is_deferred(other):
        return Deferred(lambda at: _meet_options(options(one, at), options(other, at), at + 1))
    return _meet_options(tuple(_flat([one])), tuple(_flat([other])), depth)


def describe(type_: Type) -> str:
    """How a message names the type: "text", "a list of numbers", "an object with a, b"."""
    return _listed([_DESCRIBED[type(each)][0] + _detail(each) for each in _distinct(type_)], " or ")


def quoted(names: Iterable[str]) -> str:
    """Names as a message lists them, in their own order, the first dozen of them."""
    return _listed(list(names), ", ")


_DESCRIBED: Mapping[type[Option], tuple[str, str]] = {
    Anything: ("anything", "anything"),
    Null: ("null", "nulls"),
    Boolean: ("true or false", "booleans"),
    Integer: ("a whole number", "whole numbers"),
    Number: ("a number", "numbers"),
    String: ("text", "text"),
    ImageType: ("an image", "images"),
    Array: ("a list", "lists"),
    Object: ("an object", "objects"),
}
_MOST_NAMES = 12


def _distinct(type_: Type) -> list[Option]:
    """One option of each kind, for messages."""
    return list({type(each): each for each in reversed(options(type_))}.values())[::-1]


def _detail(option: Option) -> str:
    if isinstance(option, Object) and option.fields:
        return f" with {quoted(option.fields)}"
    if isinstance(option, Array):
        items = _distinct(union((*option.prefix, option.item)))
        if len(items) == 1 and not isinstance(items[0], Anything):
            inner = _detail(items[0]) if isinstance(items[0], Object) else ""
            return f" of {_DESCRIBED[type(items[0])][1]}{inner}"
    return ""


def _listed(names: list[str], glue: str) -> str:
    more = ["\u2026"] if len(names) > _MOST_NAMES else []
    return glue.join([*names[:_MOST_NAMES], *more])


def _element(option: Option) -> Type:
    match option:
        case Array() if option.longest is not None and option.longest <= len(option.prefix):
            return union(option.prefix[: option.longest])
        case Array():
            return union((*option.prefix, option.item))
        case Object(extra=None):
            return String(frozenset(option.fields)) if option.fields else NOTHING
        case Object():
            return String()
    return Anything()


def _flat(types: Iterable[Type]) -> Iterator[Type]:
    for each in types:
        if isinstance(each, Union):
            yield from _flat(each.options)
        else:
            yield each


def _any_of_texts(texts: list[String]) -> String:
    values: frozenset[str] = frozenset()
    for each in texts:
        if each.values is None:
            return String()
        values |= each.values
    return String(values)


def _is_deferred(type_: Type) -> bool:
    return any(isinstance(each, Deferred) for each in _flat([type_]))


def _meet_options(ones: tuple[Type, ...], others: tuple[Type, ...], depth: int) -> Type:
    if len(ones) * len(others) > _MOST_OPTIONS or depth > _DEEPEST:
        return Anything()
    return union(_meet(one, other, depth) for one in ones for other in others)


def _meet(one: Type, other: Type, depth: int) -> Type:
    match one, other:
        case (Anything(), kept) | (kept, Anything()):
            return kept
        case String(), String():
            return _meet_texts(one, other)
        case Object(), Object():
            return _meet_objects(one, other, depth)
        case Array(), Array():
            return _meet_arrays(one, other, depth)
        case (Integer(), Number()) | (Number(), Integer()):
            return Integer()
    return one if one == other else NOTHING


def _meet_texts(one: String, other: String) -> Type:
    if one.values is None or other.values is None:
        return one if other.values is None else other
    both = one.values & other.values
    return String(both) if both else NOTHING


def _meet_objects(one: Object, other: Object, depth: int) -> Type:
    required = one.required | other.required
    fields: dict[str, Type] = {}
    for name in (*one.fields, *(name for name in other.fields if name not in one.fields)):
        left, right = one.fields.get(name, one.extra), other.fields.get(name, other.extra)
        if left is not None and right is not None:
            fields[name] = intersect(left, right, depth + 1)
        if name in required and fields.get(name, NOTHING) == NOTHING:
            return NOTHING
    may_require = one.may_require or other.may_require
    is_call = one.is_call or other.is_call
    if one.extra is None or other.extra is None:
        return Object(fields, required, None, may_require=may_require, is_call=is_call)
    extra = intersect(one.extra, other.extra, depth + 1)
    is_silent = one.is_silent and other.is_silent
    return Object(fields, required, extra, is_silent, may_require, is_call)


def _meet_arrays(one: Array, other: Array, depth: int) -> Array:
    pairs = zip_longest(one.prefix, other.prefix)
    prefix = tuple(
        intersect(
            one.item if left is None else left, other.item if right is None else right, depth + 1
        )
        for left, right in pairs
    )
    bounds = [each.longest for each in (one, other) if each.longest is not None]
    item = intersect(one.item, other.item, depth + 1)
    return Array(item, prefix, min(bounds, default=None))
