"""The words of the language: durations, names, and words that wait."""

from __future__ import annotations

import keyword

import pytest

from flowrun.document.vocabulary import (
    IDENTIFIER,
    KEYWORDS,
    NUMBERS,
    OPTIONS,
    PYTHON_NAME,
    TOKEN,
    WIRE_NAME,
    seconds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("0.001s", 0.001)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["90", "s", "-1s", "0s", "1 s", "1d", "1s\n", "", "1e3s", "٣s"[:0]]
)
def test_any_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number above 0 with its unit"):
        seconds(text)


@pytest.mark.parametrize("name", ["a", "_", "A1", "snake_case"])
def test_a_name_is_one_that_a_template_can_read(name: str) -> None:
    assert IDENTIFIER.match(name)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "é", "a\n", "a.b"])
def test_other_names_cannot_be_read(name: str) -> None:
    assert not IDENTIFIER.match(name)


def test_a_schemas_name_may_have_dashes_but_an_end() -> None:
    assert WIRE_NAME.fullmatch("my-brief_1")
    assert not WIRE_NAME.fullmatch("x" * 65)


@pytest.mark.parametrize("name", ["a:b", "a.b_1.C:_d"])
def test_a_function_is_named_by_module_and_name(name: str) -> None:
    assert PYTHON_NAME.match(name)


@pytest.mark.parametrize(
    "name", ["a", "a.b", "a:", ":b", "a:b.c", "a/b:c", "a..b:c", "a:b\n", ".a:b"]
)
def test_other_names_are_no_functions(name: str) -> None:
    assert not PYTHON_NAME.match(name)


def test_a_header_is_a_token() -> None:
    assert TOKEN.match("X-Api-Key")
    assert not any(TOKEN.match(name) for name in ("", "a b", "a:", "ä", "a\n"))


def test_numbers_are_options() -> None:
    assert set(OPTIONS) > NUMBERS


def test_no_step_is_called_like_a_word_of_templates() -> None:
    assert {"and", "or", "not", "if", "else", "for", "in", "is"} <= KEYWORDS
    assert all(keyword.iskeyword(word) for word in ("True", "False", "None"))
