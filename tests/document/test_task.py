"""Which templates a step has, and which see its loop variables."""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.document.slots import Slot
from tests.document.checking import plan

STEP = """
steps:
  a:
    foreach: {x: "['l1']", y: "['l2']"}
    if: "'c'"
    model: "{{ 'm' }}"
    fallback: ["{{ 'f' }}", plain]
    system: s
    prompt: p
    user: "{{ 'u' }}"
    provider: {order: ["{{ 'o' }}"]}
    expect: "'e'"
  b: {value: {k: "{{ 'v' }}", l: [1, "{{ 'w' }}"]}}
  c: {messages: "{{ ['h'] }}", modalities: [image], image_config: {size: "{{ 'i' }}"}}
outputs:
  o: {value: ["{{ 'o1' }}", x], file: "{{ 'o2' }}", foreach: "['o3']"}
"""


def sources(slots: Iterable[Slot]) -> list[str]:
    return [slot.template.source for slot in slots]


def test_inner_templates_are_all_but_the_loops_and_expectations() -> None:
    first, second, third = plan(STEP.replace("{{ 'o2' }}", "{{ item }}")).tasks
    assert sources(first.inner_slots()) == [
        "'c'", "s", "p", "{{ 'm' }}", "{{ 'u' }}", "{{ 'o' }}", "{{ 'f' }}",
    ]  # fmt: skip
    assert sources(second.inner_slots()) == ["{{ 'v' }}", "{{ 'w' }}"]
    assert sources(third.inner_slots()) == ["{{ ['h'] }}", "{{ 'i' }}"]


def test_an_outputs_templates_are_all_but_its_loop() -> None:
    (output,) = plan(STEP.replace("{{ 'o2' }}", "{{ item }}")).outputs
    assert sources(output.slots()) == ["{{ 'o1' }}", "{{ item }}"]


def test_a_step_asks_a_model_or_computes() -> None:
    kinds = [task.kind for task in plan("steps: {a: {prompt: x}, b: {value: 1}}").tasks]
    assert kinds == ["prompt", "value"]
