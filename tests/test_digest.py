"""Canonical JSON and its digest: equal values, and only those, give equal keys."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.digest import JsonValue, canonical, digest

TEXT = st.text(st.characters(codec="utf-8"))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@given(VALUES)
def test_canonical_json_is_read_back_as_it_was(value: JsonValue) -> None:
    assert json.loads(canonical(value)) == value


@given(VALUES)
def test_canonical_json_has_one_spelling(value: JsonValue) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_the_order_of_keys_does_not_count(value: dict[str, JsonValue]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(backwards) == canonical(value)
    assert digest("tag/1", backwards) == digest("tag/1", value)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: JsonValue, other: JsonValue) -> None:
    assert (digest("t", one) == digest("t", other)) == (canonical(one) == canonical(other))


@given(VALUES, TEXT, TEXT)
def test_different_tags_keep_digests_apart(value: JsonValue, one: str, other: str) -> None:
    assert (digest(one, value) == digest(other, value)) == (one == other)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": [1, 2.5, None], "a": "ä\n"}, '{"a":"ä\\n","b":[1,2.5,null]}'),
        ((1, True), "[1,true]"),
        ({}, "{}"),
    ],
)
def test_the_spelling_is_fixed(value: JsonValue, expected: str) -> None:
    assert canonical(value) == expected.encode()


def test_the_digest_is_fixed() -> None:
    expected = "6ebaba71b81e96a75bfeb86793930e3279ed512fb46f5ae05cec703474e05de7"
    assert digest("request/1", {"a": 1}) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], "\ud800"])
def test_what_json_cannot_hold_is_refused(value: JsonValue) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical(value)
