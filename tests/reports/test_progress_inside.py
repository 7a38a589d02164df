"""What a run comes to whose steps stand inside others, and whose models call tools."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.reports.tally import Tally
from flowrun.reports.troubles import Trouble
from flowrun.run.events import (
    Event,
    StepFinished,
    StepStarted,
    StepStreamed,
    ToolFinished,
    ToolStarted,
)
from tests.reports.inner_scene import BLOCK, ROUNDS, TOOLS, USES, asked, started, summed
from tests.reports.scene import MODEL, progress_after


def test_what_is_inside_stands_below_what_holds_it_however_it_comes() -> None:
    names = [
        row.title for row in progress_after([started("recipes", "clerk"), *BLOCK, *TOOLS]).rows()
    ]
    assert names == [
        *("recipes", "  draft", "  spices"),
        *("clerk", "  search", "  review", "    read"),
    ]


def test_a_row_inside_is_one_for_all_items() -> None:
    progress = progress_after(BLOCK)
    draft, spices = progress.row("recipes.draft"), progress.row("recipes.spices")
    assert (draft.state, draft.times, draft.items, draft.tally.tokens) == ("done", 2, None, 20)
    assert (spices.state, spices.items, spices.items_ended, spices.times) == ("done", 3, 3, 2)
    assert progress.row("recipes").items_ended == 2
    assert (progress.most_items, progress.most_times) == (3, 2)


@pytest.mark.parametrize(
    ("events", "answers"),
    [(BLOCK, 5), (ROUNDS, 2), (USES, 2), (TOOLS, 3)],
    ids=["foreach", "rounds", "uses", "tools"],
)
def test_every_answer_is_counted_once(events: list[Event], answers: int) -> None:
    expected = Tally(10 * answers, answers * Decimal("0.01"))
    progress = progress_after(events)
    (top,) = progress.steps.values()
    assert (progress.tally, top.tally) == (expected, expected)


def test_an_answer_inside_is_counted_where_it_was_given_too() -> None:
    progress = progress_after(TOOLS)
    assert progress.row("clerk.review.read").tally.tokens == 10
    assert progress.row("clerk.review").tally.tokens == 10
    assert progress.row("clerk.search").tally.tokens == 0


def test_a_pipeline_that_a_step_calls_counts_for_it() -> None:
    events: list[Event] = [
        StepStarted("look", None, None, 101.0),
        ToolStarted("look", None, "review", "{}", 101.0),
        *asked("look.review.read"),
        ToolFinished("look", None, "review", False, False, 1.0, 102.0, "good"),
        summed("look", 1),
    ]
    progress = progress_after(events)
    assert progress.tally.tokens == progress.row("look").tally.tokens == 10
    assert [row.title for row in progress.rows()] == ["look", "  review.read"]
    assert progress.row("look").model == "review"


def test_cached_answers_inside_are_counted_once() -> None:
    events = [*asked("a.b", status="cached"), summed("a", 0, status="cached")]
    assert progress_after(events).tally == Tally(cached=1)


def test_a_tool_has_a_row_below_the_step_that_asks() -> None:
    progress = progress_after(TOOLS)
    search, review = progress.row("clerk.search"), progress.row("clerk.review")
    assert (search.state, search.times, search.preview) == ("ignored", 2, "q must be text")
    assert (review.state, review.times, review.preview) == ("done", 1, "{verdict: good}")
    assert progress_after(TOOLS[:3]).row("clerk").preview == 'review {"text": "lamp"}'
    assert progress_after(TOOLS[:6]).row("clerk").preview == "search: [three]"


def test_a_step_that_only_calls_a_tool_is_that_tools_row() -> None:
    events: list[Event] = [
        StepStarted("log", None, None, 101.0),
        ToolStarted("log", None, "git", '{"n": 3}', 101.0),
    ]
    progress = progress_after(events)
    (log,) = progress.rows()
    assert (log.model, log.preview) == ("git", '{"n": 3}')
    progress.apply(ToolFinished("log", None, "git", False, True, 0.0, 101.0, "three"), 101.0)
    assert log.preview == "three"


def test_a_kept_result_shows_as_cached() -> None:
    events = [TOOLS[0], TOOLS[1]]
    events += [ToolFinished("clerk", None, "search", False, True, 0.0, 102.0, "[three]")]
    assert progress_after(events).row("clerk.search").state == "cached"


def test_tools_that_a_model_makes_up_have_one_row_together() -> None:
    events = [TOOLS[0]]
    for number in range(200):
        events.append(ToolStarted("clerk", None, f"made.up.{number}", "{}", 101.0))
        events.append(
            ToolFinished("clerk", None, f"made.up.{number}", True, False, 0.0, 101.0, "no")
        )
    rows = progress_after(events).rows()
    assert len(rows) == 1 + 51
    assert (rows[-1].title, rows[-1].times) == ("  …", 150)


def test_a_call_that_was_given_up_runs_no_more() -> None:
    events = [*TOOLS[:3], summed("clerk", 1, status="failed", reason="took longer than 1 s")]
    progress = progress_after(events)
    assert {row.state for row in progress.rows()[1:]} == {"cancelled"}


def test_a_call_of_one_item_that_was_given_up_leaves_those_of_others() -> None:
    events: list[Event] = [StepStarted("clerk", item, MODEL, 101.0) for item in (0, 1)]
    events += [ToolStarted("clerk", item, "search", "{}", 101.0) for item in (0, 1)]
    events += [StepFinished("clerk", 0, "failed", 102.0, 1.0)]
    assert progress_after(events).row("clerk.search").state == "running"


def test_nothing_inside_a_step_that_ended_runs() -> None:
    events: list[Event] = [
        StepStarted("a", None, None, 101.0),
        StepStarted("a.b", None, None, 101.0),
        StepStarted("a.b.c", None, MODEL, 101.0),
        StepFinished("a", None, "failed", 102.0, 1.0, reason="took longer than 1 s"),
    ]
    assert [row.state for row in progress_after(events).rows()] == [
        "failed",
        "cancelled",
        "cancelled",
    ]


def test_rounds_are_counted_and_the_last_is_told() -> None:
    progress = progress_after(ROUNDS[:-1])
    better = progress.row("better")
    assert (better.rounds, better.preview) == (2, "round 2: Fresher")
    assert progress.most_times == 2


def test_failures_inside_are_named_by_their_way_and_place() -> None:
    inner = asked("recipes.draft", (3,), status="failed", reason="no JSON")
    item = summed("recipes", 1, 3, status="failed", reason='step "draft" failed: no JSON')
    progress = progress_after([*inner, item])
    assert progress.troubles.found == [
        Trouble("recipes.draft[3]", None, "failed", "no JSON"),
        Trouble("recipes", 3, "failed", 'step "draft" failed'),
    ]


def test_skipped_steps_inside_are_no_trouble() -> None:
    event = StepFinished("a.b", None, "skipped", 1.0, 0.0, reason="its `if` is false")
    progress = progress_after([event])
    assert progress.troubles.found == []
    assert progress.row("a.b").state == "skipped"


def test_what_went_on_though_it_fell_short_is_noted() -> None:
    reason = "after 2 rounds it still does not hold that round == 9"
    progress = progress_after([summed("a", 2, reason=reason)])
    assert (progress.row("a").unmet, progress.row("a").fell_short) == (1, reason)
    assert progress.troubles.found == []


def test_a_step_whose_holder_nobody_announced_is_taken_in() -> None:
    progress = progress_after([StepStarted("a.b.c", None, None, 1.0)])
    assert [row.title for row in progress.rows()] == ["a", "  b.c"]
    assert progress.height == 2


def test_streamed_text_inside_is_told_apart_by_its_place() -> None:
    streamed = [StepStreamed("a.b", None, text, within) for text, within in
                (("x", (0,)), ("y", (1,)), ("z", (0,)))]  # fmt: skip
    assert progress_after(streamed).texts == {("a.b[0]", None): "xz", ("a.b[1]", None): "y"}


def test_what_a_model_said_before_it_called_a_tool_is_done_with() -> None:
    events: list[Event] = [
        StepStarted("clerk", None, MODEL, 101.0),
        StepStreamed("clerk", None, "I look it up."),
        ToolStarted("clerk", None, "search", "{}", 101.0),
    ]
    assert progress_after(events).texts == {}
