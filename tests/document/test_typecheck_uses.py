"""What is known of a file that a step uses: its inputs, and the types of its outputs."""

from __future__ import annotations

import pytest

from flowrun.document.typecheck import type_of_outputs
from flowrun.document.types import describe
from tests.document.checking import checked, plan, told
from tests.document.composed_file import faults

USED = "  r: {uses: ./review.yaml, with: {text: a}}\n"

WRONG = {
    "text": (USED + "  a: {value: '{{ r.notes[0].x }}'}", '"r.notes[0]" is text: it has no '
             'field "x" [not-an-object]'),
    "a number": (USED + "  a: {value: '{{ r.score.x }}'}", '"r.score" is a whole number: it has '
                 'no field "x" [not-an-object]'),
    "a foreach": (USED + "  a: {value: '{{ r.points[0].nte }}'}", '"r.points[0]" has no field '
                  '"nte" [unknown-field]'),
    "what may be skipped": (USED + "  a: {value: '{{ r.more.x }}'}", '"r.more" is text or null: '
                            'it has no field "x" [not-an-object]'),
    "for each item": (
        "  r: {foreach: inputs.orders, uses: ./review.yaml, with: {text: a}}\n"
        "  a: {value: '{{ r.score }}'}",
        'step "r" is a list of objects with score, notes, points, more: it has no field "score" '
        "[not-an-object]",
    ),
    "a number for text": (
        "  r: {uses: ./review.yaml, with: {text: 3}}",
        'the input "text" of "review" must be text, and this is a whole number [wrong-type]',
    ),
    "an image for text": (
        "  p: {prompt: a, modalities: [image]}\n"
        "  r: {uses: ./review.yaml, with: {text: '{{ p }}'}}",
        'the input "text" of "review" must be text, and this is an image [wrong-type]',
    ),
    "an image for anything": (
        "  p: {prompt: a, modalities: [image]}\n"
        "  r: {uses: ./free.yaml, with: {x: '{{ p }}'}}",
        'step "p" is an image [image-in-text]',
    ),
    "text around an image": (
        "  p: {prompt: a, modalities: [image]}\n"
        "  r: {uses: ./review.yaml, with: {text: a, logo: 'see {{ p }}'}}",
        'the input "logo" of "review" must be an image, and this is text [wrong-type]',
    ),
    "inside of a block": (
        "  b: {foreach: inputs.orders, steps: {"
        "c: {uses: ./review.yaml, with: {text: '{{ item.price }}'}}}}",
        'the input "text" of "review" must be text, and this is a number [wrong-type]',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "fault"), WRONG.values(), ids=WRONG)
def test_what_is_read_of_another_file_is_held_against_it(steps: str, fault: str) -> None:
    assert fault in faults(steps)


CHILD = """
inputs: {n: {type: integer}}
schemas: {s: {type: object, properties: {t: {type: string}}, required: [t]}}
tools: {go: {parameters: {type: object, properties: {x: {type: integer}}, required: [x]}}}
steps:
  one: {prompt: a, response_format: s}
  two: {if: inputs.n > 1, value: 1}
  three: {value: "{{ two + 1 }}"}
  four: {foreach: "[1]", if: inputs.n > 1, value: a}
  five: {prompt: a, tools: [go], tool_choice: required}
  six: {value: "{{ two or 'none' }}"}
  seven: {steps: {a: {value: 1, if: inputs.n > 1}, b: {value: a}}}
  eight: {steps: {a: {value: 1, if: inputs.n > 1}}}
  nine: {prompt: a, modalities: [image]}
"""


@pytest.mark.parametrize(
    ("output", "described"),
    [
        ("'{{ one }}'", "an object with t"),
        ("'{{ one.t }}'", "text"),
        ("'{{ three }}'", "a whole number or null"),
        ("'{{ four }}'", "a list"),
        ("'{{ four[0] }}'", "text or null"),
        ("'{{ five.arguments.x }}'", "a whole number"),
        ("'{{ six }}'", "text or a whole number"),
        ("'{{ seven.a }}'", "a whole number or null"),
        ("'{{ eight }}'", "an object with a or null"),
        ("{foreach: one.values(), value: '{{ item }}', file: '{{ loop.index }}.txt'}", "a list"),
        ("'{{ nine }}'", "an image"),
        ("[1, '{{ two }}']", "a list of whole numbers or null"),
    ],
)
def test_outputs_are_typed_in_the_scope_of_their_own_file(output: str, described: str) -> None:
    found = type_of_outputs(plan(f"{CHILD}outputs: {{o: {output}}}\n"))
    assert describe(found) == "an object with o"
    child = {"c.yaml": f"{CHILD}outputs: {{o: {output}}}\n"}
    text = "steps: {r: {uses: c.yaml, with: {n: 1}}, a: {value: '{{ r.o.no_such_thing }}'}}"
    (fault,) = told(text, child)
    assert f'"r.o" is {described}: ' in fault or '"r.o" has no field' in fault


def test_without_outputs_the_steps_that_nobody_needs_are_given() -> None:
    child = {"c.yaml": "steps: {a: {value: 1}, b: {value: '{{ a }}'}, c: {if: 1 > 2, value: 2}}"}
    text = "steps: {{r: {{uses: c.yaml}}, x: {{value: '{{{{ r.{} }}}}'}}}}"
    assert told(text.format("b + r.c"), child) == []
    (fault,) = told(text.format("a"), child)
    assert 'step "r" has no field "a"' in fault


def test_a_file_that_is_used_in_many_places_is_told_of_once_and_read_through() -> None:
    files = {
        "c.yaml": "steps: {a: {uses: d.yaml}}\noutputs: {v: '{{ a.n }}', w: '{{ a.m }}'}",
        "d.yaml": "steps: {a: {value: {n: 1}}}\noutputs: {n: '{{ a.n }}'}",
    }
    text = "steps: {r: {uses: c.yaml}, s: {uses: c.yaml}}"
    assert told(text, files) == ['c.yaml:2:36: step "a" has no field "m" [unknown-field]']
    files["c.yaml"] = "steps: {a: {uses: d.yaml}}\noutputs: {v: '{{ a.n }}'}"
    text = "steps: {r: {uses: c.yaml}, s: {uses: c.yaml, if: r.v == 'a'}, t: {uses: d.yaml}}"
    assert told(text, files) == ['1:57: "r.v" is never "a" [never-equal]']
    assert checked(text.replace("'a'", "1"), files).plan is not None
