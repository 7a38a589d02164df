"""Names that cannot be used, and keys that do not go together."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, told

LEFT_OUT = "leave it out"


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("my-step", "call it my_step"),
        ("my step", "call it my_step"),
        ("1st", "call it _1st"),
        ("größe", "call it grosse"),
        ("Café", "call it Cafe"),
        ("a.b", "call it a_b"),
        ("名前", "choose another name"),
        ("-", "choose another name"),
        ('""', "choose another name"),
    ],
)
def test_a_bad_name_has_its_mend(name: str, mend: str) -> None:
    (found,) = checked(f"steps:\n  {name}: {{value: 1}}").diagnostics
    shown = name.strip('"')
    assert found.message == f'"{shown}" cannot be a name'
    assert (found.mend, found.length, found.mark.column) == (mend, len(shown), 3)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("inputs: {a-b: {}}\nsteps: {s: {value: 1}}", "1:10"),
        ("schemas: {a-b: {}}\nsteps: {s: {value: 1}}", "1:11"),
        ("steps: {s: {value: 1}}\noutputs: {a-b: 1}", "2:11"),
        ("steps: {s: {value: 1, foreach: '[1]', as: a-b}}", "1:43"),
        ("steps: {s: {value: 1, foreach: {a-b: '[1]'}}}", "1:33"),
        ("steps: {s: {value: 1}}\noutputs: {o: {value: 1, foreach: '[1]', as: a-b}}", "2:45"),
    ],
)
def test_every_name_is_looked_at(text: str, place: str) -> None:
    assert told(text) == [f'{place}: "a-b" cannot be a name [bad-name]']


def test_a_step_with_a_bad_name_is_checked_all_the_same() -> None:
    assert [each.split(" [")[1] for each in told("steps: {a-b: {value: '{{ c }}', retry: x}}")] == [
        "bad-name]", "unknown-step]", "wrong-combination]", "wrong-value]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{}", 'step "s" does nothing [no-kind]'),
        ("{seed: 1}", 'step "s" does nothing [no-kind]'),
        ("{prompt: x, value: 1}", '"value" cannot stand beside prompt: a step has one kind'),
        ("{prompt: x, messages: y}", '"messages" cannot stand beside prompt: a step has one kind'),
        ("{value: 1, model: x}", '"model" has no meaning here: this step asks no model'),
        ("{value: 1, samples: 2}", '"samples" has no meaning here: this step asks no model'),
        (
            "{messages: '{{ [] }}', system: x}",
            '"system" cannot stand beside messages: add a system',
        ),
        ("{value: 1, as: x}", '"as" names a loop variable, but there is no foreach'),
        ("{value: 1, foreach: {a: '[1]'}, as: x}", '"as" has no meaning here: the mapping names'),
        ("{prompt: x, image_config: {}}", '"image_config" has no effect without modalities'),
        ("{prompt: x, modalities: [text], image_config: {}}", '"image_config" has no effect'),
        (
            "{prompt: x, modalities: [image], response_format: {type: text}}",
            '"response_format" cannot stand beside an image modality',
        ),
    ],
)
def test_keys_that_do_not_go_together_are_told(step: str, message: str) -> None:
    (found,) = told(f"steps: {{s: {step}}}")
    assert found.split(": ", 1)[1].startswith(message)


@pytest.mark.parametrize(
    "step",
    [
        "{value: 1, timeout: 1s, if: true, needs: [], on_error: ignore, expect: 's', x-a: 1}",
        "{prompt: x, modalities: [text, image], image_config: {}}",
        "{prompt: x, foreach: '[1]', as: y}",
        "3",
    ],
)
def test_keys_that_go_together_are_no_fault(step: str) -> None:
    assert [each for each in told(f"steps: {{s: {step}}}") if "wrong-value" not in each] == []


@pytest.mark.parametrize("key", ["promt", "values", "message"])
def test_a_step_whose_kind_is_misspelt_is_not_said_to_do_nothing(key: str) -> None:
    assert told(f"steps: {{s: {{{key}: x}}}}") == [f'1:13: unknown key "{key}" [unknown-key]']


@pytest.mark.parametrize("key", ["call", "uses", "steps"])
def test_nor_is_one_whose_kind_is_not_supported_yet(key: str) -> None:
    assert told(f"steps: {{s: {{{key}: x}}}}") == [
        f'1:13: "{key}" is not yet supported [not-yet-supported]'
    ]


def test_an_outputs_variable_needs_a_loop() -> None:
    assert told("steps: {s: {value: 1}}\noutputs: {o: {value: 1, as: x}, p: 3}") == [
        '2:25: "as" names a loop variable, but no foreach [wrong-combination]'
    ]


def test_steps_are_needed() -> None:
    assert told("steps: {}") == ["1:1: there are no steps [no-steps]"]
    assert told("steps: {x-a: 1}") == ["1:1: there are no steps [no-steps]"]
