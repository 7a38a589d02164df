"""Every word of docs/language.md is cited by a test, and no test cites what is not there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.support.citing import cited, left_over, sections

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "language.md").read_text("utf-8")
SECTIONS = sections(PAGE)
MODULES = [
    importlib.import_module(f"tests.language.{each.stem}") for each in HERE.glob("test_*.py")
]
CITED = list(cited(MODULES))


def test_the_page_has_its_sections_in_order() -> None:
    assert list(SECTIONS) == [f"§{number}" for number in range(9)]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_word_of_the_page_is_cited_by_a_test(section: str) -> None:
    quotes = [each.words for _, each in CITED if each.section == section]
    assert left_over(SECTIONS[section], quotes) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_cited_stands_in_the_page(section: str) -> None:
    gone = [
        (test, each.words)
        for test, each in CITED
        if each.section == section and each.words not in SECTIONS[section]
    ]
    assert gone == []


def test_no_section_is_cited_that_is_not_there() -> None:
    assert {each.section for _, each in CITED} <= set(SECTIONS)


def test_a_quote_says_more_than_a_word_or_two() -> None:
    assert [each for _, each in CITED if len(each.words) < 4] == []
