"""Unions told apart by the text in one of their fields, as in `triage.tool == "refund"`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from flowrun.document.access import METHODS, Subject, read_field
from flowrun.document.types import (
    NOTHING,
    Anything,
    Object,
    Option,
    String,
    Type,
    intersect,
    options,
    union,
)

Change: TypeAlias = Callable[[Type], Type]
"""What is left of a field's type; NOTHING where the field cannot be like that."""


def among(values: frozenset[str]) -> Change:
    """Leaves the texts that are among `values`."""

    def change(type_: Type) -> Type:
        return intersect(union(options(type_)), String(values))

    return change


def other_than(values: frozenset[str]) -> Change:
    """Leaves all but these texts."""

    def change(type_: Type) -> Type:
        return union(_without(each, values) for each in options(type_))

    return change


def where_field(whole: Type, name: str, change: Change) -> Type:
    """What is left of `whole` where its field has been read and found to be like that.

    NOTHING if no option is left.
    """
    return union(_option(each, name, change) for each in options(whole))


def _without(option: Option, values: frozenset[str]) -> Type:
    if not isinstance(option, String) or option.values is None:
        return option
    left = option.values - values
    return String(left) if left else NOTHING


def _option(option: Option, name: str, change: Change) -> Type:
    if isinstance(option, Anything):
        return option
    if not isinstance(option, Object) or (name not in option.fields and name in METHODS[Object]):
        is_there = read_field(option, name, Subject()).trouble is None
        return option if is_there else NOTHING
    field = option.fields.get(name, option.extra)
    left = NOTHING if field is None else change(field)
    if left == NOTHING:
        return NOTHING
    required = option.required | {name}
    return replace(option, fields={**option.fields, name: left}, required=required)
