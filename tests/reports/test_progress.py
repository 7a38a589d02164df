from __future__ import annotations

from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.reports.activity import Note
from flowrun.reports.progress import Progress
from flowrun.reports.tally import Tally
from flowrun.reports.troubles import Trouble
from flowrun.run.events import (
    RunStarted,
    StepFinished,
    StepRetried,
    StepStarted,
    StepStreamed,
)
from tests.reports.scene import BEGUN, HALF, WHOLE, progress_after


def test_nothing_has_happened_at_first() -> None:
    assert (Progress().ended, Progress().share) == (0, 0.0)


def test_a_run_that_has_begun_knows_its_steps() -> None:
    progress = progress_after(BEGUN)
    assert list(progress.steps) == ["brief", "hero", "titles", "page", "extra"]
    assert list(progress.running) == ["brief"]
    assert progress.counts == {"waiting": 4, "running": 1}


def test_streamed_text_is_kept_while_its_call_runs() -> None:
    assert progress_after(BEGUN).texts == {("brief", None): "A solar lamp\nthat shines"}
    assert progress_after([*BEGUN, *HALF]).texts == {}


def test_streamed_text_is_not_kept_unasked() -> None:
    assert progress_after(BEGUN, keeps_text=False).texts == {}


def test_only_the_end_of_a_long_text_is_kept() -> None:
    progress = progress_after(
        [StepStreamed("a", None, "x" * 10_000), StepStreamed("a", None, "end")]
    )
    assert len(progress.texts["a", None]) == 4_000
    assert progress.texts["a", None].endswith("xend")


def test_a_retry_begins_the_text_again() -> None:
    retry = StepRetried("brief", None, "cut off", 1.0, 1)
    assert progress_after([*BEGUN, retry]).texts == {("brief", None): ""}


def test_items_count_as_parts_of_a_step() -> None:
    progress = progress_after([*BEGUN, *HALF])
    titles = progress.steps["titles"]
    assert (titles.items, titles.items_ended, titles.state) == (4, 2, "running")
    assert progress.ended == 1
    assert progress.share == (1 + 2 / 4) / 5


def test_a_retry_is_noted_until_its_item_ends() -> None:
    progress = progress_after([*BEGUN, *HALF])
    titles = progress.steps["titles"]
    assert titles.note == Note(1, "429 too many requests", 106.0)
    assert progress.steps["hero"].note == Note(None, "the reply is no JSON", None)
    progress.apply(StepFinished("titles", 1, "done", 104.0, 2.0), 104.0)
    assert titles.note is None
    assert titles.retries == 1


def test_totals_hold_what_items_spent_once() -> None:
    step = StepFinished("titles", None, "done", 105.0, 3.0, "m", Usage(30, 0, 0, 9), Decimal("0.5"))
    progress = progress_after([*BEGUN, *HALF, step])
    assert progress.steps["titles"].tally == Tally(39, None, True, 1)
    assert progress.tally == Tally(312 + 39, Decimal("0.0004"), True, 1)


def test_troubles_keep_their_order_and_reasons() -> None:
    assert progress_after(WHOLE).troubles.found == [
        Trouble("titles", 1, "failed", "429 too many requests"),
        Trouble("titles", 3, "ignored", "no text"),
        Trouble("titles", None, "failed", "1 of 4 items failed"),
        Trouble("page", None, "skipped", 'needs "titles", which failed'),
        Trouble("extra", None, "ignored", "no JSON:\n  line 1"),
    ]


def test_a_finished_run_has_no_running_steps() -> None:
    progress = progress_after(WHOLE)
    assert (progress.ended, progress.share, list(progress.running)) == (5, 1.0, [])
    assert [step.name for step in progress.recent] == ["brief", "hero", "titles", "page", "extra"]
    assert [output.name for output in progress.outputs] == ["hero", "brief"]
    assert progress.finished is not None


def test_steps_nobody_announced_are_taken_in() -> None:
    progress = progress_after([StepStarted("late", None, None, 1.0)])
    assert progress.steps["late"].state == "running"
    assert progress.counts["running"] == 1


def test_a_wide_name_is_measured_in_columns() -> None:
    assert progress_after([RunStarted("r", "p", ("ab", "自転車"), 1.0)]).name_width == 6
