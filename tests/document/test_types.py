from __future__ import annotations

import pytest

from flowrun.document.types import (
    NOTHING,
    Anything,
    Array,
    Boolean,
    Deferred,
    ImageType,
    Integer,
    Null,
    Number,
    Object,
    String,
    Type,
    Union,
    describe,
    elements,
    intersect,
    options,
    union,
)

A = String(frozenset("a"))
B = String(frozenset("b"))


def either(*types: Type) -> Union:
    return Union(types)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        pytest.param([], NOTHING, id="of nothing"),
        pytest.param([String()], String(), id="of one"),
        pytest.param([String(), Null()], either(String(), Null()), id="of two"),
        pytest.param([String(), Anything()], Anything(), id="anything swallows all"),
        pytest.param([A, B], String(frozenset("ab")), id="enums join"),
        pytest.param([A, String()], String(), id="any text swallows an enum"),
        pytest.param([Integer(), Number()], Number(), id="numbers swallow whole numbers"),
        pytest.param([Null(), either(Null(), Boolean())], either(Null(), Boolean()), id="flat"),
        pytest.param([Array(), Array(), Array(A)], either(Array(), Array(A)), id="no doubles"),
        pytest.param([Object({str(n): A}) for n in range(65)], Anything(), id="too many"),
    ],
)
def test_union_is_the_shortest_form(types: list[Type], expected: Type) -> None:
    assert union(types) == expected


def test_options_are_neither_unions_nor_deferred() -> None:
    deferred = Deferred(lambda _: either(Null(), Deferred(lambda _: String())))
    assert options(either(Boolean(), deferred)) == (Boolean(), Null(), String())


def test_options_of_nothing_are_anything() -> None:
    assert options(NOTHING) == (Anything(),)


def test_a_deferred_type_is_made_once() -> None:
    made: list[int] = []
    deferred = Deferred(lambda depth: made.append(depth) or String())  # type: ignore[func-returns-value]
    assert (options(deferred), options(deferred)) == ((String(),), (String(),))
    assert made == [1]


def test_a_deferred_type_that_leads_to_itself_adds_nothing() -> None:
    knot: Deferred = Deferred(lambda _: either(knot, String()))
    assert options(knot) == (String(),)


def test_a_deferred_type_asked_for_by_its_own_making_is_anything() -> None:
    knot: Deferred = Deferred(lambda depth: union(options(knot, depth)))
    assert options(knot) == (Anything(),)


def test_an_endless_row_of_deferred_types_ends_in_anything() -> None:
    def further(depth: int) -> Type:
        return union(options(Deferred(further), depth))

    assert options(Deferred(further)) == (Anything(),)


CLOSED = Object({"a": A, "b": Integer()}, frozenset("a"), None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(Anything(), A, A, id="anything is no constraint"),
        pytest.param(A, Anything(), A, id="on either side"),
        pytest.param(Integer(), Number(), Integer(), id="whole numbers are numbers"),
        pytest.param(Number(), Integer(), Integer(), id="numbers may be whole"),
        pytest.param(String(), A, A, id="text and an enum"),
        pytest.param(A, String(), A, id="an enum and text"),
        pytest.param(String(frozenset("ab")), A, A, id="two enums"),
        pytest.param(A, B, NOTHING, id="enums apart"),
        pytest.param(A, Null(), NOTHING, id="kinds apart"),
        pytest.param(ImageType(), ImageType(), ImageType(), id="the same"),
        pytest.param(either(A, Null()), either(Null(), B), Null(), id="what unions share"),
        pytest.param(NOTHING, A, NOTHING, id="nothing stays nothing"),
        pytest.param(
            Object({"a": String()}, is_silent=True),
            Object({"c": Null()}, frozenset("c"), is_silent=True),
            Object({"a": String(), "c": Null()}, frozenset("c"), is_silent=True),
            id="fields join",
        ),
        pytest.param(
            CLOSED,
            Object({"a": String(), "c": Null()}),
            Object({"a": A, "b": Integer()}, frozenset("a"), None),
            id="a closed object takes no others",
        ),
        pytest.param(
            CLOSED, Object({"a": B}, frozenset("a")), NOTHING, id="a required field that cannot be"
        ),
        pytest.param(CLOSED, Object({"a": B}), NOTHING, id="required by the other side"),
        pytest.param(
            CLOSED, Object({"c": A}, frozenset("c")), NOTHING, id="a required field forbidden"
        ),
        pytest.param(
            Object(extra=String()),
            Object({"a": Anything()}, extra=A),
            Object({"a": String()}, extra=A),
            id="further fields meet too",
        ),
        pytest.param(
            Array(String(), (Integer(),), 3),
            Array(Anything(), (Number(), A), 2),
            Array(String(), (Integer(), A), 2),
            id="lists item by item",
        ),
    ],
)
def test_intersect_keeps_what_both_allow(one: Type, other: Type, expected: Type) -> None:
    assert intersect(one, other) == expected


def test_intersect_of_deferred_types_is_deferred() -> None:
    met = intersect(Deferred(lambda _: either(A, Null())), String())
    assert isinstance(met, Deferred)
    assert options(met) == (A,)


def test_intersect_of_too_many_options_is_anything() -> None:
    many = Union(tuple(Object({str(n): A}) for n in range(9)))
    assert intersect(many, many) == Anything()


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        pytest.param(Array(String()), String(), id="items"),
        pytest.param(Array(A, (B,)), String(frozenset("ab")), id="first items and others"),
        pytest.param(Array(Null(), (A, B), 2), String(frozenset("ab")), id="a closed tuple"),
        pytest.param(Array(Null(), (A, B), 1), A, id="a shorter one"),
        pytest.param(Object(), String(), id="keys"),
        pytest.param(Object({"a": Null()}, extra=None), A, id="the keys of a closed object"),
        pytest.param(Integer(), Anything(), id="no elements"),
    ],
)
def test_elements_are_what_iterating_gives(type_: Type, expected: Type) -> None:
    assert elements(type_) == expected


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (Anything(), "anything"),
        (String(), "text"),
        (A, "text"),
        (Integer(), "a whole number"),
        (Number(), "a number"),
        (Boolean(), "true or false"),
        (Null(), "null"),
        (ImageType(), "an image"),
        (Array(), "a list"),
        (Array(String()), "a list of text"),
        (Array(Array(String())), "a list of lists"),
        (Array(ImageType()), "a list of images"),
        (Array(either(String(), Null())), "a list"),
        (Array(Object({"a": A, "b": B})), "a list of objects with a, b"),
        (Object(), "an object"),
        (Object({"a": A, "b": B}), "an object with a, b"),
        (either(Object({"a": A}), Object({"b": A}), Null()), "an object with a or null"),
        (
            Object(dict.fromkeys("abcdefghijklmn", A)),
            "an object with a, b, c, d, e, f, g, h, i, j, k, l, …",
        ),
    ],
)
def test_describe_speaks_plainly(type_: Type, expected: str) -> None:
    assert describe(type_) == expected
