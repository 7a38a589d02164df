"""The picture of a run whose steps stand inside others, and whose models call tools."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowrun.reports.frame import frame, summary, window
from flowrun.reports.rows import View
from flowrun.reports.text import cell_width
from flowrun.run.events import Event, RunStarted, StepFinished, StepStarted
from tests.reports.inner_scene import BLOCK, ENDED, ROUNDS, TOOLS, USES, asked, started, summed
from tests.reports.scene import progress_after
from tests.reports.test_frame import text_of, view

WHOLE: list[Event] = [
    started("recipes", "better", "review", "clerk"),
    *(*BLOCK, *ROUNDS, *USES, *TOOLS),
    ENDED,
]


def test_what_goes_on_inside_stands_below_each_step() -> None:
    events = [started("recipes", "better", "clerk"), *BLOCK[:10], *ROUNDS[:4], *TOOLS[:5]]
    assert text_of(frame(progress_after(events), view(96))) == (
        " kitchen\n"
        " ⠼ recipes   0/2      2.0 s      20 tok    $0.0200  ━━━━━━━━━━━━━━━━━━━━\n"
        " ✓   draft            1.0 s      10 tok    $0.0100  local/small  said recipes.draft\n"
        " ⠼   spices  1/2      1.0 s      10 tok    $0.0100  local/small  ━━━━━━━━━━━━━━━━━━━━\n"
        " ⠼ better             2.0 s      10 tok    $0.0100  round 1: Fresh\n"
        " ✓   slogan           1.0 s      10 tok    $0.0100  local/small  said better.slogan\n"
        " ⠼ clerk              2.0 s                         local/small"
        '  review {"text": "lamp"}\n'
        ' ⠼   search           2.0 s                         {"q": "lamp"}\n'
        ' ⠼   review           2.0 s      10 tok    $0.0100  {"text": "lamp"}\n'
        " ✓     read           1.0 s      10 tok    $0.0100  local/small  said clerk.review.read\n"
        "\n"
        " ━━━━━━━━━━━━━━━━━━━━  0/3 · 3.0 s · 30 tokens · $0.0300"
    )


def test_a_summary_tells_what_was_done_inside() -> None:
    assert text_of(summary(progress_after(WHOLE), replace(view(96), is_last=True))) == (
        " kitchen\n"
        " ✓ recipes   2/2      2.0 s      50 tok    $0.0500  all\n"
        " ✓   draft    2x      2.0 s      20 tok    $0.0200  local/small  said recipes.draft\n"
        " ✓   spices  3/3      2.0 s      30 tok    $0.0300  local/small  all\n"
        " ✓ better     2x      2.0 s      20 tok    $0.0200  all\n"
        " ✓   slogan   2x      2.0 s      20 tok    $0.0200  local/small  said better.slogan\n"
        " ✓ review             2.0 s      20 tok    $0.0200  all\n"
        " ✓   read             1.0 s      10 tok    $0.0100  local/small  said review.read\n"
        " ✓   judge            1.0 s      10 tok    $0.0100  local/small  said review.judge\n"
        " ✓ clerk              2.0 s      30 tok    $0.0300  local/small  all\n"
        " !   search   2x      1.0 s                         q must be text\n"
        " ✓   review           1.0 s      10 tok    $0.0100  {verdict: good}\n"
        " ✓     read           1.0 s      10 tok    $0.0100  local/small  said clerk.review.read\n"
        "\n"
        " ━━━━━━━━━━━━━━━━━━━━  4/4 · 5.0 s · 120 tokens · $0.1200"
    )


def test_failures_inside_and_what_fell_short_are_told_below() -> None:
    reason = "after 2 rounds it still does not hold that round == 9"
    events = [
        started("recipes", "never"),
        *asked("recipes.draft", (3,), status="failed", reason="no JSON"),
        summed("recipes", 1, 3, status="failed", reason='step "draft" failed: no JSON'),
        summed("never", 2, reason=reason),
        ENDED,
    ]
    assert text_of(summary(progress_after(events), view(96))).split("\n\n")[2] == (
        " failed    recipes.draft[3]  no JSON\n"
        ' failed    recipes[3]        step "draft" failed\n'
        f" done      never             {reason}"
    )


def test_a_flood_of_steps_that_fell_short_is_cut_short() -> None:
    events = [summed(f"s{number}", 1, reason="after 2 rounds") for number in range(30)]
    assert text_of(summary(progress_after(events), view(96))).endswith(
        "after 2 rounds\n and 10 more"
    )


def busy(inside: int, running: int) -> list[Event]:
    """Three steps, of which the second runs, with so many inside, of which some run."""
    events: list[Event] = [started("a", "b", "c"), StepFinished("a", None, "done", 101.0, 1.0)]
    events += [StepStarted("b", None, None, 101.0)]
    events += [StepStarted(f"b.s{number}", None, None, 101.0) for number in range(inside)]
    done = range(inside - running)
    return events + [StepFinished(f"b.s{number}", None, "done", 102.0, 1.0) for number in done]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (8, ["a", "b", "  s0", "  s1", "  s2", "  s3", "  s4", "c"]),
        (7, ["a", "b", "  s3", "  s4", "c"]),
        (4, ["a", "b", "  s3", "c"]),
        (3, ["a", "b", "c"]),
    ],
)
def test_what_runs_inside_shows_as_far_as_there_is_room(rows: int, expected: list[str]) -> None:
    shown, rest = window(progress_after(busy(inside=5, running=2)), rows)
    assert ([row.title for row in shown], rest) == (expected, "")


def test_of_many_steps_what_runs_inside_the_running_ones_shows() -> None:
    names = tuple(f"s{number}" for number in range(100))
    events: list[Event] = [RunStarted("r", "many", names, 1.0)]
    for name in names[:50]:
        events.append(StepFinished(name, None, "done", 2.0, 1.0))
    for name in ("s50", "s50.x", "s50.y", "s51"):
        events.append(StepStarted(name, None, None, 2.0))
    shown, rest = window(progress_after(events), 9)
    titles = [row.title for row in shown]
    assert titles == ["s46", "s47", "s48", "s49", "s50", "  x", "  y", "s51"]
    assert rest == "48 waiting, 46 ended before"


@pytest.mark.parametrize("width", [20, 40, 60, 96, 140])
def test_no_line_is_too_wide(width: int) -> None:
    progress = progress_after(WHOLE[:-1])
    for line in [*frame(progress, View(103.0, width, 40)), *summary(progress, view(width))]:
        assert cell_width("".join(text for text, _ in line)) <= width
