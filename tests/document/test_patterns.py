from __future__ import annotations

import pytest

from flowrun.document.budget import Budget
from flowrun.document.faults import Refusal, TemplateError
from flowrun.document.patterns import matches


def test_matches_come_from_the_left() -> None:
    found = list(matches(Budget(), r"(\w)(é)?", "aé b"))
    assert [(each.group(), each.start(), each.end(), each.groups()) for each in found] == [
        ("aé", 0, 2, ("a", "é")),
        ("b", 3, 4, ("b", None)),
    ]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)+$", "(a*)*c", "(.*a){12}$"])
def test_patterns_that_hang_elsewhere_take_linear_time(pattern: str) -> None:
    assert not list(matches(Budget(), pattern, "a" * 5000 + "b"))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("a(?=b)", "invalid perl operator: (?="),
        ("x{2000}", "invalid repetition size: {2000}"),
    ],
)
def test_what_cannot_be_read_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        list(matches(Budget(), pattern, "a"))
    assert str(caught.value) == f"has a pattern that cannot be read: {reason}"


def test_many_matches_are_paid_for() -> None:
    with pytest.raises(TemplateError):
        list(matches(Budget(), "", "a" * 1_000_000))
