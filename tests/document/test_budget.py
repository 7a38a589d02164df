from __future__ import annotations

import pytest

from flowrun.document import budget as budgets
from flowrun.document.budget import WORK_BYTES, Budget, Each, weigh
from flowrun.document.faults import TemplateError


def test_what_is_left_can_be_spent_and_no_more() -> None:
    budget = Budget()
    budget.spend(WORK_BYTES)
    with pytest.raises(TemplateError, match="needs more than 64 MB"):
        budget.spend(1)


def test_a_text_has_a_bound_of_its_own() -> None:
    with pytest.raises(TemplateError, match="a text of more than 16 MB"):
        Budget().text(budgets.TEXT_CHARACTERS + 1)


def test_the_clock_stands_behind_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "SECONDS", -1.0)
    with pytest.raises(TemplateError, match="runs for longer than 2 s"):
        Budget().spend(1)


def test_rounds_of_a_loop_are_paid_for() -> None:
    each = Each(Budget(), "abc", WORK_BYTES // 2)
    assert len(each) == 3
    with pytest.raises(TemplateError):
        list(each)


def test_shared_values_weigh_as_often_as_they_stand_there() -> None:
    value: list[object] = [None, {"a": 1}]
    weigh(Budget(), value, "text")
    for _ in range(40):
        value = [value, value]
    with pytest.raises(TemplateError):
        weigh(Budget(), value)


def test_items_are_collected_as_far_as_the_budget_goes() -> None:
    assert Budget().collected(iter([1, 2])) == [1, 2]
    with pytest.raises(TemplateError):
        Budget().collected(iter(int, 1))


def test_calls_go_down_a_bounded_way() -> None:
    budget = Budget()
    for _ in range(budgets.MACRO_DEPTH):
        budget.enter()
    with pytest.raises(TemplateError, match="more than 60 deep"):
        budget.enter()
