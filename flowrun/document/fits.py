"""Whether a value of one type can be one of another: why it certainly cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flowrun.dataclass import dataclass
from flowrun.document.types import (
    Anything,
    Array,
    ImageType,
    Integer,
    Number,
    Object,
    Option,
    String,
    Type,
    describe,
    elements,
    options,
    quoted,
)
from flowrun.errors import did_you_mean


@dataclass(frozen=True, slots=True)
class Misfit:
    """What is wrong with a value, after the words that name it: "must be text, and …".

    `path` leads to the part of the value that is wrong, as in ".rows[…].price".
    """

    problem: str
    mend: str = ""
    path: str = ""


def fits(found: Type, wanted: Type) -> Misfit | None:
    """Why no value of the type `found` is one of `wanted`; None if one may be.

    Of lists that are not empty: an empty one fits where any list does.
    """
    return _fits(found, wanted, 0)


def not_of_kind(found: Type, wanted: Type) -> Misfit:
    """Says of which kind the value must be, and of which it is."""
    return Misfit(f"must be {_described(wanted)}, and this is {_described(found)}")


_DEEPEST = 12


def _fits(found: Type, wanted: Type, depth: int) -> Misfit | None:
    if depth > _DEEPEST:
        return None
    near: list[Misfit] = []
    for one in options(found):
        for other in options(wanted):
            misfit = _option(one, other, depth)
            if misfit is None:
                return None
            if type(one) is type(other):
                near.append(misfit)
    return near[0] if len(near) == 1 else not_of_kind(found, wanted)


def _option(one: Option, other: Option, depth: int) -> Misfit | None:
    """Why none of `one` is any of `other`."""
    match one, other:
        case (Anything(), _) | (_, Anything()):
            return None
        case (Integer() | Number(), Integer() | Number()):
            return None
        case String(), String():
            return _text(one, other)
        case Array(), Array():
            return _inside(_fits(elements(one), elements(other), depth + 1), "[…]")
        case Object(), Object():
            return next(_in_objects(one, other, depth), None)
        case Object(), ImageType() if one.extra is not None or "mime_type" in one.fields:
            return None  # a schema speaks of an image as of what a template may read of it
    return None if type(one) is type(other) else not_of_kind(one, other)


def _text(one: String, other: String) -> Misfit | None:
    if one.values is None or other.values is None or one.values & other.values:
        return None
    known = sorted(other.values)
    problem = f"must be {_described(other)}, and this is {_described(one)}"
    near = did_you_mean(next(iter(one.values)), known) if len(one.values) == 1 else ""
    return Misfit(problem, near)


def _in_objects(one: Object, other: Object, depth: int) -> Iterator[Misfit]:
    for name in sorted(one.required):
        inner, taken = one.fields.get(name, one.extra), other.fields.get(name, other.extra)
        if taken is None:
            yield Misfit(f'has no field "{name}"', did_you_mean(name, other.fields))
        elif inner is not None and (misfit := _fits(inner, taken, depth + 1)):
            yield replace(misfit, path=f".{name}{misfit.path}")
    for name in sorted(other.required):
        if name not in one.fields and one.extra is None:
            yield Misfit(f'needs the field "{name}"', f"it has {quoted(one.fields)}")


def _inside(misfit: Misfit | None, path: str) -> Misfit | None:
    return None if misfit is None else replace(misfit, path=f"{path}{misfit.path}")


def _described(type_: Type) -> str:
    """The type, or the texts that it is one of."""
    texts = options(type_)
    if all(isinstance(each, String) and each.values for each in texts):
        values = sorted(v for each in texts if isinstance(each, String) for v in each.values or ())
        shown = quoted(f'"{value}"' for value in values)
        return shown if len(values) == 1 else f"one of {shown}"
    return describe(type_)
