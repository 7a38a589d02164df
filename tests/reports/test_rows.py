from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.reports.activity import StepProgress
from flowrun.reports.rows import UNICODE, Columns, View, bar, columns, cost_of, row
from flowrun.reports.tally import Tally
from flowrun.run.events import RunStarted, StepExpanded
from tests.reports.inner_scene import BLOCK, ROUNDS
from tests.reports.scene import progress_after

WIDE = Columns(name=6, items=0, time=9, tokens=10, cost=9, tail=0)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (90, Columns(name=5, items=7, time=9, tokens=10, cost=9, tail=37)),
        (60, Columns(name=5, items=7, time=9, tokens=10, cost=9, tail=0)),
        (50, Columns(name=5, items=7, time=9, tokens=0, cost=9, tail=0)),
        (32, Columns(name=5, items=7, time=9, tokens=0, cost=0, tail=0)),
        (20, Columns(name=5, items=0, time=9, tokens=0, cost=0, tail=0)),
        (8, Columns(name=4, items=0, time=0, tokens=0, cost=0, tail=0)),
    ],
)
def test_what_there_is_no_room_for_is_left_out(width: int, expected: Columns) -> None:
    progress = progress_after(
        [RunStarted("r", "p", ("brief",), 1.0), StepExpanded("brief", 100, 1.0)]
    )
    assert columns(progress, width) == expected


def test_a_long_name_leaves_room_for_the_rest() -> None:
    progress = progress_after([RunStarted("r", "p", ("n" * 80,), 1.0)])
    assert [columns(progress, width).name for width in (200, 60)] == [32, 24]


def test_a_waiting_step_is_quiet() -> None:
    assert row(StepProgress("brief"), WIDE, View(1.0, 80, 24))[:2] == [
        (" · ", "dim"),
        ("brief ", "dim"),
    ]


def test_a_failed_step_stands_out() -> None:
    line = row(StepProgress("brief", "failed"), WIDE, View(1.0, 80, 24))
    assert line[:2] == [(" ✗ ", "bold red"), ("brief ", "")]


def test_the_mark_of_a_running_step_turns() -> None:
    marks = [
        row(StepProgress("a", "running"), WIDE, View(at / 8, 80, 24))[0][0] for at in range(11)
    ]
    assert "".join(mark.strip() for mark in marks) == UNICODE.spinner + UNICODE.spinner[0]


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally(), ""),
        (Tally(cost_usd=Decimal("0.5")), "$0.5000"),
        (Tally(cost_usd=Decimal("0.5"), is_cost_unknown=True), "$0.5000+?"),
        (Tally(cost_usd=Decimal(0), is_cost_unknown=True), "?"),
        (Tally(is_cost_unknown=True), "?"),
        (Tally(cost_usd=Decimal(0)), "$0"),
    ],
)
def test_what_nobody_knows_is_a_question_mark(tally: Tally, expected: str) -> None:
    assert cost_of(tally) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (StepProgress("a", items=1_000, items_ended=20), "20/1,000"),
        (StepProgress("a"), ""),
        (StepProgress("a", rounds=1), ""),
        (StepProgress("a", rounds=3), "3x"),
        (StepProgress("a.b", ends={"done": 1_200}), "1,200x"),
    ],
)
def test_how_often_a_step_was_run_is_in_the_column_of_items(
    step: StepProgress, expected: str
) -> None:
    layout = Columns(name=6, items=8, time=0, tokens=0, cost=0, tail=0)
    assert row(step, layout, View(1.0, 80, 24))[2][0].strip() == expected


def test_the_column_of_items_is_as_wide_as_what_stands_in_it() -> None:
    progress = progress_after(ROUNDS)
    assert columns(progress, 90).items == 2
    progress.most_times = 1_000
    assert columns(progress, 90).items == 6
    assert columns(progress_after(BLOCK), 90).items == 3


def test_a_bar_is_as_full_as_its_share() -> None:
    assert [len(bar(share, "green", UNICODE)[0][0]) for share in (0.0, 0.49, 0.5, 1.0)] == [
        0,
        9,
        10,
        20,
    ]
