"""Names that cannot be used, and keys that do not go together."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, told
from tests.document.forming import faults, formed

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


@pytest.mark.parametrize("key", ["cal", "use", "step"])
def test_nor_is_one_whose_new_kind_is_misspelt(key: str) -> None:
    assert formed(f"steps: {{s: {{steps: {{t: {{{key}: x, with: {{}}}}}}}}}}") == [
        f'1:25: unknown key "{key}" [unknown-key]'
    ]


IDLE = '"budget" has no effect: no model is asked here [wrong-combination]'


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("steps: {s: {value: 1, budget: {usd: 1}}}", ["1:23"]),
        ("steps: {s: {call: t, budget: {usd: 1}}}\ntools: {t: {shell: [a]}}", ["1:22"]),
        ("steps: {s: {call: t.u, budget: {usd: 1}}}\ntools: {t: {mcp: {url: 'http://a'}}}",
         ["1:24"]),
        ("steps: {s: {steps: {t: {value: 1, budget: {usd: 1}}}, budget: {usd: 1}}}",
         ["1:35", "1:55"]),
        ("budget: {usd: 1}\nsteps: {s: {value: 1}}", ["1:1"]),
    ],
)  # fmt: skip
def test_a_budget_where_no_model_is_asked_has_no_effect(text: str, places: list[str]) -> None:
    assert formed(text) == [f"{place}: {IDLE}" for place in places]


@pytest.mark.parametrize(
    "text",
    [
        "steps: {s: {prompt: x, budget: {usd: 1}}}",
        "steps: {s: {messages: '{{ [] }}', budget: {usd: 0.5}}}",
        "steps: {s: {uses: ./a.yaml, budget: {usd: 1}}}",
        "steps: {s: {call: t, budget: {usd: 1}}}\ntools: {t: {uses: ./a.yaml}}",
        "steps: {s: {call: t, budget: {usd: 1}}}",
        "steps: {s: {steps: {v: {value: 1}, t: {prompt: x}}, budget: {usd: 1}}}",
        "budget: {usd: 2, x-why: enough}\nsteps: {s: {steps: {t: {steps: {u: {prompt: x}}}}}}",
    ],
)
def test_a_budget_may_stand_wherever_a_model_may_be_asked(text: str) -> None:
    assert formed(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("budget: {usd: 1}\nsteps: {}", "no-steps"),
        ("budget: {usd: 1}\nsteps: 3", "wrong-value"),
        ("budget: {usd: 1}", "missing-key"),
        ("steps: {s: {budget: {usd: 1}}}", "no-kind"),
        ("budget: {usd: 1}\nsteps: {s: 3}", "wrong-value"),
        ("steps: {s: {steps: 3, budget: {usd: 1}}}", "wrong-value"),
    ],
)
def test_nothing_is_said_of_a_budget_where_something_else_is_faulty(text: str, code: str) -> None:
    assert [each.rpartition(" [")[2] for each in formed(text)] == [f"{code}]"]


@pytest.mark.parametrize(
    ("step", "message", "mend"),
    [
        (
            "{prompt: x, call: t}",
            '"call" cannot stand beside prompt: a step has one kind',
            "to let the model call it, list it under tools",
        ),
        ("{call: t, value: 1}", '"value" cannot stand beside call: a step has one kind', LEFT_OUT),
        (
            "{value: 1, uses: ./a.yaml}",
            '"uses" cannot stand beside value: a step has one kind',
            LEFT_OUT,
        ),
        (
            "{uses: ./a.yaml, steps: {t: {value: 1}}}",
            '"steps" cannot stand beside uses: a step has one kind',
            LEFT_OUT,
        ),
        ("{value: 1, with: {}}", '"with" has no meaning without call or uses', LEFT_OUT),
        (
            "{value: 1, output: 1}",
            '"output" has no meaning without steps: it is what a block gives',
            LEFT_OUT,
        ),
        (
            "{call: t, seed: 1}",
            '"seed" has no meaning here: this step asks no model',
            LEFT_OUT,
        ),
        (
            "{uses: ./a.yaml, cache: false}",
            '"cache" has no meaning here: this step asks no model',
            LEFT_OUT,
        ),
        (
            "{steps: {t: {value: 1}}, model: x}",
            '"model" has no meaning here: this step asks no model',
            "give it to the steps inside",
        ),
        (
            "{value: 1, tools: [t]}",
            '"tools" has no meaning here: this step asks no model',
            LEFT_OUT,
        ),
        ("{prompt: x, tool_choice: auto}", '"tool_choice" has no effect without tools', LEFT_OUT),
        (
            "{messages: x, parallel_tool_calls: true}",
            '"parallel_tool_calls" has no effect without tools',
            LEFT_OUT,
        ),
        (
            "{prompt: x, max_turns: 2, tools: []}",
            '"max_turns" has no effect without tools',
            LEFT_OUT,
        ),
    ],
)
def test_keys_of_the_new_kinds_that_do_not_go_together(step: str, message: str, mend: str) -> None:
    (found,) = faults(f"steps: {{s: {step}}}")
    assert (found.message, found.mend) == (message, mend)
    (found,) = faults(f"steps: {{o: {{steps: {{s: {step}}}}}}}")
    assert (found.message, found.mend) == (message, mend)


def test_what_another_pipeline_is_given_has_names() -> None:
    (found,) = faults("steps: {s: {uses: ./a.yaml, with: '{{ inputs }}'}}")
    assert found.message == '"with" must be a mapping beside uses, not text'
    assert found.mend == "name each input: {INPUT: …}"


@pytest.mark.parametrize(
    "step",
    [
        "{call: t, with: {a: 1}, timeout: 1s, repeat: {until: s, max: 2}, on_error: ignore}",
        "{call: t, with: '{{ inputs }}', foreach: '[1]', as: x, if: true, expect: s}",
        "{uses: ./a.yaml, with: {a: 1}, needs: []}",
        "{steps: {t: {value: 1}}, output: 1, foreach: '[1]', repeat: {until: s, max: 2}}",
        "{prompt: x, tools: [t], tool_choice: auto, parallel_tool_calls: true, max_turns: 2}",
        "{prompt: x, tools: null, max_turns: null}",
        "{prompt: x, samples: 3, tools: [t]}",
    ],
)
def test_keys_of_the_new_kinds_that_go_together_are_no_fault(step: str) -> None:
    assert formed(f"steps: {{s: {step}}}") == []


def test_tools_may_stand_in_the_defaults() -> None:
    text = (
        "defaults: {tools: [t]}\nsteps: {s: {prompt: x, max_turns: 2}, u: {prompt: x, tools: [], "
    )
    assert formed(text + "max_turns: 2}}") == [
        '2:65: "max_turns" has no effect without tools [wrong-combination]'
    ]


def test_tools_that_are_misspelt_are_told_once() -> None:
    assert formed("steps: {s: {prompt: x, tool: [t], max_turns: 2}}") == [
        '1:24: unknown key "tool" [unknown-key]'
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tools: {a-b: {}}\nsteps: {s: {value: 1}}", "1:9"),
        ("steps: {s: {steps: {a-b: {value: 1}}}}", "1:21"),
        ("steps: {s: {steps: {t: {value: 1, foreach: '[1]', as: a-b}}}}", "1:55"),
        ("steps: {s: {steps: {t: {value: 1, foreach: {a-b: '[1]'}}}}}", "1:45"),
    ],
)
def test_names_are_looked_at_in_blocks_and_tools_too(text: str, place: str) -> None:
    assert formed(text) == [f'{place}: "a-b" cannot be a name [bad-name]']


def test_a_block_needs_steps() -> None:
    assert formed("steps: {s: {steps: {x-a: 1}}}") == ["1:13: there are no steps [no-steps]"]


def test_an_outputs_variable_needs_a_loop() -> None:
    assert told("steps: {s: {value: 1}}\noutputs: {o: {value: 1, as: x}, p: 3}") == [
        '2:25: "as" names a loop variable, but no foreach [wrong-combination]'
    ]


def test_steps_are_needed() -> None:
    assert told("steps: {}") == ["1:1: there are no steps [no-steps]"]
    assert told("steps: {x-a: 1}") == ["1:1: there are no steps [no-steps]"]
