from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.chat.usage import Usage
from flowrun.reports.frame import frame, summary, window
from flowrun.reports.progress import Progress
from flowrun.reports.rows import ASCII, Line, View
from flowrun.reports.text import cell_width
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    StepExpanded,
    StepFinished,
    StepRetried,
    StepStarted,
    StepStreamed,
)
from tests.reports.scene import BEGUN, HALF, WHOLE, progress_after


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def view(width: int, height: int = 30) -> View:
    return View(103.0, width, height)


def test_a_picture_in_the_middle_of_a_run() -> None:
    assert text_of(frame(progress_after([*BEGUN, *HALF]), view(110))) == (
        " product-page\n"
        " ✓ brief            2.0 s     312 tok    $0.0004  local/small  A lamp\n"
        " ⠼ hero             1.0 s                         image  sent back: the reply is no JSON\n"
        " ⠼ titles  2/4      1.0 s      39 tok          ?  local/small"
        "  429 too many requests, again in 3 s\n"
        " · page\n"
        " · extra\n"
        "\n"
        " ━━━━━━━━━━━━━━━━━━━━  1/5 · 3.0 s · 351 tokens · $0.0004 + ? · 1 cached"
    )


def test_a_narrow_picture_leaves_out_what_is_least_needed() -> None:
    assert text_of(frame(progress_after([*BEGUN, *HALF]), view(40))) == (
        " product-page\n"
        " ✓ brief            2.0 s    $0.0004\n"
        " ⠼ hero    sent back: the reply is no J…\n"
        " ⠼ titles  429 too many r…, again in 3 s\n"
        " · page\n"
        " · extra\n"
        "\n"
        " 1/5 · 3.0 s · 351 tokens · $0.0004 + ?\n"
        " 1 cached"
    )


def test_streamed_text_stands_below() -> None:
    assert text_of(frame(progress_after(BEGUN), view(60))).endswith(
        " ━━━━━━━━━━━━━━━━━━━━  0/5 · 3.0 s\n\n brief\n │ A solar lamp\n │ that shines"
    )


def test_the_summary_says_why_steps_gave_nothing() -> None:
    assert text_of(summary(progress_after(WHOLE), replace(view(90), is_last=True))) == (
        " product-page\n"
        " ✓ brief            2.0 s     312 tok    $0.0004  local/small  A lamp\n"
        " ✓ hero                                   cached  image  image/png\n"
        " ✗ titles  4/4      3.0 s      39 tok          ?  local/small\n"
        " ○ page\n"
        " ! extra            1.0 s      10 tok          ?\n"
        "\n"
        " 5/5 · 5.0 s · 361 tokens · $0.0004 + ? · 2 cached · 1 failed · 1 ignored · 1 skipped\n"
        "\n"
        " failed    titles[1]  429 too many requests\n"
        " ignored   titles[3]  no text\n"
        " failed    titles     1 of 4 items failed\n"
        ' skipped   page       needs "titles", which failed\n'
        " ignored   extra      no JSON:\n"
        "                        line 1\n"
        "\n"
        " wrote  out/hero.png  20.3 kB"
    )


def test_a_narrow_summary_puts_reasons_below() -> None:
    events: list[Event] = [
        RunStarted("r", "p", ("a_long_name",), 1.0),
        StepFinished("a_long_name", None, "failed", 2.0, 1.0, reason="the key is not accepted"),
        StepFinished("b", None, "failed", 2.0, 1.0),
        OutputWritten("x", "out/a_long_folder/with_a_long_file.md", 5),
        RunFinished("r", "interrupted", False, 2.0, 1.0),
    ]
    assert text_of(summary(progress_after(events), view(30))) == (
        " p\n"
        " ✗ a_long_name      1.0 s\n"
        " ✗ b                1.0 s\n"
        "\n"
        " 2/2 · 1.0 s · 2 failed\n"
        " interrupted\n"
        "\n"
        " failed    a_long_name\n"
        "    the key is not accepted\n"
        " failed    b\n"
        "\n"
        " wrote  out/a_long_folder/with\n"
        "        _a_long_file.md  5 B"
    )


def test_while_the_run_goes_on_reasons_stand_in_the_row() -> None:
    events = [StepFinished("a", None, "failed", 2.0, 1.0, reason="the key is not accepted")]
    assert "the key is not accepted" in text_of(frame(progress_after(events), view(90)))


def many(started: int, ended: int) -> Progress:
    names = tuple(f"s{number}" for number in range(10_000))
    events: list[Event] = [RunStarted("r", "many", names, 1.0)]
    events += [StepStarted(name, None, "m", 2.0) for name in names[: ended + started]]
    events += [StepFinished(name, None, "done", 3.0, 1.0) for name in names[:ended]]
    return progress_after(events)


def test_of_many_steps_the_running_and_the_last_ended_show() -> None:
    assert text_of(frame(many(started=3, ended=50), view(40, 11))) == (
        " many\n"
        " ✓ s46        1.0 s\n"
        " ✓ s47        1.0 s\n"
        " ✓ s48        1.0 s\n"
        " ✓ s49        1.0 s\n"
        " ⠼ s50     1:41 min\n"
        " ⠼ s51     1:41 min\n"
        " ⠼ s52     1:41 min\n"
        "   9,947 waiting, 46 ended before\n"
        "\n"
        " 50/10,000 · 1:42 min"
    )


def test_many_running_steps_leave_room_for_the_last_ended() -> None:
    shown, rest = window(many(started=40, ended=50), 9)
    assert [step.name for step in shown] == ["s48", "s49", "s50", "s51", "s52", "s53", "s54", "s55"]
    assert rest == "34 more running, 9,910 waiting, 48 ended before"


def test_a_window_without_room_only_counts() -> None:
    shown, rest = window(many(started=1, ended=2), 1)
    assert shown == []
    assert rest == "1 more running, 9,997 waiting, 2 ended before"


def test_a_summary_of_many_steps_is_no_longer_than_the_screen() -> None:
    assert len(summary(many(started=0, ended=10_000), view(80, 20))) <= 20


def test_a_flood_of_troubles_is_cut_short() -> None:
    failures = [StepFinished(f"s{n}", None, "failed", 1.0, 0.0, reason="no") for n in range(130)]
    assert text_of(summary(progress_after(failures), view(80))).endswith("  no\n and 30 more")


def test_a_list_of_items_has_a_bar() -> None:
    events: list[Event] = [StepStarted("rows", None, "m", 1.0), StepExpanded("rows", 4, 1.0)]
    events += [StepFinished("rows", 0, "done", 2.0, 1.0)]
    row = frame(progress_after(events), view(90))[1]
    assert row[-2:] == [("━" * 5, "cyan"), ("━" * 15, "dim")]
    events += [StepFinished("rows", 1, "failed", 2.0, 1.0)]
    row = frame(progress_after(events), view(90))[1]
    assert row[-2:] == [("━" * 10, "red"), ("━" * 10, "dim")]


def test_after_its_pause_a_retry_is_said_to_run() -> None:
    events: list[Event] = [StepStarted("a", None, "m", 1.0), StepRetried("a", None, "429", 0.5, 1)]
    lines = frame(progress_after(events), replace(view(90), now=104.0))
    assert text_of(lines[1:2]).endswith("m  again after 429")


def test_a_long_note_takes_the_place_of_the_model() -> None:
    events: list[Event] = [StepStarted("a", None, "vendor/model", 1.0)]
    events += [StepRetried("a", None, "connection reset by peer", 0.5, 1)]
    line = text_of(frame(progress_after(events, now=104.0), view(62))[1:2])
    assert line == " ⠼ a   1:42 min                         connect…, again in 2 s"


def test_big_numbers_keep_their_columns() -> None:
    events = [StepFinished("a", None, "done", 2.0, 1.0, "m", Usage(1_234_567), Decimal("0.00001"))]
    assert "1,234k tok   <$0.0001  m" in text_of(frame(progress_after(events), view(90)))


def test_signs_can_be_plain_ascii() -> None:
    lines = summary(progress_after(WHOLE, now=103.1), View(103.0, 100, 30, ASCII, True))
    assert text_of(lines).isascii()


HOSTILE = "\x1b[31m[bold]\r自\u202e\n" * 9


def hostile() -> Progress:
    return progress_after(
        [
            RunStarted("r", HOSTILE, (HOSTILE, "b", "c"), 1.0),
            StepStarted(HOSTILE, None, HOSTILE, 1.0),
            StepStreamed(HOSTILE, None, HOSTILE),
            StepRetried(HOSTILE, None, HOSTILE, 9.0, 1),
            StepStreamed(HOSTILE, None, HOSTILE),
            StepStarted("b", None, HOSTILE, 1.0),
            StepExpanded("b", 10, 1.0),
            StepFinished("c", None, "failed", 2.0, 1.0, HOSTILE, Usage(5), None, HOSTILE, HOSTILE),
            OutputWritten("x", HOSTILE, 5),
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(6, 130), st.integers(1, 40))
def test_no_line_is_too_wide_and_nothing_is_obeyed(width: int, height: int) -> None:
    progress = hostile()
    picture = frame(progress, view(width, height))
    assert len(picture) <= height
    for line in [*picture, *summary(progress, view(width, height))]:
        text = "".join(text for text, _ in line)
        assert text.isprintable()
        if width >= 20:
            assert cell_width(text) <= width


@pytest.mark.parametrize("status", ["done", "failed"])
def test_a_run_without_steps_has_a_picture(status: str) -> None:
    progress = progress_after([RunStarted("r", "empty", (), 103.0)])
    assert text_of(frame(progress, view(60))) == " empty\n\n ━━━━━━━━━━━━━━━━━━━━  0/0 · 0.0 s"
