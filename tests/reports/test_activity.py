from __future__ import annotations

from collections.abc import Sequence

import pytest

from flowrun.reports.activity import State, StepProgress
from flowrun.run.events import Status


def inside() -> StepProgress:
    return StepProgress("a.b", above=StepProgress("a"))


def test_what_is_inside_stands_below_and_farther_in() -> None:
    outer = StepProgress("a")
    inner = StepProgress("a.b", above=outer)
    outer.inside["a.b"] = inner
    tool = StepProgress("a.b.docs.search", above=inner)
    inner.inside["a.b.docs.search"] = tool
    assert [row.title for row in outer.rows()] == ["a", "  b", "    docs.search"]
    assert list(tool.around()) == [inner, outer]


def test_a_name_is_harmless() -> None:
    outer = StepProgress("a\x1b[31m")
    assert outer.title == "a"
    assert StepProgress("a\x1b[31m.b\nc", above=outer).title == "  b c"


def test_time_is_counted_while_it_runs_anywhere() -> None:
    step = inside()
    step.begin(((0,), None), 10.0)
    step.begin(((1,), None), 11.0)
    step.end(((0,), None), "done", 13.0)
    assert (step.state, step.elapsed(14.0)) == ("running", 4.0)
    step.end(((1,), None), "done", 15.0)
    assert (step.state, step.elapsed(99.0)) == ("done", 5.0)
    step.begin(((2,), None), 20.0)
    assert step.elapsed(21.0) == 6.0
    step.end(((2,), None), "done", 22.0)
    assert (step.seconds, step.times) == (7.0, 3)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (["skipped", "done"], "done"),
        (["cached", "skipped"], "cached"),
        (["cached", "done"], "done"),
        (["done", "cancelled"], "cancelled"),
        (["ignored", "cancelled", "done"], "ignored"),
        (["done", "failed", "ignored"], "failed"),
    ],
)
def test_the_worst_end_shows(ends: Sequence[Status], expected: State) -> None:
    step = inside()
    for number, status in enumerate(ends):
        step.begin(((number,), None), 1.0)
        step.end(((number,), None), status, 1.0)
    assert step.state == expected


def test_what_was_skipped_without_a_beginning_ends_nothing_else() -> None:
    step = inside()
    step.begin(((0,), None), 1.0)
    step.end(((1,), None), "skipped", 2.0)
    assert step.state == "running"
    step.end(((0,), None), "done", 3.0)
    assert (step.state, step.seconds) == ("done", 2.0)


def test_calls_at_one_time_in_one_place_are_counted() -> None:
    step = inside()
    step.begin(((), 3), 1.0)
    step.begin(((), 3), 1.0)
    step.end(((), 3), "done", 2.0)
    assert step.state == "running"
    step.end(((), 3), "done", 4.0)
    assert (step.state, step.seconds) == ("done", 3.0)


def test_what_is_given_up_runs_there_no_more() -> None:
    step = inside()
    step.begin(((), 0), 1.0)
    step.begin(((), 0), 1.0)
    step.begin(((), 1), 1.0)
    step.give_up(((), 0), 2.0)
    assert step.state == "running"
    step.give_up(((), 1), 3.0)
    assert (step.state, step.seconds) == ("cancelled", 2.0)
    step.give_up(((), 1), 9.0)
    assert step.seconds == 2.0


def test_what_is_closed_runs_nowhere_and_may_be_told_later_how_it_ended() -> None:
    step = inside()
    step.begin(((0,), None), 1.0)
    step.close(2.0)
    assert (step.state, step.seconds) == ("cancelled", 1.0)
    step.end(((0,), None), "done", 9.0)
    assert (step.state, step.seconds) == ("done", 1.0)


def test_how_often_it_was_run_counts_rounds() -> None:
    assert StepProgress("a", rounds=4).times == 4


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (StepProgress("a"), ""),
        (StepProgress("a", unmet=1, shortfall="after 4 rounds"), "after 4 rounds"),
        (
            StepProgress("a", unmet=2, shortfall="after 4 rounds", items=5, items_ended=5),
            "2 of 5 times: after 4 rounds",
        ),
        (
            StepProgress("a.b", unmet=1, shortfall="after 4 rounds", ends={"done": 3}, rounds=9),
            "1 of 3 times: after 4 rounds",
        ),
    ],
)
def test_how_often_it_fell_short(step: StepProgress, expected: str) -> None:
    assert step.fell_short == expected


def test_only_what_asks_no_model_is_the_sum_of_what_is_inside() -> None:
    step = StepProgress("a")
    assert not step.is_sum
    step.inside["a.b"] = StepProgress("a.b", above=step)
    assert step.is_sum
    step.asks = True
    assert not step.is_sum
