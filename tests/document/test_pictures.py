"""Which types are images for certain, and which hold one."""

from __future__ import annotations

import pytest

from flowrun.document.access import Subject
from flowrun.document.infer import Printed
from flowrun.document.pictures import INSIDE, TextPlace, is_shown
from flowrun.document.types import (
    Anything,
    Array,
    Deferred,
    ImageType,
    Null,
    Object,
    String,
    Type,
    union,
)

IMAGE = ImageType()
SHOWN: tuple[Type, ...] = (
    IMAGE,
    union([IMAGE, Null()]),
    Array(IMAGE),
    Array(union([IMAGE, Null()])),
    Array(Anything(), (IMAGE, IMAGE), 2),
    union([IMAGE, Array(IMAGE)]),
)
HELD: tuple[Type, ...] = (
    Array(Array(IMAGE)),
    Object({"a": IMAGE}, frozenset("a")),
    Array(Object({"a": Array(IMAGE), "b": String()}, frozenset("ab"))),
)
UNSURE: tuple[Type, ...] = (
    Anything(),
    Null(),
    String(),
    union([IMAGE, String()]),
    Array(),
    Array(Null()),
    Object({"a": IMAGE}),
    Object({"a": union([IMAGE, String()])}, frozenset("a")),
)


def printed(type_: Type) -> Printed:
    return Printed(type_, Subject("a.b"), 3)


@pytest.mark.parametrize("type_", SHOWN)
def test_images_and_lists_of_them_are_shown(type_: Type) -> None:
    assert is_shown(type_)
    found = TextPlace("why", "mend {}").fault(printed(type_))
    assert found is not None
    assert (found.offset, found.length, found.code, found.why) == (3, 3, "image-in-text", "why")
    assert found.mend == "mend a.b"


@pytest.mark.parametrize("type_", HELD)
def test_data_that_holds_an_image_is_not_shown_and_cannot_be_text(type_: Type) -> None:
    assert not is_shown(type_)
    found = INSIDE.fault(printed(type_))
    assert found is not None
    assert (found.message, found.mend) == ('"a.b" holds an image', "")


@pytest.mark.parametrize("type_", UNSURE)
def test_what_may_be_text_is_no_fault(type_: Type) -> None:
    assert not is_shown(type_)
    assert TextPlace("why").fault(printed(type_)) is None


def test_a_type_without_end_is_looked_at_to_some_depth() -> None:
    endless = Deferred(lambda _: Array(endless))
    assert TextPlace("why").fault(printed(endless)) is None


def test_a_value_without_a_name_has_no_mend() -> None:
    found = TextPlace("why", "mend {}").fault(Printed(IMAGE, Subject(), 0))
    assert found is not None
    assert (found.message, found.mend, found.length) == ("this value is an image", "", 1)
