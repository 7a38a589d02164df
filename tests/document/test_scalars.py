"""Unquoted scalars by the core schema of YAML 1.2."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.document.scalars import Scalar, plain, quoted, tagged


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, None) for text in ("", "~", "null", "Null", "NULL")],
        *[(text, True) for text in ("true", "True", "TRUE")],
        *[(text, False) for text in ("false", "False", "FALSE")],
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+5", 5),
        ("-7", -7),
        ("0o17", 15),
        ("0xfF", 255),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        ("0.0", 0.0),
        ("+1.5E-2", 0.015),
    ],
)
def test_core_scalars_have_their_value(text: str, value: Scalar) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "N",
        "nULL",
        "tRUE",
        "010",
        "-010",
        "00",
        "01.5",
        "1:30",
        "1_000",
        "2024-01-01",
        "0b1",
        "0O7",
        "0X1",
        "-0x1",
        "1e",
        "e3",
        ".",
        "+",
        "-",
        "1.2.3",
        "+.e3",
        "0x",
        "0o8",
        "٣",
        "1,",
        "<<",
    ],
)
def test_all_else_stays_what_was_written(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN"])
def test_what_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=f'^"{text}" is a number that JSON does not have$'.replace("+", r"\+")
    ):
        plain(text)


def test_numbers_beyond_all_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match=r'^"1e999" is too large a number$'):
        plain("1e999")
    for text in ("9" * 501, "0x" + "f" * 499, "0." + "1" * 499):
        with pytest.raises(
            ValueError, match=r"^a number of 501 digits is too long: 500 are allowed$"
        ):
            plain(text)
    assert plain("9" * 500) == int("9" * 500)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none())
def test_json_scalars_keep_their_value(value: Scalar) -> None:
    assert plain(json.dumps(value)) == value


@given(st.text())
def test_any_text_has_a_value_that_json_can_hold(text: str) -> None:
    try:
        value = plain(text)
    except ValueError:
        return
    assert value == text or not isinstance(value, str)
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "1", "1"),
        ("int", "1", 1),
        ("float", "1", 1.0),
        ("float", "1.5", 1.5),
        ("bool", "true", True),
        ("null", "", None),
    ],
)
def test_tags_say_the_kind(kind: str, text: str, value: Scalar) -> None:
    assert tagged(kind, text) == value
    assert type(tagged(kind, text)) is type(value)


@pytest.mark.parametrize("kind", ["int", "float", "bool", "null"])
def test_tags_do_not_bend_what_is_there(kind: str) -> None:
    with pytest.raises(ValueError, match=f'^"x" is not of the kind {kind}$'):
        tagged(kind, "x")


def test_a_tag_does_not_make_a_number_endless() -> None:
    with pytest.raises(ValueError, match=r"too large"):
        tagged("float", "9" * 400)


def test_half_a_character_is_refused_in_quotes() -> None:
    assert quoted("ä😀") == "ä😀"
    with pytest.raises(ValueError, match=r"^\\ud83d is half a character$"):
        quoted("a\ud83d")
