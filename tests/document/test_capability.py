"""What a model is known not to be able to do is told where the file asks it for that."""

from __future__ import annotations

import pytest

from flowrun.chat.capabilities import Capabilities
from tests.document.checking import Models, told

MODELS = Models(
    {
        "toolless": Capabilities(tools=False),
        "blind": Capabilities(images_in=False),
        "silent": Capabilities(text_out=False, json_schema=False, json_object=False),
        "plain": Capabilities(json_schema=False, json_object=False, images_out=False),
    }
)
SCHEMA = "schemas: {s: {type: object}}\n"


def faults(text: str) -> list[str]:
    return told(text, models=MODELS)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            "{model: silent, prompt: x}",
            '1:20: step "a" asks "silent" for text, which it cannot give [lacks-capability]',
        ),
        (
            "{model: silent, prompt: x, response_format: {type: json_object}}",
            '1:20: step "a" asks "silent" for text, which it cannot give [lacks-capability]',
        ),
        (
            "{model: plain, prompt: x, response_format: {type: json_object}}",
            '1:20: step "a" asks "plain" for JSON without a schema, which it cannot give '
            "[lacks-capability]",
        ),
        (
            "{model: plain, prompt: x, response_format: {type: json_schema, json_schema: "
            "{name: x, schema: {}}}}",
            '1:20: step "a" asks "plain" for JSON of a schema, which it cannot give '
            "[lacks-capability]",
        ),
        (
            "{model: plain, prompt: x, modalities: [image]}",
            '1:20: step "a" asks "plain" for a picture, which it cannot give [lacks-capability]',
        ),
        (
            "{fallback: [blind, plain], prompt: x, modalities: [image]}",
            '1:31: step "a" asks "plain" for a picture, which it cannot give [lacks-capability]',
        ),
        ("{model: nobody, prompt: x}", '1:20: "nobody" is no model [unknown-model]'),
        ("{fallback: [x, nobody], prompt: x}", '1:27: "nobody" is no model [unknown-model]'),
    ],
)
def test_a_model_that_cannot_is_told_where_it_is_named(step: str, message: str) -> None:
    assert faults(f"steps: {{a: {step}}}") == [message]


@pytest.mark.parametrize(
    "step",
    [
        "{model: silent, prompt: x, modalities: [image]}",
        "{model: blind, prompt: x, response_format: {type: json_object}}",
        "{model: unknown, prompt: x, modalities: [text, image]}",
        "{model: '{{ 1 }}nobody', prompt: x, fallback: ['{{ 1 }}nobody']}",
        "{value: 1}",
    ],
)
def test_what_can_be_or_nobody_knows_is_not_doubted(step: str) -> None:
    assert faults(f"steps: {{a: {step}}}") == []


def test_a_model_of_the_defaults_is_told_there_for_each_step() -> None:
    text = "defaults: {model: silent}\nsteps: {a: {prompt: x}, b: {prompt: x}, c: {value: 1}}"
    assert faults(text) == [
        f'1:19: step "{step}" asks "silent" for text, which it cannot give [lacks-capability]'
        for step in "ab"
    ]


def test_a_model_that_nobody_named_is_told_at_the_step() -> None:
    models = Models({"recommended": Capabilities(text_out=False)})
    assert told("steps: {one: {prompt: x}}", models=models) == [
        '1:9: step "one" asks "recommended" for text, which it cannot give [lacks-capability]'
    ]


HERO = "inputs: {hero: {type: image}}\nsteps:\n  a: "


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ("{model: blind, prompt: 'See {{ inputs.hero }}'}", "3:37"),
        ("{model: blind, prompt: '{{ [inputs.hero] }}'}", "3:33"),
        ("{model: x, fallback: [blind], prompt: '{{ inputs.hero }}'}", "3:48"),
        ("{model: blind, messages: [{role: user, content: '{{ inputs.hero }}'}]}", "3:58"),
        (
            "{model: blind, messages: [{role: user, content: [{type: image_url, "
            "image_url: {url: 'https://x'}}]}]}",
            "3:91",
        ),
        ("{model: blind, prompt: '{{ item }}', foreach: '[inputs.hero]'}", "3:33"),
    ],
)
def test_an_image_that_a_model_cannot_see_is_told_where_it_is_shown(step: str, place: str) -> None:
    assert faults(HERO + step) == [
        f'{place}: step "a" shows "blind" an image, which it cannot see [lacks-capability]'
    ]


@pytest.mark.parametrize(
    "step",
    [
        "{model: blind, prompt: '{{ inputs.hero.width }} {{ inputs.hero.text }}'}",
        "{model: plain, prompt: '{{ inputs.hero }}'}",
        "{model: '{{ 1 }}', prompt: '{{ inputs.hero }}'}",
    ],
)
def test_an_image_that_is_not_shown_or_may_be_seen_is_no_fault(step: str) -> None:
    assert [each for each in faults(HERO + step) if "lacks" in each] == []


TOOLS = "tools: {t: {shell: [x]}}\n"


def test_a_model_that_is_known_to_call_no_tools_is_offered_none() -> None:
    assert faults(TOOLS + "steps: {a: {model: toolless, prompt: x, tools: [t]}}") == [
        '2:20: step "a" asks "toolless" for calls of tools, which it cannot give [lacks-capability]'
    ]
    assert faults(TOOLS + "steps: {a: {model: toolless, prompt: x}}") == []
    assert faults(TOOLS + "steps: {a: {model: unknown, prompt: x, tools: [t]}}") == []


def test_tools_of_defaults_count_too() -> None:
    text = TOOLS + "defaults: {tools: [t], model: toolless}\nsteps: {a: {prompt: x}}"
    assert faults(text) == [
        '2:31: step "a" asks "toolless" for calls of tools, which it cannot give [lacks-capability]'
    ]


def test_steps_inside_of_blocks_are_looked_at() -> None:
    text = "steps: {a: {steps: {b: {steps: {c: {model: silent, prompt: x}}}}}}"
    assert faults(text) == [
        '1:44: step "c" asks "silent" for text, which it cannot give [lacks-capability]'
    ]
