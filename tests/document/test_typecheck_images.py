"""Images where only text can stand, in every place of a file that has a template."""

from __future__ import annotations

import pytest

from tests.document.typed_file import faults, shows

MISPLACED = {
    "system": ("{prompt: a, system: 'Look at {{ hero }}'}", 'step "hero" is an image'),
    "system message": (
        "{messages: [{role: system, content: '{{ inputs.logo }}'}]}",
        '"inputs.logo" is an image',
    ),
    "text of a value": ("{value: 'a {{ hero }}'}", 'step "hero" is an image'),
    "text deep in a value": ("{value: [{a: '{{ hero }}{{ 1 }}'}]}", 'step "hero" is an image'),
    "loop in a value": (
        "{value: '{% for one in [hero] %}{{ one }}{% endfor %}'}",
        '"one" is an image',
    ),
    "branch of a value": (
        "{value: '{% if text %}{{ hero }}{% else %}{{ text }}{% endif %}'}",
        'step "hero" is an image',
    ),
    "choice in text": (
        "{value: 'a {{ hero if text else inputs.logo }}'}",
        "this value is an image",
    ),
    "list in text": ("{value: 'a {{ [hero, hero] }}'}", "this value is a list of images"),
    "data in text": ("{value: 'a {{ {\"k\": hero} }}'}", "this value holds an image"),
    "data in a prompt": ("{prompt: 'a {{ {\"k\": [hero]} }}'}", "this value holds an image"),
    "option": ("{prompt: a, user: '{{ hero }}'}", 'step "hero" is an image'),
    "number": ("{prompt: a, seed: '{{ hero }}'}", 'step "hero" is an image'),
    "model": ("{prompt: a, model: '{{ hero }}'}", 'step "hero" is an image'),
    "fallback": ("{prompt: a, fallback: ['{{ hero }}']}", 'step "hero" is an image'),
    "image_config": (
        "{prompt: a, modalities: [image], image_config: {like: '{{ hero }}'}}",
        'step "hero" is an image',
    ),
    "address": (
        shows("a{{ hero }}"),
        'step "hero" is an image',
    ),
    "name of a file": (
        "{value: 1}\noutputs: {o: {value: a, file: '{{ hero }}.png'}}",
        'step "hero" is an image',
    ),
    "text of an output": ("{value: 1}\noutputs: {o: 'a {{ hero }}'}", 'step "hero" is an image'),
    "item of a loop": (
        "{foreach: '[hero, hero]', value: 'a {{ item }}'}",
        '"item" is an image',
    ),
    "images through a step": (
        "{value: {k: '{{ hero }}'}}\n  next: {value: 'a {{ last }} {{ last.k }}'}",
        'step "last" holds an image',
    ),
}


@pytest.mark.parametrize(("step", "fault"), MISPLACED.values(), ids=MISPLACED)
def test_an_image_where_only_text_can_stand_is_told(step: str, fault: str) -> None:
    assert f"{fault} [image-in-text]" in faults(step)


UNSURE = (
    "{value: 'a {{ hero.text }} {{ hero or text }} {{ filed.t }}'}",
    "{value: 'a {{ data }} {{ brief }} {{ many }} {{ [] }} {{ {} }} {{ none }}'}",
    "{value: '{% set x = hero %}{{ x.width }}'}",
    "{value: '{% set x %}{{ text }}{% endset %}{{ x }}'}",
    "{value: '{% macro f(x) %}{{ x }}{% endmacro %}{{ f(text) }}'}",
    "{value: '{% filter upper %}{{ text }}{% endfilter %}'}",
    "{foreach: '[hero, text]', value: 'a {{ item }}'}",
)


@pytest.mark.parametrize("step", UNSURE)
def test_what_may_be_text_is_left_to_the_run(step: str) -> None:
    assert faults(step) == []
