"""Blocks put in order, with what they need inside and outside."""

from __future__ import annotations

import pytest

from flowrun.document.task import Block, Task
from tests.document.checking import plan, told


def block(task: Task) -> Block:
    assert task.block is not None
    return task.block


def test_the_steps_of_a_block_have_an_order_of_their_own() -> None:
    found = plan("steps: {b: {steps: {c: {value: '{{ d }}'}, d: {value: 1}, e: {value: 2}}}}")
    (task,) = found.tasks
    assert [each.id for each in block(task).tasks] == ["d", "c", "e"]
    assert block(task).needs == {"c": {"d": True}}
    assert block(task).tasks[0].path == ("steps", "b", "steps", "d")


def test_what_is_named_from_inside_comes_first_outside() -> None:
    found = plan("""
    steps:
      b:
        steps:
          c: {value: "{{ a }} {{ x or 1 }}"}
          d: {steps: {e: {value: "{{ c }} {{ z }}", needs: [y]}}, output: "{{ e }} {{ x }}"}
        output: {r: "{{ c }} {{ w | default(1) }}"}
      a: {value: 1}
      x: {value: 1}
      y: {value: 1}
      z: {value: 1}
      w: {value: 1}
    """)
    assert [task.id for task in found.tasks][-1] == "b"
    outer = dict.fromkeys(("a", "x", "z", "y", "w"), False)
    assert found.needs == {"b": outer}
    inside = block(found.tasks[-1])
    assert inside.needs == {
        "c": {"a": True, "x": False},
        "d": {"c": False, "z": False, "y": False, "x": False},
    }
    assert inside.output_needs == {"c": True, "w": False}
    deepest = block(inside.tasks[-1])
    assert deepest.needs == {"e": {"c": True, "z": True, "y": False}}
    assert deepest.output_needs == {"e": True, "x": True}


def test_facts_of_the_run_make_edges_inside_and_outside() -> None:
    found = plan("""
    steps:
      a: {value: 1}
      b: {steps: {c: {value: 1}, d: {value: "{{ run.c.seconds }} {{ run.a.seconds }}"}}}
    """)
    assert found.needs == {"b": {"a": False}}
    assert block(found.tasks[1]).needs == {"d": {"c": False, "a": False}}


def test_loop_variables_and_rounds_of_a_block_are_known_inside() -> None:
    found = plan("""
    steps:
      b:
        foreach: {m: "[1]", n: "[m]"}
        repeat: {until: b.c and previous and rounds and round > n, max: 3}
        steps:
          c: {value: "{{ m }} {{ loop.index }} {{ previous }} {{ rounds }} {{ round }}"}
          d: {steps: {e: {value: "{{ n }} {{ loop.index }} {{ previous }}"}}}
    """)
    assert found.needs == {}
    assert block(found.tasks[0]).needs == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: {b: {steps: {c: {value: '{{ d }}'}, d: {value: '{{ c }}'}}}}",
         "1:36: steps need each other in a loop: c → d → c [cycle]"),
        ("steps: {a: {value: '{{ b }}'}, b: {steps: {c: {value: '{{ a }}'}}}}",
         "1:59: steps need each other in a loop: a → b → a [cycle]"),
        ("steps: {b: {steps: {c: {value: '{{ b }}'}}}}",
         '1:36: step "b" reads its own output [own-output]'),
        ("steps: {b: {steps: {c: {steps: {d: {value: '{{ run.b.seconds }}'}}}}}}",
         '1:48: step "b" reads its own output [own-output]'),
        ("steps: {b: {steps: {c: {value: 1}}, output: '{{ b }}'}}",
         '1:49: step "b" reads its own output [own-output]'),
        ("steps: {b: {steps: {c: {value: 1, needs: [b]}}}}",
         '1:43: step "b" cannot need itself [own-output]'),
        ("steps: {b: {steps: {c: {value: 1}}, foreach: '[b]'}}",
         '1:47: step "b" reads its own output [own-output]'),
    ],
)  # fmt: skip
def test_loops_through_blocks_are_told(text: str, message: str) -> None:
    found = told(text)
    assert len(found) == 1
    assert found[0].split(": ", 1)[1] == message.split(": ", 1)[1]


def test_a_block_may_name_itself_where_it_is_done() -> None:
    assert told("steps: {b: {steps: {c: {value: 1}}, expect: b.c == 1}}") == []


def test_a_step_that_cannot_be_read_leaves_the_others_of_its_block_unblamed() -> None:
    text = "steps: {b: {steps: {c: [1], d: {value: '{{ c }}'}, e: {value: '{{ d }}'}}}}"
    assert told(text) == ['1:24: "c" must be a mapping, not a list [wrong-value]']
    text = "steps: {b: {steps: [c], output: '{{ c }}'}, d: {value: '{{ b.c }}'}}"
    assert told(text) == ['1:20: "steps" must be a mapping, not a list [wrong-value]']
