"""What is known of steps inside of blocks, of blocks, and of loops around and within them."""

from __future__ import annotations

import pytest

from tests.document.composed_file import BRIEF, diagnostics, faults

WRONG = {
    "no output: its steps": (
        "  b: {steps: {one: {prompt: a}, two: {value: 1}}}\n  c: {value: '{{ b.three }}'}",
        'step "b" has no field "three" [unknown-field]',
    ),
    "an output that is text": (
        "  b: {steps: {one: {prompt: a}}, output: 'So: {{ one }}'}\n  c: {value: '{{ b.one }}'}",
        'step "b" is text: it has no field "one" [not-an-object]',
    ),
    "an output that is data": (
        "  b: {steps: {one: {prompt: a}}, output: [1, '{{ one }}']}\n  c: {value: '{{ b[2] }}'}",
        'step "b" has no item 2 [no-item]',
    ),
    "an output of nothing": (
        "  b: {steps: {one: {prompt: a}}, output: null}\n  c: {value: '{{ b.one }}'}",
        'step "b" is null: it has no field "one" [not-an-object]',
    ),
    "the condition of an inner step": (
        BRIEF + "  b: {steps: {one: {if: brief.tne, prompt: a}}}",
        'step "brief" has no field "tne" [unknown-field]',
    ),
    "what a block expects of itself": (
        "  b: {steps: {one: {prompt: a}}, expect: b.two}",
        'step "b" has no field "two" [unknown-field]',
    ),
    "a block that may fail": (
        "  b: {steps: {one: {value: 1}}, on_error: ignore}\n  c: {value: '{{ b.two }}'}",
        'step "b" has no field "two" [unknown-field]',
    ),
    "two loops around": (
        "  b:\n    foreach: inputs.orders\n    as: o\n    steps:\n      c:\n"
        "        foreach: o.lines\n        as: l\n        steps: {d: {value: '{{ o.x }}{{ l }}'}}",
        '"o" has no field "x" [unknown-field]',
    ),
    "the inner one of two loops of one name": (
        "  b: {foreach: inputs.orders, steps: {"
        "c: {foreach: item.lines, value: '{{ item.id }}'}, d: {value: '{{ item.id }}'}}}",
        '"item" is text: it has no field "id" [not-an-object]',
    ),
    "an image in a block where text stands": (
        "  b: {steps: {p: {prompt: a, modalities: [image]}, q: {value: 'a {{ p }}'}}}",
        'step "p" is an image [image-in-text]',
    ),
    "an image out of a block where text stands": (
        "  b: {steps: {p: {prompt: a, modalities: [image]}}}\n  c: {value: 'a {{ b.p }}'}",
        '"b.p" is an image [image-in-text]',
    ),
    "an image of a foreach in a system prompt": (
        "  b: {foreach: inputs.orders, steps: {p: {prompt: a, modalities: [image]}}}\n"
        "  c: {foreach: b, prompt: a, system: 'See {{ item.p }}'}",
        '"item.p" is an image [image-in-text]',
    ),
}


@pytest.mark.parametrize(("steps", "fault"), WRONG.values(), ids=WRONG)
def test_what_is_read_of_a_block_is_held_against_it(steps: str, fault: str) -> None:
    assert faults(steps) == [fault]


RIGHT = (
    "  b: {steps: {one: {prompt: a}}, expect: b.one != ''}\n  c: {value: '{{ b.one | upper }}'}",
    "  b: {steps: {one: {prompt: a}}, expect: [b == 1], output: 1}",
    "  b: {steps: {one: {prompt: a, on_error: ignore}}}\n  c: {value: '{{ b.one is none }}'}",
    "  b: {steps: {one: {prompt: a}}, on_error: ignore}\n  c: {value: '{{ b is none }}'}",
    "  b: {steps: {p: {prompt: a, modalities: [image]}}}\n  c: {prompt: 'See {{ b.p }}'}",
    "  b: {steps: {p: {prompt: a, modalities: [image]}}, output: '{{ p }}'}\n"
    "  c: {prompt: 'See {{ b }}', system: 'It is {{ b.width }} wide'}",
    "  b: {foreach: inputs.orders, if: item.price > 1, steps: {c: {value: 1}}}\n"
    "  d: {value: '{{ b[0] is none }} {{ b[0].c + 1 if b[0] }}'}",
    "  b: {steps: {c: {value: 1}, d: {value: '{{ run.c.status }}'}}}",
    "  b: {foreach: inputs.orders, on_error: ignore, steps: {c: {value: 1}}}\n"
    "  d: {value: '{{ (b[0] or {''c'': 1}).c + 1 }} {{ b is none }} {{ b[0] is none }}'}",
    "  b: {value: [[[[[[[[1]]]]]]]]}\n  c: {value: 'a {{ b }} {{ b[0][0] }}'}",
    "  b: {steps: {one: {if: inputs.count > 1, value: {n: 1}}}}\n"
    "  c: {value: '{{ b.one.n if b.one is not none }}'}",
)


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        (
            "  b: {steps: {one: {if: inputs.count > 1, value: {n: 1}}}}\n"
            "  c: {value: '{{ b.one.n }}'}",
            '"b.one"',
        ),
        (
            "  b: {foreach: inputs.orders, on_error: ignore, steps: {c: {value: 1}}}\n"
            "  d: {value: '{{ b[0].c }}'}",
            '"b[0]"',
        ),
        ("  a: {repeat: {until: true, max: 2}, value: {n: '{{ previous.n }}'}}", '"previous"'),
    ],
    ids=["skipped", "ignored", "the first round"],
)
def test_what_may_be_null_is_doubted_where_a_field_is_read(steps: str, place: str) -> None:
    (found,) = faults(steps)
    assert found.startswith(f"warning: {place} may be null, which has no field")
    assert found.endswith("[may-be-null]")


@pytest.mark.parametrize("steps", RIGHT)
def test_what_a_block_gives_can_be_read(steps: str) -> None:
    assert faults(steps) == []


@pytest.mark.parametrize(
    ("items", "mend"),
    [
        ("inputs.orders[0]", "did you mean inputs.orders[0].lines?"),
        ("inputs.word", "take it apart: inputs.word | split"),
        ("outer", "outer.values() are its values, outer.items() its pairs"),
        ("inputs.count", ""),
    ],
)
def test_what_is_no_list_may_hold_one(items: str, mend: str) -> None:
    steps = f"  outer: {{value: {{n: 1}}}}\n  b: {{steps: {{c: {{foreach: '{items}', value: 1}}}}}}"
    (found,) = diagnostics(steps)
    assert (found.code, found.mend) == ("not-a-list", mend)


def test_a_fault_inside_of_a_block_hides_none_outside_and_nothing_is_said_of_the_block() -> None:
    found = faults(
        "  b: {steps: {one: {prompt: a, samples: x}, two: {value: '{{ one.what.ever }}'}}}\n"
        "  c: {value: '{{ b.one.x }} {{ b.three }} {{ inputs.cunt }}'}"
    )
    assert [each.split(" [")[1] for each in found] == ["wrong-value]", "unknown-field]"]
