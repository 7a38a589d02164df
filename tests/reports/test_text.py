from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.reports.text import cell_width, cut, fit, one_line, safe, wrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("windows\r\nlines", "windows\nlines"),
        ("over\rwritten", "over\nwritten"),
        ("a\tb", "a    b"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[?1049h", ""),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x9b2Jafter", "after"),
        ("\x9d0;title\x9cafter", "after"),
        ("\x1b(0after", "after"),
        ("\x1bcafter", "after"),
        ("\x1b]never closed", "]never closed"),
        ("bell\x07 back\x08 null\x00", "bell back null"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("Grüße 自転車", "Grüße 自転車"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, expected: str) -> None:
    assert safe(text) == expected


@given(st.text(st.sampled_from("\x1b\x9b\x9d\x90[]0;?mPX^_\\\x07\r\n\tab 自\u202e")))
def test_no_control_but_newline_is_left(text: str) -> None:
    found = safe(text)
    assert all(char == "\n" or unicodedata.category(char) != "Cc" for char in found)
    assert safe(found) == found


def test_one_line_joins_lines_and_spaces() -> None:
    assert one_line("  a\n b\t\x1b[1mc ") == "a b c"


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("abc", 3), ("ü", 1), ("自転", 4), ("e\u0301", 1)]
)
def test_width_counts_columns(text: str, expected: int) -> None:
    assert cell_width(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("自転車", 5, "自転…"),
        ("自転車", 4, "自…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("abc", -1, ""),
    ],
)
def test_cut_says_that_something_is_missing(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


def test_fit_pads_left_or_right() -> None:
    assert fit("自", 4) == "自  "
    assert fit("12", 4, right=True) == "  12"
    assert fit("12345", 4, right=True) == "123…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("one two  three", ["one two", "three"]),
        ("exactly ten", ["exactly", "ten"]),
        ("unbreakable", ["unbreakab", "le"]),
        ("  indented text", ["  indente", "d text"]),
        ("a\n\nb", ["a", "", "b"]),
        ("自転車自転車", ["自転車自", "転車"]),
    ],
)
def test_wrap_breaks_at_spaces(text: str, expected: list[str]) -> None:
    assert wrap(text, 9) == expected


@given(st.text("ab 自\n"), st.integers(1, 12))
def test_wrapped_lines_fit_and_lose_only_spaces(text: str, width: int) -> None:
    found = wrap(text, width)
    assert all(cell_width(line) <= max(width, 2) for line in found)
    assert "".join("".join(found).split()) == "".join(text.split())
