"""Lines, columns, and where each character of a scalar was written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowrun.document.marks import Misprint, Places
from flowrun.document.source import load_value


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_lines_end_in_every_known_way(end: str) -> None:
    places = Places("f.yaml", f"ab{end}{end}c")
    assert str(places.mark(0)) == "f.yaml:1:1"
    assert str(places.mark(places.text.index("c"))) == "f.yaml:3:1"
    assert [places.excerpt(line) for line in (1, 2, 3)] == ["ab", "", "c"]


def test_other_separators_of_unicode_end_no_line() -> None:
    places = Places("f.yaml", "a\u2028b\x85c\x0cd")
    assert str(places.mark(6)) == "f.yaml:1:7"


def test_what_lies_past_the_end_is_the_end() -> None:
    places = Places("f.yaml", "ab\n")
    assert str(places.mark(99)) == "f.yaml:2:1"
    assert places.excerpt(2) == places.excerpt(0) == places.excerpt(7) == ""


def test_a_line_that_runs_on_is_shown_from_its_beginning_only() -> None:
    places = Places("f.yaml", "x" * 30_000)
    assert places.excerpt(1) == "x" * 10_000
    assert places.diagnostic(Misprint(20_000, "m", "c")).excerpt == ""
    assert places.diagnostic(Misprint(9_999, "m", "c")).excerpt


def written(text: str) -> list[tuple[str, str]]:
    """Each character of the value under `a`, with what stands at the place that is its own."""
    loaded = load_value(text, "f.yaml")
    data = loaded.data
    assert isinstance(data, dict)
    value = data["a"]
    assert isinstance(value, str)
    lines = text.splitlines()
    found = []
    for offset, char in enumerate(value):
        mark = loaded.locate(("a",), offset)
        found.append((char, lines[mark.line - 1][mark.column - 1 : mark.column] or "\n"))
    return found


def exact(text: str) -> list[tuple[str, str]]:
    """The same where each character stands as itself."""
    return [pair for pair in written(text) if pair[0] != pair[1]]


@pytest.mark.parametrize(
    "text",
    [
        "a: plain text",
        "a: 'single'",
        'a: "double"',
        "a: &x !!str  anchored",
        "a: !!str # why\n  # and\n  tagged",
        "a: |\n  one\n\n    two\n  three\n",
        "a: |2 # comment\n    one\n  two\n",
        "a: |+\n\n  one\n\n\n",
        "a: |-\n  one\n   \n  two\n\n",
        "a: >\n  folded\n\n    more\n    more\n\n  end\n",
        "a: |1-\n  one",
        "a: plain\n  'text",
    ],
)
def test_characters_are_found_where_they_stand(text: str) -> None:
    folded = [(decoded, raw) for decoded, raw in exact(text) if (decoded, raw) != (" ", "\n")]
    assert folded == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a: 'it''s x'", [(1, 5), (1, 6), (1, 7), (1, 9), (1, 10), (1, 11)]),
        (r'a: "\x41\u00e4\n\U0001F600z"', [(1, 5), (1, 9), (1, 15), (1, 17), (1, 27)]),
        ('a: "b  \n\n  c"', [(1, 5), (2, 1), (3, 3)]),
        ('a: "b\\\n   \\ c"', [(1, 5), (2, 4), (2, 6)]),
        ('a: "b\\\n\n   c"', [(1, 5), (2, 1), (3, 4)]),
        ("a: b\n  c\n\n\n  d", [(1, 4), (1, 5), (2, 3), (3, 1), (4, 1), (5, 3)]),
        ("a: >\n  b\n  c\n\n  d\n", [(2, 3), (2, 4), (3, 3), (3, 4), (5, 3), (5, 4)]),
        ("a: >-\n  b\n   c\n", [(2, 3), (2, 4), (3, 3), (3, 4)]),
    ],
)
def test_escapes_and_folds_are_one_character(text: str, places: list[tuple[int, int]]) -> None:
    loaded = load_value(text, "f.yaml")
    marks = [loaded.locate(("a",), offset) for offset in range(len(places))]
    assert [(mark.line, mark.column) for mark in marks] == places
    assert loaded.locate(("a",), len(places)) == marks[-1]


@pytest.mark.parametrize("text", ["a: ''", 'a: ""', "a: |\n", "a: >-\n\n", "a: !!str"])
def test_an_empty_text_has_a_place(text: str) -> None:
    assert load_value(text, "f.yaml").locate(("a",), 3).line == 1


TEXT = st.text(st.sampled_from("ab {}'\"\\#:-\n\tä😀"), max_size=60)


@given(TEXT, st.sampled_from(["'", '"', "|", ">", None]), st.integers(20, 80))
def test_every_style_is_read_back_to_its_places(value: str, style: str | None, width: int) -> None:
    text = yaml.safe_dump({"a": value}, default_style=style, width=width, allow_unicode=True)
    loaded = load_value(text, "f.yaml")
    assert loaded.data == {"a": value}
    marks = [loaded.locate(("a",), offset) for offset in range(len(value))]
    assert marks == sorted(marks)
    lines = text.split("\n")
    for char, mark in zip(value, marks, strict=True):
        stands = (lines[mark.line - 1] + "\n")[mark.column - 1]
        assert stands in (char, "\\") or (char, stands) == (" ", "\n")
