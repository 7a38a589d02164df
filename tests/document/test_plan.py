"""The order of steps, loops that forbid one, and plans of a part of the steps."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from flowrun.document.edges import Edge
from flowrun.document.plan import Plan, order
from flowrun.errors import UsageError
from tests.document.checking import plan

DIAMOND = """
steps:
  last: {value: "{{ left }} {{ right }}"}
  left: {value: "{{ first }}"}
  right: {value: "{{ first }}"}
  first: {value: 1}
  alone: {value: 2}
outputs:
  all: "{{ last }}"
  part: "{{ left }}"
  fixed: text
"""


def edges(*pairs: str) -> list[Edge]:
    return [Edge(pair[0], pair[1], True, ("steps", pair[1])) for pair in pairs]


def names(plan: Plan) -> list[str]:
    return [task.id for task in plan.tasks]


def test_a_step_comes_after_what_it_needs_else_where_the_file_has_it() -> None:
    assert names(plan(DIAMOND)) == ["first", "left", "right", "last", "alone"]


def test_without_edges_the_files_order_stays() -> None:
    assert order(["b", "a", "c"], []) == (["b", "a", "c"], [])


def test_of_each_knot_one_loop_is_given_as_its_edges_in_order() -> None:
    ordered, loops = order(list("fedcba"), edges("ab", "bc", "ca", "cd", "de", "ed", "ef"))
    assert ordered == list("fedcba")
    assert [[edge.source + edge.target for edge in loop] for loop in loops] == [
        ["ed", "de"],
        ["ca", "ab", "bc"],
    ]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_edges_each_step_follows_what_it_needs(seed: int) -> None:
    chance = random.Random(seed)
    steps = [chr(ord("a") + n) for n in range(20)]
    rank = chance.sample(steps, len(steps))
    pairs = {tuple(sorted(chance.sample(range(20), 2))) for _ in range(30)}
    drawn = edges(*(rank[low] + rank[high] for low, high in pairs))
    ordered, loops = order(steps, drawn)
    assert loops == []
    assert sorted(ordered) == steps
    assert all(ordered.index(edge.source) < ordered.index(edge.target) for edge in drawn)


def test_sinks_are_the_steps_that_nobody_needs() -> None:
    assert plan(DIAMOND).sinks() == ("last", "alone")


def test_what_several_need_is_taken_once() -> None:
    assert names(plan(DIAMOND).select(["last", "left"])) == ["first", "left", "right", "last"]


def test_a_selection_takes_what_is_needed_and_the_outputs_that_remain() -> None:
    chosen = plan(DIAMOND).select(["left"])
    assert names(chosen) == ["first", "left"]
    assert [output.name for output in chosen.outputs] == ["part", "fixed"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rigth", 'no step is called "rigth"; did you mean right?'),
        ("xyz", 'no step is called "xyz"; steps: first, left, right, last, alone'),
    ],
)
def test_a_selection_of_an_unknown_step_names_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(DIAMOND).select([name])
    assert str(caught.value) == message


def test_a_need_is_required_if_any_template_cannot_do_without() -> None:
    found = plan("""
    steps:
      a: {value: 1}
      b: {value: 2}
      c: {value: 3}
      d: {value: "{{ a or b }} {{ b }}", needs: [c]}
    outputs: {o: "{{ d }} {{ a | default(1) }}"}
    """)
    assert found.needs == {"d": {"c": False, "a": False, "b": True}}
    assert found.output_needs == {"o": {"d": True, "a": False}}


FAMILY = """
tools: {t: {uses: c.yaml}, idle: {uses: d.yaml}}
steps:
  a: {prompt: x}
  b: {steps: {c: {prompt: x, tools: [t]}, d: {steps: {e: {value: "{{ f }}"}, f: {value: 1}}}}}
  u: {uses: c.yaml}
  v: {call: t}
"""
FILES = {
    "c.yaml": "steps: {x: {prompt: y}, z: {uses: d.yaml}}",
    "d.yaml": "steps: {q: {value: 1}}",
}


@pytest.mark.parametrize(("usd", "budget"), [("0.10", "0.1"), ("3", "3"), ("1e-3", "0.001")])
def test_the_budget_of_a_file_is_its_plans(usd: str, budget: str) -> None:
    found = plan(f"budget: {{usd: {usd}}}\nsteps: {{a: {{prompt: x}}}}")
    assert found.budget_usd == Decimal(budget)
    assert found.select(["a"]).budget_usd == Decimal(budget)
    assert plan("steps: {a: {prompt: x}}").budget_usd is None


def test_every_step_has_its_way_from_the_top() -> None:
    found = plan(FAMILY, FILES)
    assert [way for way, _task in found.all_tasks()] == [
        "a", "b", "b.c", "b.c.t.x", "b.c.t.z", "b.c.t.z.q", "b.d", "b.d.f", "b.d.e",
        "u", "u.x", "u.z", "u.z.q", "v", "v.t.x", "v.t.z", "v.t.z.q",
    ]  # fmt: skip
    assert [way for way, _ask in found.asks()] == ["a", "b.c", "b.c.t.x", "u.x", "v.t.x"]
    assert found.size == len(list(found.all_tasks()))


def test_each_plan_of_a_family_comes_once() -> None:
    found = plan(FAMILY, FILES)
    assert [each.name for each in found.plans()] == ["p", "c", "d"]


def test_orders_are_those_of_all_levels_of_all_files() -> None:
    assert list(plan(FAMILY, FILES).orders()) == [
        ("a", "b", "u", "v"), ("c", "d"), ("f", "e"), ("x", "z"), ("q",),
    ]  # fmt: skip


def test_a_selection_leaves_the_models_of_other_steps_out() -> None:
    chosen = plan(FAMILY, FILES).select(["u"])
    assert [way for way, _ask in chosen.asks()] == ["u.x"]
    assert [tool.name for tool in chosen.tools] == ["t", "idle"]
