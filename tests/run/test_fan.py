"""foreach: the items, their order, and what becomes of a step whose items fare differently."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Usage
from flowrun.errors import StepError, Unavailable
from flowrun.providers.fake import Answer
from flowrun.run import fan
from flowrun.run.events import StepExpanded
from flowrun.run.fan import Fan, elements
from flowrun.run.job import Outcome
from tests.support.running import Models, Stage, picture, plan_of, price, run, said

FAILING = """
defaults: {{retry: 0}}
steps:
  a:
    foreach: "['one', 'bad', 'three', 'four']"
    prompt: "{{{{ item }}}}"
    {more}
  after: {{value: "{{{{ a }}}}"}}
"""


def failing(request: ChatRequest) -> Answer:
    return Unavailable("down") if said(request) == "bad" else said(request)


def test_the_output_is_a_list_in_the_inputs_order() -> None:
    found = run("""
    inputs: {words: {type: array}}
    steps: {a: {foreach: inputs.words, as: word, prompt: "say {{ word }}"}}
    """, words=["c", "a", "b"])  # fmt: skip
    assert found.value("a") == ["say c", "say a", "say b"]


def test_the_loop_variable_is_item_and_loop_is_as_in_jinja() -> None:
    found = run("""
    steps:
      a:
        foreach: "['x', 'y']"
        value:
          - "{{ item }}"
          - "{{ loop.index }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }}"
          - "{{ [loop.first, loop.last, loop.length] }}"
    """)
    assert found.value("a") == [
        ["x", "1 0 2 1", [True, False, 2]],
        ["y", "2 1 1 0", [False, True, 2]],
    ]


def test_a_mapping_gives_every_combination_with_the_last_name_fastest() -> None:
    found = run("""
    inputs: {sizes: {type: array}}
    steps:
      a:
        foreach: {size: inputs.sizes, colour: "['red', 'blue']"}
        value: "{{ loop.index }} {{ size }} {{ colour }}"
    """, sizes=["S", "L"])  # fmt: skip
    assert found.value("a") == ["1 S red", "2 S blue", "3 L red", "4 L blue"]


def test_a_later_name_sees_the_earlier_ones() -> None:
    found = run("""
    steps: {a: {foreach: {n: "[1, 2]", m: "range(n) | list"}, value: "{{ n }}{{ m }}"}}
    """)
    assert found.value("a") == ["10", "20", "21"]


@pytest.mark.parametrize("source", ['"[]"', "{n: '[1, 2]', m: '[]'}"])
def test_an_empty_list_gives_an_empty_list_and_asks_nothing(source: str) -> None:
    found = run(f"steps: {{a: {{foreach: {source}, prompt: hi}}, b: {{value: '{{{{ a }}}}'}}}}")
    assert found.value("a") == found.value("b") == []
    assert found.prompts == []
    assert [each.items for each in found.of(StepExpanded)] == [0]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        ("text", "text"),
        (3, "a number"),
        (2.5, "a number"),
        (True, "true or false"),
        ({"a": 1}, "an object; write .items() for its pairs, | list for its keys"),
        (picture(), "an image"),
    ],
)
def test_what_is_no_list_fails_the_step(value: object, kind: str) -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {foreach: inputs.x, value: 1}, b: {value: 2}}
    """, x=value)  # fmt: skip
    assert found.statuses == {"a": "failed", "b": "done"}
    assert found.reason("a") == f"foreach needs a list, and inputs.x is {kind}"


def test_an_ignored_foreach_that_has_no_list_is_null() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {foreach: inputs.x, value: 1, on_error: ignore}, b: {value: "{{ a is none }}"}}
    """, x=3)  # fmt: skip
    assert found.status("a") == "ignored"
    assert found.value("b") is True


def test_a_range_and_a_tuple_are_lists() -> None:
    found = run("""
    inputs: {x: {}}
    steps:
      a: {foreach: "range(2)", value: "{{ item }}"}
      b: {foreach: inputs.x, value: "{{ item }}"}
    """, x=(1, 2))  # fmt: skip
    assert (found.value("a"), found.value("b")) == ([0, 1], [1, 2])


def test_too_many_items_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan, "MOST_ITEMS", 50)
    task = plan_of("""
    steps: {a: {foreach: {n: "range(40)", m: "range(40)", o: "range(40)"}, value: 1}}
    """).tasks[0]  # fmt: skip
    with pytest.raises(StepError, match=r"\Aforeach gives more than 50 items\Z"):
        elements(task.loops, {})


# Items that fare differently


def test_a_skipped_item_is_null_and_keeps_its_place() -> None:
    found = run("""
    steps: {a: {foreach: "[1, 2, 3]", if: "item != 2", prompt: "{{ item }}"}}
    """)
    assert found.value("a") == ["1", None, "3"]
    assert found.status("a") == "done"
    assert found.items("a")[1] == (1, "skipped", "its `if` does not hold: item != 2")


def test_a_step_whose_items_are_all_skipped_is_a_list_of_nulls() -> None:
    found = run("steps: {a: {foreach: '[1, 2]', if: false, prompt: hi}}")
    assert (found.status("a"), found.value("a")) == ("done", [None, None])


def test_kept_items_beside_skipped_ones_make_a_cached_step() -> None:
    stage = Stage()
    source = "steps: {a: {foreach: '[1, 2]', if: 'item > 1', prompt: '{{ item }}'}}"
    assert [stage.run(source).status("a") for _ in range(2)] == ["done", "cached"]


def test_an_ignored_item_is_null_and_the_step_partial() -> None:
    found = run(FAILING.format(more="on_error: ignore"), failing)
    assert found.value("after") == ["one", None, "three", "four"]
    assert found.status("a") == "ignored"
    assert found.reason("a") == "1 of 4 items failed; item 2: down"
    assert (found.result.status, found.result.partial) == ("done", True)


def test_a_failed_item_fails_the_step_and_starts_no_more() -> None:
    found = Stage(models=Models(failing), concurrency=1).run(FAILING.format(more=""))
    assert found.prompts == ["one", "bad"]
    assert found.statuses == {"a": "failed", "after": "skipped"}
    assert found.reason("a") == (
        "1 of 4 items failed; item 2: down (2 were not started: --keep-going starts all)"
    )


def test_keep_going_tries_every_item() -> None:
    stage = Stage(models=Models(failing), concurrency=1, keep_going=True)
    found = stage.run(FAILING.format(more=""))
    assert found.prompts == ["one", "bad", "three", "four"]
    assert found.reason("a") == "1 of 4 items failed; item 2: down"
    assert [status for _, status, _ in found.items("a")] == ["done", "failed", "done", "done"]


def test_a_failing_value_item_drops_the_rest_too() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {foreach: inputs.x, value: "{{ 1 / item }}"}}
    """, x=[1, 0, 2])  # fmt: skip
    assert found.status("a") == "failed"
    assert "(1 were not started: --keep-going starts all)" in found.reason("a")


def test_the_last_item_that_fails_leaves_nothing_to_be_started() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {foreach: inputs.x, value: "{{ 1 / item }}"}}
    """, x=[1, 2, 0])  # fmt: skip
    assert found.reason("a").startswith("1 of 3 items failed; item 3: ")
    assert "started" not in found.reason("a")


def test_an_if_that_cannot_be_evaluated_fails_its_item_only() -> None:
    found = Stage(keep_going=True).run("""
    inputs: {x: {}}
    steps: {a: {foreach: inputs.x, if: "1 / item > 0", value: "{{ item }}"}}
    """, x=[1, 0])  # fmt: skip
    assert [status for _, status, _ in found.items("a")] == ["done", "failed"]


# What a step adds up


def outcome(*outcomes: Outcome) -> Outcome:
    """What comes of a foreach of these."""
    source = f"steps: {{a: {{foreach: 'range({len(outcomes)})', prompt: hi}}}}"
    task = plan_of(source).tasks[0]
    found = Fan(task, {}, elements(task.loops, {}))
    for each in outcomes:
        found.settle(found.next_job(), each)
    assert found.is_over
    return found.outcome()


def test_usage_and_cost_are_added_up() -> None:
    usage = Usage(input_tokens=1, output_tokens=2)
    found = outcome(*[Outcome("done", 1, model="m", usage=usage, cost_usd=Decimal(2))] * 3)
    assert found.usage == Usage(input_tokens=3, output_tokens=6)
    assert (found.cost_usd, found.model) == (Decimal(6), "m")


@pytest.mark.parametrize(
    "costs", [[Decimal(1), None], [None, Decimal(1)], [None, None]], ids=["last", "first", "both"]
)
def test_a_cost_of_which_a_part_is_unknown_is_unknown(costs: Sequence[Decimal | None]) -> None:
    assert outcome(*[Outcome("done", model="m", cost_usd=each) for each in costs]).cost_usd is None


def test_the_cost_of_a_run_is_that_of_its_items() -> None:
    models = Models(prices={"dear": price("1000000")})
    source = "steps: {a: {foreach: '[1, 2]', prompt: '{{ item }}', model: dear}}"
    stage = Stage(models=models)
    assert stage.run(source).result.cost_usd == Decimal(4)
    assert stage.run(source).result.cost_usd == 0


@pytest.mark.parametrize(
    ("statuses", "status", "reason"),
    [
        ([], "done", ""),
        (["cached", "cached"], "cached", ""),
        (["cached", "skipped"], "cached", ""),
        (["cached", "done"], "done", ""),
        (["skipped"], "done", ""),
        (["ignored", "done"], "ignored", "1 of 2 items failed; item 1: because"),
        (["cancelled", "done", "ignored"], "cancelled", "because"),
        (["done", "cancelled", "failed"], "failed", "1 of 3 items failed; item 3: because"),
    ],
)
def test_the_status_of_a_step_is_that_of_its_worst_item(
    statuses: list[str], status: str, reason: str
) -> None:
    found = outcome(*[Outcome(each, reason="because") for each in statuses])  # type: ignore[arg-type]  # texts of the closed set
    assert (found.status, found.reason) == (status, reason)


def test_a_task_that_was_never_started_is_cancelled() -> None:
    found = Fan(plan_of("steps: {a: {prompt: hi}}").tasks[0], {}, None)
    found.close("the run was stopped")
    assert found.is_over
    ended = found.outcome()
    assert (ended.status, ended.reason, ended.value) == ("cancelled", "the run was stopped", None)


def test_an_item_keeps_little_memory() -> None:
    task = plan_of("steps: {a: {foreach: 'range(20000)', value: '{{ item }}'}}").tasks[0]
    tracemalloc.start()
    try:
        waiting = Fan(task, {}, elements(task.loops, {}))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert waiting.left == 20_000
    assert size / 20_000 < 400
