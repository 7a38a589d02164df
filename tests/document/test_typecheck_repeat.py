"""What a step with repeat knows of its rounds, and what is known of it."""

from __future__ import annotations

import pytest

from tests.document.composed_file import faults

WRONG = {
    "the number of the round": (
        "  a: {repeat: {until: a, max: 2}, value: '{{ round.x }}'}",
        '"round" is a whole number: it has no field "x" [not-an-object]',
    ),
    "text of a round before": (
        "  a: {repeat: {until: a, max: 2}, prompt: '{{ previous.x if previous }}'}",
        '"previous" is text: it has no field "x" [not-an-object]',
    ),
    "an item of all rounds": (
        "  a: {repeat: {until: a, max: 2}, prompt: '{{ rounds | map(attribute=\"x\") | join }}'}",
        'an item of "rounds" is text: it has no field "x" [not-an-object]',
    ),
    "until of text": (
        "  a: {repeat: {until: a.x, max: 2}, prompt: a}",
        'step "a" is text: it has no field "x" [not-an-object]',
    ),
    "until of the rounds": (
        "  a: {repeat: {until: 'rounds[0].x', max: 2}, prompt: a}",
        '"rounds[0]" is text: it has no field "x" [not-an-object]',
    ),
    "until of samples": (
        "  a: {repeat: {until: a.title, max: 2}, prompt: a, samples: 2, response_format: brief}",
        'step "a" is a list of objects with title, tone, parts: it has no field "title" '
        "[not-an-object]",
    ),
    "samples of the round before": (
        "  a: {repeat: {until: round, max: 2}, samples: 2, prompt: '{{ previous.x if previous }}'}",
        '"previous" is a list of text: it has no field "x" [not-an-object]',
    ),
    "a value that is what it was": (
        "  a: {repeat: {until: round, max: 2}, value: '{{ previous or inputs.word }}'}\n"
        "  b: {value: '{{ a.x }}'}",
        'step "a" is text: it has no field "x" [not-an-object]',
    ),
    "a value of another kind each round": (
        "  a: {repeat: {until: round, max: 2}, value: \"{{ 'x' if previous is none else 1 }}\"}\n"
        "  b: {value: '{{ a.x }}'}",
        'step "a" is text or a whole number: it has no field "x" [not-an-object]',
    ),
    "a field of a value that grows": (
        "  a: {repeat: {until: a.n > 2, max: 9}, value: {n: '{{ round }}', m: "
        "'{{ previous.k if previous }}'}}",
        '"previous" has no field "k" [unknown-field]',
    ),
    "a block in rounds, deep inside": (
        "  a: {repeat: {until: round, max: 2}, steps: {"
        "b: {prompt: a}, c: {steps: {d: {value: '{{ previous.e if previous }}'}}}}}",
        '"previous" has no field "e" [unknown-field]',
    ),
    "rounds in rounds": (
        "  a: {repeat: {until: round, max: 2}, steps: {"
        "b: {repeat: {until: b.x, max: 2}, prompt: '{{ previous }}'}}}",
        'step "b" is text: it has no field "x" [not-an-object]',
    ),
    "a value that never begins": (
        "  a: {repeat: {until: true, max: 2}, value: '{{ previous }}'}\n  b: {value: '{{ a.x }}'}",
        'step "a" is null: it has no field "x" [not-an-object]',
    ),
    "each item for itself": (
        "  a: {foreach: inputs.orders, repeat: {until: item.x, max: 2}, value: 1}",
        '"item" has no field "x" [unknown-field]',
    ),
    "a call in rounds": (
        "  a: {repeat: {until: 'a[0].titel', max: 2}, call: find, with: {query: a}}",
        '"a[0]" has no field "titel" [unnamed-field]',
    ),
    "a file in rounds": (
        "  a: {repeat: {until: a.scor, max: 2}, uses: ./review.yaml, with: {text: a}}",
        'step "a" has no field "scor" [unknown-field]',
    ),
    "an image of the round before": (
        "  a: {repeat: {until: round, max: 2}, prompt: a, modalities: [image], "
        "system: 'Not {{ previous }}'}",
        '"previous" is an image [image-in-text]',
    ),
}


@pytest.mark.parametrize(("steps", "fault"), WRONG.values(), ids=WRONG)
def test_what_is_read_of_rounds_is_held_against_them(steps: str, fault: str) -> None:
    assert faults(steps) == [fault]


RIGHT = (
    "  a: {repeat: {until: round == 2, max: 2}, value: '{{ [previous] }}'}\n"
    "  b: {value: '{{ a[0][0][0].x }}'}",
    "  a: {repeat: {until: a | length > 3, max: 9}, value: '{{ (previous or []) + [round] }}'}",
    "  a: {repeat: {until: previous == a, max: 9}, prompt: 'Better than {{ previous or 1 }}'}",
    "  a: {repeat: {until: rounds | length == 2, max: 9}, prompt: '{{ rounds | last }}'}",
    "  a: {repeat: {until: round, max: 2}, prompt: 'Not {{ previous }}', modalities: [image]}",
    "  a: {repeat: {until: a == 3, max: 9}, value: '{{ rounds | sum + 1 }}', expect: a > 0}",
    "  a: {if: inputs.count > 1, repeat: {until: round, max: 2}, value: 1}\n"
    "  b: {value: '{{ a + 1 }}'}",
    "  a: {repeat: {until: round, max: 2}, steps: {"
    "b: {repeat: {until: b == previous, max: 2}, value: '{{ round }}'}}}\n"
    "  c: {value: '{{ a.b + 1 }}'}",
)


@pytest.mark.parametrize("steps", RIGHT)
def test_what_rounds_may_give_can_be_read(steps: str) -> None:
    assert faults(steps) == []


def test_each_fault_of_a_step_that_is_looked_at_again_is_told_once() -> None:
    inner = "d: {prompt: '{{ b.x }} {{ inputs.x }}'}, e: {call: find, with: {query: 3}}"
    steps = f"b: {{value: '{{{{ inputs.wrd }}}}'}}, c: {{steps: {{{inner}}}}}"
    found = faults(f"  a: {{repeat: {{until: round, max: 2}}, steps: {{{steps}}}}}")
    codes = [each.split(" [")[1] for each in found]
    assert codes == ["unknown-field]", "unknown-field]", "wrong-type]"]
