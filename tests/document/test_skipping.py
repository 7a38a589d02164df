from __future__ import annotations

import pytest

from flowrun.document.skipping import Skips, required
from tests.document.checking import plan


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ("a: {value: 1}, b: {value: '{{ a }}'}", ""),
        ("a: {value: 1, if: 1 > 2}, b: {value: '{{ a }}'}, c: {value: '{{ b }}'}", "abc"),
        ("a: {value: 1, if: 1 > 2}, b: {value: '{{ a or 1 }}'}", "a"),
        ("a: {value: 1, if: false}, b: {value: 1, needs: [a]}", "a"),
        ("a: {value: 1, if: 1 > 2}, b: {value: 1, if: a == 1}", "ab"),
        ("a: {value: 1, if: 1 > 2}, b: {value: 1, expect: b == a}", "ab"),
        ("a: {value: 1, if: 1 > 2}, b: {value: 1, repeat: {until: b == a, max: 2}}", "ab"),
        ("a: {foreach: '[1]', value: 1, if: 1 > 2}, b: {value: '{{ a }}'}", ""),
        ("a: {value: [], if: 1 > 2}, b: {foreach: a, value: 1}", "ab"),
        ("a: {value: 1, if: 1 > 2}, b: {steps: {c: {value: '{{ a }}'}, d: {value: 1}}}", "a"),
        ("a: {value: 1, if: 1 > 2}, b: {steps: {c: {value: '{{ a }}'}}}", "ab"),
        ("a: {steps: {b: {value: 1, if: 1 > 2}, c: {value: '{{ b }}'}}}", "a"),
        ("a: {steps: {b: {value: 1, if: 1 > 2}, c: {value: 1}}, output: '{{ b }}'}", "a"),
        ("a: {steps: {b: {value: 1, if: 1 > 2}, c: {value: 1}}, output: '{{ b or c }}'}", ""),
        ("a: {foreach: '[1]', steps: {b: {value: 1, if: 1 > 2}}}", ""),
    ],
)
def test_a_step_may_be_skipped_by_itself_or_by_what_it_needs(steps: str, names: str) -> None:
    found = Skips(plan(f"steps: {{{steps}}}").tasks)
    assert "".join(sorted(found.names)) == names


def test_steps_inside_are_told_by_their_paths_and_items_apart() -> None:
    text = "a: {foreach: '[1]', steps: {b: {value: 1, if: 1 > 2}}}, c: {value: 1, if: 1 > 2}"
    found = Skips(plan(f"steps: {{{text}}}").tasks)
    inner = ("steps", "a", "steps", "b")
    assert found.steps == {inner, ("steps", "c")}
    assert found.items == {("steps", "a"), inner, ("steps", "c")}


def test_names_that_a_template_can_do_without_are_not_required() -> None:
    _, a = plan("steps: {a: {value: '{{ b or run.b.model }}'}, b: {value: 1}}").tasks
    assert required(a.own_slots()) == frozenset()
