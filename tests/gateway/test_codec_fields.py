"""A field is what it must be, or the fault says what it is instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowrun.digest import JsonValue
from flowrun.gateway import codec_fields as fields
from flowrun.gateway.faults import Fault

CASES: dict[str, tuple[Callable[[], object], str]] = {
    "object": (lambda: fields.object_of([], "a.b"), '"a.b" must be an object, not a list'),
    "list": (lambda: fields.list_of({}, "a.b", most=1), '"a.b" must be a list, not an object'),
    "long list": (
        lambda: fields.list_of([1, 2], "a.b", most=1),
        '"a.b" has 2 items, and may have at most 1',
    ),
    "text": (lambda: fields.text_of(None, "a.b"), '"a.b" must be a text, not null'),
    "long text": (
        lambda: fields.text_of("abc", "a.b", longest=2),
        '"a.b" may have at most 2 characters',
    ),
    "truth": (
        lambda: fields.truth_of("true", "a.b"),
        '"a.b" must be true or false, not a text',
    ),
    "number": (
        lambda: fields.number_of(True, "a.b", 0, 1),
        '"a.b" must be a number, not true',
    ),
    "no number": (
        lambda: fields.number_of(False, "a.b", 0, 1),
        '"a.b" must be a number, not false',
    ),
    "large": (
        lambda: fields.number_of(2.5, "a.b", 0, 1),
        '"a.b" must be from 0 to 1, not 2.5',
    ),
    "vast": (
        lambda: fields.number_of(10**4000, "a.b", 0, 1),
        '"a.b" must be from 0 to 1, not one of many digits',
    ),
    "whole": (
        lambda: fields.whole_of(1.5, "a.b", 0, 3),
        '"a.b" must be a whole number, not 1.5',
    ),
    "choice": (
        lambda: fields.one_of("c\n", "a.b", ("a", "b")),
        '"a.b" must be one of a, b, not "c"',
    ),
    "choice of another kind": (
        lambda: fields.one_of(7, "a.b", ("a", "b")),
        '"a.b" must be a text, not the number 7',
    ),
    "name": (
        lambda: fields.name_of("a b", "a.b"),
        '"a.b" must be 1 to 64 letters, digits, underscores or dashes',
    ),
}


@pytest.mark.parametrize(("read", "message"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_told(read: Callable[[], object], message: str) -> None:
    with pytest.raises(Fault) as raised:
        read()
    found = raised.value
    assert (found.status, found.code, found.param) == (400, "invalid_request", "a.b")
    assert found.message == message


@pytest.mark.parametrize(("said", "read"), [(2, 2), (2.0, 2), (0, 0)])
def test_a_whole_number_may_be_spelled_as_a_float(said: JsonValue, read: int) -> None:
    found = fields.whole_of(said, "a", 0, 3)
    assert (found, type(found)) == (read, int)


def test_a_name_has_at_most_64_characters() -> None:
    assert fields.name_of("a" * 64, "a") == "a" * 64
    with pytest.raises(Fault):
        fields.name_of("a" * 65, "a")


def test_unknown_fields_that_are_null_pass() -> None:
    fields.refuse_unknown({"a": 1, "b": None}, ("a",), "")
    with pytest.raises(Fault, match='"c" is not a field that is known here') as raised:
        fields.refuse_unknown({"c": 1}, ("alpha",), "x[0]")
    assert raised.value.param == "x[0].c"
