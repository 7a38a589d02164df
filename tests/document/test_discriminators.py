from __future__ import annotations

import pytest

from flowrun.document.discriminators import among, other_than, where_field
from flowrun.document.schema_types import from_schema
from flowrun.document.types import (
    NOTHING,
    Anything,
    ImageType,
    Null,
    Number,
    Object,
    String,
    Type,
    union,
)
from tests.document.typed_scope import CALL

A = frozenset("a")
AB = String(frozenset("ab"))


@pytest.mark.parametrize(
    ("type_", "is_among", "is_other"),
    [
        (AB, String(A), String(frozenset("b"))),
        (String(A), String(A), NOTHING),
        (String(), String(A), String()),
        (Number(), NOTHING, Number()),
        (Anything(), String(A), Anything()),
        (union([AB, Null()]), String(A), union([String(frozenset("b")), Null()])),
    ],
)
def test_texts_are_left_or_taken_out(type_: Type, is_among: Type, is_other: Type) -> None:
    assert among(A)(type_) == is_among
    assert other_than(A)(type_) == is_other


def left(type_: Type, name: str = "tool", value: str = "refund") -> list[Type]:
    found = where_field(type_, name, among(frozenset([value])))
    return list(found.options) if hasattr(found, "options") else [found]


def test_of_a_union_what_has_the_field_like_that_is_left() -> None:
    call = from_schema(CALL)
    (refund,) = left(union([call, String(), Null()]))
    assert isinstance(refund, Object)
    assert refund.fields["arguments"] == from_schema(CALL["oneOf"][0]["properties"]["arguments"])  # type: ignore[index,call-overload]  # it is written out
    assert left(call, value="other") == []
    assert left(call, name="other") == []


def test_a_field_that_was_read_is_there() -> None:
    (found,) = left(Object({"tool": String()}))
    assert found == Object({"tool": String(frozenset(["refund"]))}, frozenset(["tool"]))
    (found,) = left(Object())
    assert found == Object({"tool": String(frozenset(["refund"]))}, frozenset(["tool"]))


def test_what_may_have_such_a_field_or_method_is_left() -> None:
    assert left(Anything()) == [Anything()]
    assert left(ImageType(), name="text") == [ImageType()]
    assert left(ImageType()) == []
    assert left(String(), name="upper") == [String()]
    assert left(Object(extra=None), name="items") == [Object(extra=None)]
