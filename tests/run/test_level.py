"""Steps inside blocks: what they see, what waits for what, and what is skipped."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer
from flowrun.run.events import StepExpanded, StepFinished, StepStarted
from tests.support.running import Models, Run, Stage, run, said


def failing(request: ChatRequest) -> Answer:
    return Unavailable("down") if "bad" in said(request) else said(request)


def fragile(source: str, *, keep_going: bool = False, **inputs: object) -> Run:
    """A run in which what says "bad" fails."""
    stage = Stage(models=Models(failing), keep_going=keep_going)
    return stage.run(f"defaults: {{retry: 0}}\n{dedent(source)}", **inputs)


def test_a_block_sees_outer_steps_and_its_own() -> None:
    found = run("""
    inputs: {word: {type: string}}
    steps:
      outer: {prompt: "outer {{ inputs.word }}"}
      block:
        steps:
          second: {prompt: "second {{ first }} {{ inputs.word }}"}
          first: {prompt: "first {{ outer }}"}
    """, word="w")  # fmt: skip
    assert found.value("block") == {
        "second": "second first outer w w",
        "first": "first outer w",
    }


def test_steps_inside_see_loop_variables_at_any_depth() -> None:
    found = run("""
    steps:
      a:
        foreach: "['x', 'y']"
        as: letter
        steps:
          b:
            foreach: "[1, 2]"
            as: number
            steps:
              c: {value: "{{ letter }}{{ number }}.{{ loop.index }}"}
            output: "{{ c }}"
        output: "{{ b }}"
    """)
    assert found.value("a") == [["x1.1", "x2.2"], ["y1.1", "y2.2"]]


def test_a_product_is_nested_as_well() -> None:
    found = run("""
    steps:
      a:
        foreach: {one: "[1, 2]", two: "['x', 'y']"}
        steps:
          b: {foreach: "range(one) | list", value: "{{ two }}{{ item }}"}
        output: "{{ b }}"
    """)
    assert found.value("a") == [["x0"], ["y0"], ["x0", "x1"], ["y0", "y1"]]


def test_facts_of_steps_are_read_inside_and_from_inside() -> None:
    found = run("""
    steps:
      outer: {prompt: outer, model: one}
      block:
        steps:
          inner: {prompt: inner, model: two}
          facts: {value: ["{{ run.outer.model }}", "{{ run.inner.model }}"]}
        output: "{{ facts }}"
    """)
    assert found.value("block") == ["scripted/one", "scripted/two"]


def test_events_name_a_step_by_its_way_and_count_the_items_around_it() -> None:
    found = run("""
    steps:
      a:
        foreach: "[1, 2]"
        steps:
          b:
            foreach: "[1]"
            steps: {c: {value: 1}}
    """)
    kinds = (StepStarted, StepExpanded, StepFinished)
    told = [
        (
            type(each).__name__.removeprefix("Step"),
            each.step,
            getattr(each, "item", ""),
            each.within,
        )
        for each in found.events
        if isinstance(each, kinds)
    ]
    inside = [
        [
            ("Started", "a", item, ()),
            ("Started", "a.b", None, (item,)),
            ("Expanded", "a.b", "", (item,)),
            ("Started", "a.b", 0, (item,)),
            ("Started", "a.b.c", None, (item, 0)),
            ("Finished", "a.b.c", None, (item, 0)),
            ("Finished", "a.b", 0, (item,)),
            ("Finished", "a.b", None, (item,)),
            ("Finished", "a", item, ()),
        ]
        for item in (0, 1)
    ]
    first = [("Started", "a", None, ()), ("Expanded", "a", "", ())]
    assert told == [*first, *inside[0], *inside[1], ("Finished", "a", None, ())]


# Skipped steps


def test_an_inner_step_that_needs_a_skipped_outer_value_is_skipped() -> None:
    found = run("""
    steps:
      off: {prompt: off, if: "1 > 2"}
      block:
        steps:
          needs: {prompt: "{{ off }}"}
          after: {prompt: "{{ needs }}"}
          joins: {value: "{{ off or 'none' }}"}
          waits: {value: 1, needs: [off]}
          deep: {steps: {deeper: {value: "{{ off }}"}, also: {value: 2}}}
    """)
    assert found.value("block") == {
        "needs": None,
        "after": None,
        "joins": "none",
        "waits": 1,
        "deep": {"deeper": None, "also": 2},
    }
    reasons = {each.step: each.reason for each in found.of(StepFinished)}
    assert reasons["block.needs"] == 'needs "off", which was skipped'
    assert reasons["block.after"] == 'needs "needs", which was skipped'
    assert reasons["block.deep.deeper"] == 'needs "off", which was skipped'


def test_branches_inside_a_block_are_joined_with_or() -> None:
    found = run("""
    steps:
      block:
        foreach: "['refund', 'exchange']"
        as: wish
        steps:
          refund: {prompt: "refund it", if: "wish == 'refund'"}
          exchange: {prompt: "exchange it", if: "wish == 'exchange'"}
          answer: {value: "{{ refund or exchange }}"}
        output: "{{ answer }}"
    """)
    assert found.value("block") == ["refund it", "exchange it"]
    assert found.prompts == ["refund it", "exchange it"]


def test_the_if_of_a_block_is_asked_for_each_item() -> None:
    found = run("""
    steps:
      a:
        foreach: "[1, 2, 3]"
        if: "item != 2"
        steps: {b: {value: "{{ item }}"}}
        output: "{{ b }}"
    """)
    assert found.value("a") == [1, None, 3]
    assert found.items("a")[1] == (1, "skipped", "its `if` does not hold: item != 2")


def test_a_block_whose_foreach_is_empty_is_an_empty_list() -> None:
    found = run("steps: {a: {foreach: '[]', steps: {b: {prompt: hi}}}}")
    assert (found.value("a"), found.prompts) == ([], [])


def test_a_foreach_inside_that_gives_no_list_fails_its_step() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {steps: {b: {foreach: inputs.x, value: 1}}}}
    """, x=3)  # fmt: skip
    assert found.reason("a") == 'step "b" failed: foreach needs a list, and inputs.x is a number'


# Failing


def test_branches_inside_that_do_not_need_a_failed_step_finish() -> None:
    found = fragile("""
    steps:
      a:
        steps:
          bad: {prompt: bad}
          after: {prompt: "{{ bad }}"}
          good: {prompt: good}
          better: {prompt: "{{ good }} too"}
      b: {prompt: "{{ a }}"}
    """)
    assert found.statuses == {"a": "failed", "b": "skipped"}
    assert found.reason("a") == 'step "bad" failed: down'
    inner = {each.step: each.status for each in found.of(StepFinished)}
    assert inner["a.after"] == "skipped"
    assert inner["a.better"] == "done"


BOOK = """
steps:
  book:
    foreach: "['one', 'bad', 'three', 'four']"
    {more}
    steps:
      draft: {{prompt: "draft {{{{ item }}}}"}}
      final: {{prompt: "final {{{{ draft }}}}"}}
    output: "{{{{ final }}}}"
"""


def test_a_failed_item_opens_no_further_ones() -> None:
    stage = Stage(models=Models(failing), concurrency=1)
    found = stage.run("defaults: {retry: 0}\n" + BOOK.format(more=""))
    assert found.prompts == ["draft one", "final draft one", "draft bad"]
    assert found.reason("book") == (
        '1 of 4 items failed; item 2: step "draft" failed: down '
        "(2 were not started: --keep-going starts all)"
    )


def test_what_is_under_way_finishes_when_an_item_fails_and_nothing_else_is_started() -> None:
    found = fragile(BOOK.format(more=""))
    started = ["draft bad", "draft four", "draft one", "draft three", "final draft one"]
    assert sorted(found.prompts) == started
    statuses = {item: (status, reason) for item, status, reason in found.items("book")}
    assert statuses[1] == ("failed", 'step "draft" failed: down')
    later = {status for item, (status, _) in statuses.items() if item > 1}
    assert later == {"cancelled"}
    assert statuses[3][1] == "--keep-going starts all"
    assert found.reason("book") == '1 of 4 items failed; item 2: step "draft" failed: down'


def test_keep_going_opens_every_item_and_finishes_it() -> None:
    found = fragile(BOOK.format(more=""), keep_going=True)
    assert [status for _, status, _ in found.items("book")] == ["done", "failed", "done", "done"]


def test_an_item_whose_failure_is_ignored_is_null() -> None:
    found = fragile(BOOK.format(more="on_error: ignore"))
    assert found.value("book") == [
        "final draft one",
        None,
        "final draft three",
        "final draft four",
    ]
    assert found.status("book") == "ignored"
    assert found.result.partial


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_failure_deep_inside_is_told_with_its_way(keep_going: bool) -> None:
    source = "steps: {a: {steps: {b: {foreach: '[1]', steps: {c: {prompt: bad}}}}}}"
    found = fragile(source, keep_going=keep_going)
    assert found.reason("a") == (
        'step "b" failed: 1 of 1 items failed; item 1: step "c" failed: down'
    )


def test_a_failure_ignored_inside_lets_the_block_go_on() -> None:
    found = fragile("""
    steps:
      a:
        steps:
          b: {prompt: bad, on_error: ignore}
          c: {value: "{{ b is none }}"}
      after: {value: "{{ a.c }}"}
    """)
    assert found.statuses == {"a": "ignored", "after": "done"}
    assert found.value("a") == {"b": None, "c": True}
    assert found.reason("a") == 'step "b" failed: down'
    assert (found.result.status, found.result.partial) == ("done", True)


def test_a_foreach_that_fails_beside_others_is_settled_once() -> None:
    found = run("""
    inputs: {x: {}}
    steps:
      a: {foreach: inputs.x, value: "{{ 1 / item }}"}
      b: {prompt: b}
    """, x=[1, 0, 2])  # fmt: skip
    ended = [each.step for each in found.of(StepFinished) if each.item is None]
    assert sorted(ended) == ["a", "b"]
