from __future__ import annotations

import io
import subprocess
import sys

from flowrun.reports.plain import Plain
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    StepFinished,
    StepRepaired,
    StepRetried,
    StepRound,
    StepStreamed,
    ToolFinished,
    ToolStarted,
)
from tests.reports.inner_scene import BLOCK, ENDED, ROUNDS, TOOLS, USES, asked, started, summed
from tests.reports.scene import BEGUN, WHOLE


def told(events: list[Event], *, quiet: bool = False, streams_text: bool = False) -> str:
    stream = io.StringIO()
    report = Plain(stream, quiet=quiet, streams_text=streams_text, clock=lambda: 103.0)
    for event in events:
        report(event)
    report.close()
    return stream.getvalue()


def test_a_run_is_a_line_for_each_step() -> None:
    assert told(WHOLE) == (
        "product-page: 5 steps\n"
        "done      brief   local/small  2.0 s  312 tokens  $0.0004\n"
        "retry     titles[1]  429 too many requests, again in 3.0 s\n"
        "repair    hero    the reply is no JSON\n"
        "cached    hero    image\n"
        "failed    titles[1]  local/small  3.0 s\n"
        "          429 too many requests\n"
        "ignored   titles[3]  local/small  3.0 s\n"
        "          no text\n"
        "failed    titles  local/small  2/4 items  3.0 s  39 tokens  cost ?  1 retry\n"
        "          1 of 4 items failed\n"
        'skipped   page    needs "titles", which failed\n'
        "ignored   extra                1.0 s  10 tokens  cost ?\n"
        "          no JSON:\n"
        "            line 1\n"
        "wrote     out/hero.png  20.3 kB\n"
        "failed: 3 of 5 steps in 5.0 s, 361 tokens, $0.0004 + ?,"
        " 2 cached, 1 failed, 1 ignored, 1 skipped\n"
    )


def test_quiet_leaves_only_failures() -> None:
    assert told(WHOLE, quiet=True, streams_text=True) == (
        "failed    titles[1]  local/small  3.0 s\n"
        "          429 too many requests\n"
        "ignored   titles[3]  local/small  3.0 s\n"
        "          no text\n"
        "failed    titles  local/small  2/4 items  3.0 s  39 tokens  cost ?  1 retry\n"
        "          1 of 4 items failed\n"
        "ignored   extra                1.0 s  10 tokens  cost ?\n"
        "          no JSON:\n"
        "            line 1\n"
    )


def test_streamed_text_stands_behind_the_name_of_its_step() -> None:
    finished = StepFinished("brief", None, "done", 102.0, 2.0)
    assert told([*BEGUN, StepStreamed("hero", 2, "x"), finished], streams_text=True) == (
        "product-page: 5 steps\n"
        "brief | A solar lamp\n"
        "brief | that shines\n"
        "done      brief   local/small  2.0 s\n"
        "hero[2] | x\n"
    )


def test_text_of_a_call_that_is_made_again_ends_its_line() -> None:
    events: list[Event] = [
        StepStreamed("a", None, "broken"),
        StepRetried("a", None, "cut off", 1.0, 1),
        StepStreamed("a", None, "faulty"),
        StepRepaired("a", None, "no JSON", 1),
        StepStreamed("a", None, "right\n"),
    ]
    assert told(events, streams_text=True) == (
        "a | broken\n"
        "retry     a  cut off, again in 1.0 s\n"
        "a | faulty\n"
        "repair    a  no JSON\n"
        "a | right\n"
    )


def test_a_line_without_end_is_broken() -> None:
    found = told([StepStreamed("a", None, "x" * 9_000)], streams_text=True)
    assert [len(line) for line in found.splitlines()] == [4_004, 4_004, 1_004]


def test_a_storm_of_retries_is_only_counted() -> None:
    events: list[Event] = [StepRetried("a", n, "429", 1.0, 1) for n in range(300)]
    lines = told([*events, StepFinished("a", None, "done", 2.0, 1.0)]).splitlines()
    assert len(lines) == 11
    assert lines[9] == (
        "retry     a[9]  429, again in 1.0 s; further retries of this step are only counted"
    )
    assert lines[10] == "done      a  1.0 s  300 retries"


def test_a_run_that_ignored_a_failure_is_partial() -> None:
    events: list[Event] = [
        RunStarted("r", "p", ("a",), 1.0),
        StepFinished("a", None, "ignored", 2.0, 1.0, reason="no"),
        RunFinished("r", "done", True, 2.0, 1.0),
    ]
    assert told(events).endswith("partial: 1 of 1 step in 1.0 s, 1 ignored\n")


def test_nothing_is_obeyed_by_a_terminal() -> None:
    bad = "\x1b]0;x\x07[b]\r\x1b[2J"
    events: list[Event] = [
        RunStarted("r", bad, (bad,), 1.0),
        StepStreamed(bad, None, bad + "\n" + bad),
        StepRetried(bad, None, bad, 1.0, 1),
        StepRepaired(bad, None, bad, 1),
        StepFinished(bad, None, "failed", 2.0, 1.0, bad, reason=bad),
        StepFinished(bad, None, "skipped", 2.0, 1.0, bad, reason=bad),
        OutputWritten(bad, bad, 1),
    ]
    assert all(char.isprintable() or char == "\n" for char in told(events, streams_text=True))


def test_what_a_stream_cannot_spell_is_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Plain(stream)(RunStarted("r", "Grüße", (), 1.0))
    assert raw.getvalue() == b"Gr\\xfc\\xdfe: 0 steps\n"


def test_a_stream_that_is_gone_does_not_end_the_run() -> None:
    stream = io.StringIO()
    report = Plain(stream)
    stream.close()
    for event in WHOLE:
        report(event)


def test_plain_lines_do_without_rich() -> None:
    code = "import sys, flowrun.reports.plain, flowrun.reports.record; print('rich' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_step_that_is_run_once_inside_another_has_its_line() -> None:
    assert told([started("review"), *USES, ENDED]) == (
        "kitchen: 1 step\n"
        "done      review.read  local/small  1.0 s  10 tokens  $0.0100\n"
        "done      review.judge  local/small  1.0 s  10 tokens  $0.0100\n"
        "done      review                     2.0 s  20 tokens  $0.0200\n"
        "done: 1 of 1 step in 5.0 s, 20 tokens, $0.0200\n"
    )


def test_steps_that_are_run_many_times_are_told_by_what_holds_them() -> None:
    assert told([started("recipes", "better"), *BLOCK, *ROUNDS, ENDED]) == (
        "kitchen: 2 steps\n"
        "done      recipes  2/2 items  2.0 s  50 tokens  $0.0500\n"
        "round     better   1: Fresh\n"
        "round     better   2: Fresher\n"
        "done      better   2.0 s  20 tokens  $0.0200\n"
        "done: 2 of 2 steps in 5.0 s, 70 tokens, $0.0700\n"
    )


def test_calls_and_results_of_tools_are_told() -> None:
    kept = ToolFinished("clerk", None, "docs", False, True, 0.0, 102.0, "two\npages")
    assert told([started("clerk"), *TOOLS[:-1], kept, TOOLS[-1]]) == (
        "kitchen: 1 step\n"
        'calls     clerk  search  {"q": "lamp"}\n'
        'calls     clerk  review  {"text": "lamp"}\n'
        "result    clerk  search  1.0 s  [three]\n"
        "result    clerk  review  1.0 s  {verdict: good}\n"
        'calls     clerk  search  {"q": 3}\n'
        "result    clerk  search  0.0 s  failed: q must be text\n"
        "kept      clerk  docs  two pages\n"
        "done      clerk  local/small  2.0 s  30 tokens  $0.0300\n"
    )


def test_tools_and_rounds_of_items_are_not_told() -> None:
    events: list[Event] = [
        ToolStarted("rows", 3, "search", "{}", 1.0),
        ToolFinished("rows", 3, "search", False, False, 0.0, 1.0),
        StepRound("rows", 3, 1, False, 1.0),
        ToolStarted("a.b", None, "search", "{}", 1.0, (0,)),
        StepRound("a.b", None, 1, False, 1.0, within=(0,)),
    ]
    assert told(events) == ""


def test_failures_inside_are_always_told_and_each_reason_once() -> None:
    events = [
        *asked("recipes.draft", (1,), status="failed", reason="no JSON:\n  line 1"),
        summed("recipes", 1, 1, status="failed", reason='step "draft" failed: no JSON:\n  line 1'),
        summed("recipes", 1, status="failed", reason='1 of 3 items failed; item 2: step "draft"'),
    ]
    assert told(events, quiet=True) == (
        "failed    recipes.draft[1]  local/small  1.0 s  10 tokens  $0.0100\n"
        "          no JSON:\n"
        "            line 1\n"
        "failed    recipes[1]                     2.0 s  10 tokens  $0.0100\n"
        '          step "draft" failed\n'
        "failed    recipes                        2.0 s  10 tokens  $0.0100\n"
        '          1 of 3 items failed; item 2: step "draft"\n'
    )


def test_what_went_on_though_it_fell_short_is_said_below_the_step_at_the_top() -> None:
    reason = "after 2 rounds it still does not hold that round == 9"
    once: list[Event] = [started("never"), summed("never", 2, reason=reason)]
    assert told(once).splitlines()[1:] == [
        "done      never  local/small  2.0 s  20 tokens  $0.0200",
        f"          {reason}",
    ]
    many: list[Event] = [
        *(asked("a.never", (0,), reason=reason)),
        *(asked("a.never", (1,))),
        summed("a", 2),
    ]
    assert told(many) == (
        f"done      a  2.0 s  20 tokens  $0.0200\n          a.never: 1 of 2 times: {reason}\n"
    )


def test_streamed_text_inside_stands_behind_its_place() -> None:
    events: list[Event] = [
        StepStreamed("a.b", None, "x", (0,)),
        StepStreamed("a.b", None, "y", (1,)),
        ToolStarted("a.b", None, "search", "{}", 1.0, (0,)),
    ]
    assert told(events, streams_text=True) == "a.b[0] | x\na.b[1] | y\n"
