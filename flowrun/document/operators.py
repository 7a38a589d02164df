"""What arithmetic and comparisons give, and when they fail or can only be false."""

from __future__ import annotations

from flowrun.document.access import Reading, Subject, Trouble
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    ImageType,
    Integer,
    Null,
    Number,
    Object,
    Option,
    String,
    Type,
    describe,
    elements,
    options,
    quoted,
    union,
)
from flowrun.errors import did_you_mean


def arithmetic(sign: str, left: Type, right: Type) -> Reading:
    """What `left + right` and its kin give."""
    found = [_result(sign, one, other) for one in options(left) for other in options(right)]
    there = [each for each in found if each is not None]
    if there:
        return Reading(union(there))
    mend = "join them as text with ~" if sign == "+" and _has_text(left, right) else ""
    return Reading(Anything(), _unfit(sign, left, right, _NEEDS.get(sign, "two numbers"), mend))


def joins(type_: Type, subject: Subject) -> Trouble | None:
    """Why `subject ~ …` fails, if it does for certain: text has no place for an image."""
    if not all(isinstance(each, ImageType) for each in options(type_)):
        return None
    return Trouble("wrong-type", f"{subject} is an image", '"~" makes text of both sides')


def negative(sign: str, type_: Type, subject: Subject) -> Reading:
    """What `-subject` and `+subject` give."""
    kept = [each for each in options(type_) if isinstance(each, (Anything, *_NUMERIC))]
    if kept:
        return Reading(union(Integer() if isinstance(x, Boolean) else x for x in kept))
    trouble = Trouble("wrong-type", f"{subject} is {describe(type_)}", f'"{sign}" needs a number')
    return Reading(Anything(), trouble)


def order(sign: str, left: Type, right: Type) -> Trouble | None:
    """Why `left < right` and its kin fail, if they do for certain."""
    if any(_has_order(one, other) for one in options(left) for other in options(right)):
        return None
    mend = "make the text a number first: | float" if _has_text(left, right) else ""
    return _unfit(sign, left, right, "two numbers, two texts or two lists", mend)


def contains(left: Type, right: Type, subject: Subject) -> Trouble | None:
    """Why `left in subject` fails, if it does for certain; `right` is the subject's type."""
    within = options(right)
    if any(isinstance(each, Anything | Array | Object) for each in within):
        return None
    if not any(isinstance(each, String) for each in within):
        why = "only lists, objects and text hold anything"
        return Trouble("not-a-list", f"{subject} is {describe(right)}, not a list", why)
    if any(isinstance(each, Anything | String) for each in options(left)):
        return None
    return _unfit("in", left, right, "text on both sides, or a list on the right", "")


def never_equal(type_: Type, literal: object, subject: Subject) -> Trouble | None:
    """Why `subject == literal` is false whatever happens, if it is for certain."""
    if not isinstance(literal, str | int | float):
        return None
    found = options(type_)
    if any(_may_equal(each, literal) for each in found):
        return None
    if not isinstance(literal, str):
        shown = str(literal).lower() if isinstance(literal, bool) else str(literal)
        return Trouble("never-equal", f"{subject} is never {shown}", f"it is {describe(type_)}")
    message = f'{subject} is never "{literal}"'
    known = sorted(
        value for each in found if isinstance(each, String) for value in each.values or ()
    )
    if not known:
        return Trouble("never-equal", message, f"it is {describe(type_)}")
    why = f"its schema allows only {quoted(known)}"
    return Trouble("never-equal", message, why, did_you_mean(literal, known))


_NUMERIC = (Number, Integer, Boolean)
_NEEDS = {
    "+": "two numbers, two texts or two lists",
    "*": "two numbers, or text or a list and a number",
    "%": "two numbers, or text on the left",
}


def _result(sign: str, one: Option, other: Option) -> Type | None:
    if isinstance(one, Anything) or isinstance(other, Anything):
        return Anything()
    if isinstance(one, _NUMERIC) and isinstance(other, _NUMERIC):
        is_whole = sign not in ("/", "**") and not isinstance(one, Number)
        return Integer() if is_whole and not isinstance(other, Number) else Number()
    match sign, one, other:
        case ("+", String(), String()) | ("%", String(), _):
            return String()
        case "+", Array(), Array():
            return Array(union((elements(one), elements(other))))
        case "*", _, _:
            return _repeated(one, other) or _repeated(other, one)
    return None


def _repeated(one: Option, times: Option) -> Type | None:
    if not isinstance(times, _NUMERIC):
        return None
    if isinstance(one, Array):
        return Array(elements(one))
    return String() if isinstance(one, String) else None


def _unfit(sign: str, left: Type, right: Type, needs: str, mend: str) -> Trouble:
    message = f'"{sign}" does not work on {describe(left)} and {describe(right)}'
    return Trouble("wrong-type", message, f'"{sign}" needs {needs}', mend)


def _has_text(*types: Type) -> bool:
    return any(isinstance(each, String) for type_ in types for each in options(type_))


def _has_order(one: Option, other: Option) -> bool:
    if isinstance(one, Anything) or isinstance(other, Anything):
        return True
    groups: tuple[tuple[type[Option], ...], ...] = (_NUMERIC, (String,), (Array,))
    return any(isinstance(one, group) and isinstance(other, group) for group in groups)


def _may_equal(option: Option, literal: str | float) -> bool:
    match option:
        case Anything():
            return True
        case String():
            return isinstance(literal, str) and (option.values is None or literal in option.values)
        case Null() | ImageType() | Array() | Object():
            return False
    return not isinstance(literal, str)
