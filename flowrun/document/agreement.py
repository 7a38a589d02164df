"""The type that the filter `agreement` gives: the most frequent value, of objects by field."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.document.types import (
    Anything,
    Null,
    Number,
    Object,
    Type,
    closed,
    options,
    union,
)


def agreement(item: Type) -> Type:
    """What comes of a list of such items; null among objects is an object without any field."""
    known = options(item)
    if any(isinstance(each, Anything) for each in known):
        return Anything()
    objects = [each for each in known if isinstance(each, Object)]
    if not objects:
        return _agreed(item)
    by_field = _by_field(objects)
    if len(objects) == len(known):
        return by_field
    others = [each for each in known if not isinstance(each, Object | Null)]
    return union([by_field, _agreed(item if others else Null())])


def _agreed(type_: Type) -> Type:
    return closed({"value": type_, "share": Number()})


def _by_field(objects: Sequence[Object]) -> Object:
    """Of objects of which each may be of any of these types, every field for itself."""
    names = dict.fromkeys(name for each in objects for name in each.fields)
    fields = {name: _agreed(_across(objects, name)) for name in names}
    extras = [each.extra for each in objects if each.extra is not None]
    return Object(
        fields,
        frozenset.intersection(*(each.required for each in objects)),
        _agreed(union(extras)) if extras else None,
        is_silent=all(each.is_silent or each.extra is None for each in objects),
        may_require=any(each.may_require for each in objects),
    )


def _across(objects: Sequence[Object], name: str) -> Type:
    found = [each.fields.get(name, each.extra) for each in objects]
    return union(each for each in found if each is not None)
