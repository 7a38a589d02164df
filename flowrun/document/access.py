"""What reading a field, an item or each element of a type gives, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flowrun.dataclass import dataclass
from flowrun.document import attributes
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    ImageType,
    Integer,
    Null,
    Object,
    Option,
    String,
    Type,
    describe,
    elements,
    field_values,
    options,
    quoted,
    union,
)
from flowrun.errors import did_you_mean

DOUBTS = ("maybe-missing", "may-be-null", "may-be-text")
"""What may go well, and is worth saying."""
PROVIDED = (*DOUBTS, "unnamed-field")
"""What the filter `default` provides for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one operation, without its place."""

    code: str
    message: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The type that an operation gives, and what is wrong with it if anything is."""

    type: Type
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """How messages name a value: by its path as written, "" where it has no short name.

    `of`: what it is to the path: nothing (the path leads to it), a "step", or an "item of" it.
    """

    path: str = ""
    of: Literal["", "step", "item of"] = ""

    def __str__(self) -> str:
        if self.of == "item of":
            return f'an item of "{self.path}"' if self.path else "an item"
        return f'{self.of} "{self.path}"'.lstrip() if self.path else "this value"

    def item(self) -> Subject:
        """Any item of this value."""
        return Subject(self.path, "item of")

    def dot(self, name: str) -> str:
        """How the template would read the field."""
        if not self.path or self.of == "item of":
            return name
        return f"{self.path}.{name}" if name.isidentifier() else f'{self.path}["{name}"]'


IMAGE = Object(
    {
        "mime_type": String(),
        "width": Integer(),
        "height": Integer(),
        "sha256": String(),
        "text": String(),
    },
    frozenset(("mime_type", "width", "height", "sha256", "text")),
    None,
)
"""What a template may read of an image."""


def loop_of(item: Type) -> Object:
    """The type of `loop` within a loop over `item`s."""
    numbers = ("index", "index0", "revindex", "revindex0", "length", "depth", "depth0")
    fields: dict[str, Type] = {
        **dict.fromkeys(numbers, Integer()),
        **dict.fromkeys(("first", "last"), Boolean()),
        **dict.fromkeys(("previtem", "nextitem"), item),
        **dict.fromkeys(("cycle", "changed"), Anything()),
    }
    return Object(fields, frozenset(fields), None)


def read_field(type_: Type, name: str, subject: Subject) -> Reading:
    """What `subject.name` gives."""
    found = [_field(each, name) for each in options(type_)]
    sure = [each for each, is_sure in found if each is not None and is_sure]
    maybe = [each for each, is_sure in found if each is not None and not is_sure]
    if sure:
        trouble = _no_call(type_, name, subject) or _may_be_null(type_, name, subject)
        return Reading(union(sure + maybe), trouble)
    if maybe:
        return Reading(union(maybe), _maybe_missing(type_, name, subject))
    return Reading(Anything(), _no_field(type_, name, subject))


def read_item(type_: Type, index: int, subject: Subject) -> Reading:
    """What `subject[index]` gives for a constant index."""
    found = [_item(each, index) for each in options(type_)]
    there = [each for each in found if each is not None]
    if there:
        return Reading(union(there))
    lists = [each for each in options(type_) if isinstance(each, Array)]
    if not lists:
        return Reading(Anything(), not_a_list(type_, subject, "only lists and text have items"))
    most = max(each.longest or 0 for each in lists)
    why = f"its schema allows at most {most} item{'s' * (most != 1)}"
    return Reading(Anything(), Trouble("no-item", f"{subject} has no item {index}", why))


def read_any_item(type_: Type, key: Type, subject: Subject) -> Reading:
    """What `subject[key]` gives for a key that is worked out while rendering."""
    found = [_any_item(each, key) for each in options(type_)]
    there = [each for each in found if each is not None]
    if there:
        return Reading(union(there))
    return Reading(
        Anything(), not_a_list(type_, subject, "only lists, objects and text have items")
    )


def read_slice(type_: Type, subject: Subject) -> Reading:
    """What `subject[a:b]` gives."""
    found: list[Type] = []
    for each in options(type_):
        match each:
            case Array():
                found.append(Array(elements(each)))
            case String():
                found.append(String())
            case Anything():
                found.append(each)
    if found:
        return Reading(union(found))
    return Reading(Anything(), not_a_list(type_, subject, "only lists and text have slices"))


def iterate(type_: Type, subject: Subject) -> Reading:
    """What a loop over `subject` gives each time; text is no list, although Python thinks so."""
    there = [each for each in options(type_) if isinstance(each, Anything | Array | Object)]
    if there:
        return Reading(union(elements(each) for each in there))
    return Reading(Anything(), not_a_list(type_, subject, "a loop needs a list"))


def unpack(type_: Type, count: int, subject: Subject) -> tuple[Type, ...] | Trouble:
    """What the names of `{% for a, b in … %}` get from one element."""
    found: list[Array] = []
    for each in options(type_):
        if isinstance(each, Anything | Object | String):
            return (Anything(),) * count
        if isinstance(each, Array) and (each.longest is None or each.longest >= count):
            found.append(each)
    if not found:
        shown = describe(type_)
        message = f"{subject} is {shown}: it cannot be taken apart into {count} names"
        return Trouble("not-a-list", message, f"{count} names need a list of {count} items")
    return tuple(
        union(_item(each, index) or Anything() for each in found) for index in range(count)
    )


def not_a_list(type_: Type, subject: Subject, why: str) -> Trouble:
    """Says that the value has no elements; points to the lists among its fields."""
    lists = [
        subject.dot(name)
        for each in options(type_)
        if isinstance(each, Object)
        for name, inner in each.fields.items()
        if any(isinstance(option, Array) for option in options(inner))
    ]
    mend = f"did you mean {lists[0]}?" if len(lists) == 1 else ""
    return Trouble("not-a-list", f"{subject} is {describe(type_)}, not a list", why, mend)


METHODS: Mapping[type[Option], frozenset[str]] = {
    String: frozenset(attributes.METHODS[str]),
    Array: frozenset(attributes.METHODS[list]),
    Object: frozenset(attributes.METHODS[Mapping]),
}
"""What may be called on values besides their fields, as in `name.upper()`."""


def _field(option: Option, name: str) -> tuple[Type | None, bool]:
    """The field's type, None where it cannot be; and whether it is always there."""
    match option:
        case Anything():
            return option, True
        case ImageType():
            return IMAGE.fields.get(name), True
        case Object() if name in option.fields:
            return option.fields[name], name in option.required or option.may_require
        case Object() if name not in METHODS[Object] and option.extra is not None:
            is_sure = option.may_require or not (option.is_silent and option.fields)
            return option.extra, is_sure
    return (Anything(), True) if name in METHODS.get(type(option), ()) else (None, True)


def _item(option: Option, index: int) -> Type | None:
    match option:
        case Anything() | String():
            return option if isinstance(option, Anything) else String()
        case Array() if option.longest is None or -option.longest <= index < option.longest:
            if 0 <= index < len(option.prefix):
                return option.prefix[index]
            return option.item if index >= 0 else elements(option)
    return None


def _any_item(option: Option, key: Type) -> Type | None:
    match option:
        case Anything():
            return option
        case Array():
            return elements(option)
        case String():
            return String()
        case Object():
            return field_values(option)
    return Anything() if isinstance(option, ImageType) else None


def _no_field(type_: Type, name: str, subject: Subject) -> Trouble:
    known = _names(type_)
    if known is None:
        message = f'{subject} is {describe(type_)}: it has no field "{name}"'
        return Trouble(
            "not-an-object", message, "only objects have fields", _in_list(type_, name, subject)
        )
    message = f'{subject} has no field "{name}"'
    why = f"its fields are {quoted(known)}" if known else "it has no fields at all"
    return Trouble("unknown-field", message, why, did_you_mean(name, known))


def _no_call(type_: Type, name: str, subject: Subject) -> Trouble | None:
    """Says that a model may have answered where the field of its call is read."""
    called = [each for each in options(type_) if isinstance(each, Object) and each.is_call]
    lacking = [
        each
        for each in options(type_)
        if not isinstance(each, Null) and _field(each, name)[0] is None
    ]
    if not lacking or not any(name in each.fields for each in called):
        return None
    message = f'{subject} may be {describe(union(lacking))}, which has no field "{name}"'
    mend = "give the step only routes, and tool_choice: required"
    if subject.path and subject.of != "item of":
        mend += f"; or ask first: {subject.path} is mapping"
    return Trouble("may-be-text", message, "a model may answer without calling a tool", mend)


def _may_be_null(type_: Type, name: str, subject: Subject) -> Trouble | None:
    """Says that there may be nothing to read a field of."""
    if Null() not in options(type_):
        return None
    why = "a run that meets null there ends with an error"
    mend = f"ask first: {subject.path} is not none" if subject.path and not subject.of else ""
    message = f'{subject} may be null, which has no field "{name}"'
    return Trouble("may-be-null", message, why, mend)


def _names(type_: Type) -> list[str] | None:
    """The names of all fields that the type may have; None if it never has any."""
    objects = [each for each in options(type_) if isinstance(each, Object | ImageType)]
    if not objects:
        return None
    named = [(IMAGE if isinstance(each, ImageType) else each).fields for each in objects]
    return list(dict.fromkeys(name for fields in named for name in fields))


def _in_list(type_: Type, name: str, subject: Subject) -> str:
    """How to read the field when the value is a list of objects that have it."""
    for each in options(type_):
        items = options(elements(each)) if isinstance(each, Array) else ()
        if any(isinstance(item, Object) and name in item.fields for item in items):
            one = f", as {subject.path}[0].{name}," if subject.path and not subject.of else ""
            return f"read it of one item{one} or of each in a loop"
    return ""


def _maybe_missing(type_: Type, name: str, subject: Subject) -> Trouble:
    known = _names(type_) or []
    if name not in known:
        # Silent schemas are most often sloppy ones, and a typo is paid for before it shows.
        why = f"its schema names {quoted(known)}; others only with additionalProperties: true"
        mend = did_you_mean(name, known) or f'add "{name}" to its properties'
        return Trouble("unnamed-field", f'{subject} has no field "{name}"', why, mend)
    path = subject.dot(name)
    why = f'its schema does not require "{name}"'
    mend = f'write {path} | default("…"), or ask {path} is defined'
    return Trouble("maybe-missing", f'{subject} may have no field "{name}"', why, mend)
