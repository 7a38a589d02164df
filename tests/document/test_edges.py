"""Who needs whom, and names that are unknown, taken, or known only elsewhere."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, plan, told

WHY = "a template may name only inputs and steps of this file: "


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        ("{prompt: '{{ a }}'}", {"a": True}),
        ("{prompt: x, system: '{{ a }}', temperature: '{{ b | int }}'}", {"a": True, "b": True}),
        ("{messages: [{role: user, content: '{{ a }}'}]}", {"a": True}),
        ("{messages: '{{ a | from_json }}'}", {"a": True}),
        ("{value: [{x: '{{ a }}'}]}", {"a": True}),
        ("{value: 1, if: a == 'x'}", {"a": True}),
        ("{value: 1, if: a}", {"a": True}),
        ("{value: 1, if: a or b}", {"a": False, "b": False}),
        ("{value: 1, foreach: a | split, needs: [b]}", {"a": True, "b": False}),
        ("{value: '{{ i }}', foreach: {i: a | split, x: '[i, b]'}}", {"a": True, "b": True}),
        ("{value: '{{ loop.index }}', foreach: '[a]'}", {"a": True}),
        ("{value: 1, expect: [last == 1, a]}", {"a": True}),
        ("{value: '{{ run.a.seconds }}'}", {"a": False}),
        ("{value: '{{ run[\"a\"].seconds }} {{ inputs }} {{ range(3) }}'}", {"a": False}),
        ("{value: '{{ a | default(1) }} {% if b is defined %}{{ b }}{% endif %}'}",
         {"a": False, "b": False}),
        ("{value: '{% for a in [1] %}{{ a }}{% endfor %}'}", {}),
    ],
)  # fmt: skip
def test_naming_a_step_makes_an_edge(step: str, needs: dict[str, bool]) -> None:
    text = f"steps:\n  a: {{prompt: x}}\n  b: {{prompt: x}}\n  last: {step}"
    assert plan(text).needs.get("last", {}) == needs


def test_the_templates_of_defaults_are_each_asking_steps_own() -> None:
    text = (
        "defaults: {system: '{{ a }}'}\nsteps:\n  a: {value: 1}\n  b: {prompt: x}\n"
        "  c: {prompt: x, system: y}\n  d: {messages: [{role: user, content: x}]}"
    )
    assert plan(text).needs == {"b": {"a": True}}


def test_outputs_need_steps_too() -> None:
    text = """
    steps: {a: {prompt: x}, b: {prompt: x}, c: {prompt: x}}
    outputs:
      one: {value: "{{ item }} {{ loop.index }}", file: "{{ loop.index }}{{ b }}", foreach: "[a]"}
      two: {x: "{{ c }}"}
    """
    assert plan(text).output_needs == {"one": {"a": True, "b": True}, "two": {"c": True}}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{value: '{{ ouline }}'}", '3:21: unknown step "ouline" [unknown-step]'),
        ("{needs: [ouline], value: 1}", '3:18: unknown step "ouline" [unknown-step]'),
        ("{needs: [last], value: 1}", '3:18: step "last" cannot need itself [own-output]'),
        ("{value: '{{ last }}'}", '3:21: step "last" reads its own output [own-output]'),
        ("{value: '{{ run.last.model }}'}", '3:21: step "last" reads its own output [own-output]'),
        ("{value: '{{ run[inputs] }}'}", '3:21: "run" is read step by step [unknown-step]'),
        ("{value: '{{ run.x.model }}'}", '3:25: "run" has no field "x" [unknown-field]'),
    ],
)
def test_a_name_that_leads_nowhere_is_told(step: str, message: str) -> None:
    assert told(f"steps:\n  outline: {{prompt: x}}\n  last: {step}") == [message]


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("ouline", "did you mean outline?"),
        ("topic", "write inputs.topic"),
        ("item", "item is known only beside foreach"),
        ("loop", "loop is known only beside foreach"),
        ("previous", "previous is known only beside repeat"),
        ("yes", "write true"),
        ("off", "write false"),
        ("xyzzy", ""),
    ],
)
def test_an_unknown_name_has_its_mend(name: str, mend: str) -> None:
    text = (
        f"inputs: {{topic: {{}}}}\nsteps: {{outline: {{prompt: x}}, b: {{value: 1, if: {name}}}}}"
    )
    (found,) = checked(text).diagnostics
    assert (found.why, found.mend) == (WHY + "outline, b", mend)


def test_in_a_loop_the_mend_names_its_variables() -> None:
    (found,) = checked(
        "steps: {a: {value: '{{ item }}', foreach: {x: '[1]', y: '[2]'}}}"
    ).diagnostics
    assert found.mend == "this step calls it x, y"


def test_only_some_of_many_unknown_names_get_a_suggestion() -> None:
    steps = "".join(f"  s{n}: {{value: '{{{{ step{n} }}}}'}}\n" for n in range(80))
    found = checked(f"steps:\n  step: {{value: 1}}\n{steps}").diagnostics
    assert [bool(each.mend) for each in found] == [True] * 50 + [False] * 30
    assert found[0].why == WHY + "step, " + ", ".join(f"s{n}" for n in range(11)) + ", …"


def test_a_name_in_an_included_file_is_told_where_the_file_is_brought_in() -> None:
    text = "steps: {a: {prompt: \"{% include 'x.md' %}\"}}"
    assert told(text, {"x.md": "Say {{ nobody }}."}) == [
        '1:25: unknown step "nobody", in a file that is brought in here [unknown-step]'
    ]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("steps: {run: {value: 1}}", ['1:9: a step cannot be called "run" [name-taken]']),
        ("steps: {range: {value: 1}}", ['1:9: a step cannot be called "range" [name-taken]']),
        ("steps: {none: {value: 1}}", ['1:9: a step cannot be called "none" [name-taken]']),
        (
            "steps: {a: {value: 1, foreach: '[1]', as: a}}",
            ['1:43: loop variable "a" has the name of a step [name-taken]'],
        ),
        (
            "steps: {item: {value: 1, foreach: '[1]'}}",
            ['1:35: loop variable "item" has the name of a step [name-taken]'],
        ),
        (
            "steps: {a: {value: 1, foreach: {run: '[1]'}}}",
            ['1:33: a loop variable cannot be called "run" [name-taken]'],
        ),
        (
            "steps: {a: {value: 1}}\noutputs: {o: {value: 1, foreach: '[1]', as: a}}",
            ['2:45: loop variable "a" has the name of a step [name-taken]'],
        ),
    ],
)
def test_a_name_that_is_taken_is_told(text: str, messages: list[str]) -> None:
    assert told(text) == messages


@pytest.mark.parametrize(
    "text",
    [
        "steps: [a]\noutputs: {o: '{{ a }}'}",
        "steps: {a: {foreach: [1], as: x, value: '{{ x }} {{ loop.index }}'}}",
        "steps: {a: {foreach: 3, value: '{{ item }}'}}",
        "steps: {a: {foreach: {x: 3, y: '[1]'}, value: '{{ x }} {{ y }}'}}",
        "steps: {a: {as: x, value: '{{ x }}'}}",
        "steps: {a: {value: 1}}\noutputs: {o: {foreach: 3, as: x, value: '{{ x }}'}}",
    ],
)
def test_what_would_be_known_but_for_another_fault_is_not_told(text: str) -> None:
    assert [each.split(" [")[1] for each in told(text)] in (
        ["wrong-value]"],
        ["wrong-combination]"],
    )
