"""Every place of a file that holds a template is typed, from where its names come."""

from __future__ import annotations

import pytest

from tests.document.checking import told
from tests.document.typed_file import faults, shows

WRONG = {
    "input": ("{value: '{{ inputs.wrd }}'}", '"inputs" has no field "wrd" [unknown-field]'),
    "input's field": (
        "{value: '{{ inputs.rows[0].b }}'}",
        '"inputs.rows[0]" has no field "b" [unknown-field]',
    ),
    "image input": (
        "{value: '{{ inputs.logo.w }}'}",
        '"inputs.logo" has no field "w" [unknown-field]',
    ),
    "text step": (
        "{value: '{{ text.x }}'}",
        'step "text" is text: it has no field "x" [not-an-object]',
    ),
    "named schema": (
        "{value: '{{ brief.titel }}'}",
        'step "brief" has no field "titel" [unknown-field]',
    ),
    "schema on the wire": (
        "{value: '{{ wired.titel }}'}",
        'step "wired" has no field "titel" [unknown-field]',
    ),
    "image step": ("{value: '{{ hero.size }}'}", 'step "hero" has no field "size" [unknown-field]'),
    "samples": ("{value: '{{ many[0].x }}'}", '"many[0]" has no field "x" [unknown-field]'),
    "samples are a list": (
        "{value: '{{ many.title }}'}",
        'step "many" is a list of objects with title, parts: it has no field "title" '
        "[not-an-object]",
    ),
    "foreach step": ("{value: '{{ each[0].x }}'}", '"each[0]" has no field "x" [unknown-field]'),
    "samples for each": (
        "{value: '{{ both[0][0].x }}'}",
        '"both[0][0]" has no field "x" [unknown-field]',
    ),
    "data of a value": ("{value: '{{ data.x }}'}", 'step "data" has no field "x" [unknown-field]'),
    "list in a value": (
        "{value: '{{ data.b[0].x }}'}",
        '"data.b[0]" is text: it has no field "x" [not-an-object]',
    ),
    "end of a value's list": ("{value: '{{ data.b[2] }}'}", '"data.b" has no item 2 [no-item]'),
    "number in a value": (
        "{value: '{{ data.a.x }}'}",
        '"data.a" is a whole number: it has no field "x" [not-an-object]',
    ),
    "fraction in a value": (
        "{value: '{{ data.f.x }}'}",
        '"data.f" is a number: it has no field "x" [not-an-object]',
    ),
    "truth in a value": (
        "{value: '{{ data.g.x }}'}",
        '"data.g" is true or false: it has no field "x" [not-an-object]',
    ),
    "schema through a value": (
        "{value: '{{ data.c.d[0].m }}'}",
        '"data.c.d[0]" has no field "m" [unknown-field]',
    ),
    "lone expression": (
        "{value: '{{ lone.x }}'}",
        'step "lone" has no field "x" [unknown-field]',
    ),
    "prompt": ("{prompt: '{{ brief.x }}'}", 'step "brief" has no field "x" [unknown-field]'),
    "system": (
        "{prompt: a, system: '{{ brief.x }}'}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "message": (
        "{messages: [{role: user, content: '{{ brief.x }}'}]}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "part": (
        "{messages: [{role: user, content: [{type: text, text: '{{ brief.x }}'}]}]}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "image_url": (
        shows("{{ hero.x }}"),
        'step "hero" has no field "x" [unknown-field]',
    ),
    "history": ("{messages: '{{ brief.x }}'}", 'step "brief" has no field "x" [unknown-field]'),
    "model": (
        "{prompt: a, model: '{{ brief.x }}'}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "fallback": (
        "{prompt: a, fallback: ['{{ brief.x }}']}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "option": (
        "{prompt: a, seed: '{{ brief.x }}'}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "nested option": (
        "{prompt: a, metadata: {k: '{{ brief.x }}'}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "provider": (
        "{prompt: a, provider: {order: ['{{ brief.x }}']}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "image_config": (
        "{prompt: a, modalities: [image], image_config: {size: '{{ brief.x }}'}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "condition": (
        "{value: 1, if: brief.x > 1}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "foreach": (
        "{value: 1, foreach: brief.x}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "item": (
        "{foreach: inputs.rows, value: '{{ item.b }}'}",
        '"item" has no field "b" [unknown-field]',
    ),
    "as": (
        "{foreach: brief.parts, as: part, value: '{{ part.m }}'}",
        '"part" has no field "m" [unknown-field]',
    ),
    "condition of an item": (
        "{foreach: brief.parts, as: part, if: part.m, value: 1}",
        '"part" has no field "m" [unknown-field]',
    ),
    "mapping": (
        "{foreach: {part: brief.parts, row: inputs.rows}, value: '{{ part.n }}{{ row.m }}'}",
        '"row" has no field "m" [unknown-field]',
    ),
    "later name of a mapping": (
        "{foreach: {one: each, part: one.parts}, value: '{{ part.m }}'}",
        '"part" has no field "m" [unknown-field]',
    ),
    "loop": (
        "{foreach: inputs.rows, value: '{{ loop.depth }}'}",
        '"loop" has no field "depth" [unknown-field]',
    ),
    "loop over a foreach step": (
        "{foreach: each, value: '{{ item.x }}'}",
        '"item" has no field "x" [unknown-field]',
    ),
    "expect": (
        "{prompt: a, response_format: brief, expect: last.x}",
        'step "last" has no field "x" [unknown-field]',
    ),
    "expect of one sample": (
        "{prompt: a, response_format: brief, samples: 2, expect: 'last[0].title'}",
        'step "last" is an object with title, parts, not a list [not-a-list]',
    ),
    "facts": (
        "{value: '{{ run.text.tokens }}'}",
        '"run.text" has no field "tokens" [unknown-field]',
    ),
    "usage": (
        "{value: '{{ run.text.usage.input }}'}",
        '"run.text.usage" has no field "input" [unknown-field]',
    ),
    "status": (
        "{value: '{{ run.text.status + 1 }}'}",
        '"+" does not work on text and a whole number [wrong-type]',
    ),
    "output": (
        "{value: 1}\noutputs: {o: '{{ brief.x }}'}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "deep in an output": (
        "{value: 1}\noutputs: {o: {p: [{q: '{{ brief.x }}'}]}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "value of an output": (
        "{value: 1}\noutputs: {o: {value: '{{ brief.x }}'}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "file of an output": (
        "{value: 1}\noutputs: {o: {value: a, file: '{{ brief.x }}'}}",
        'step "brief" has no field "x" [unknown-field]',
    ),
    "items of an output": (
        "{value: 1}\noutputs: {o: {value: '{{ p.m }}', foreach: brief.parts, as: p, "
        "file: '{{ loop.index }}'}}",
        '"p" has no field "m" [unknown-field]',
    ),
    "loop of an output": (
        "{value: 1}\noutputs: {o: {value: '{{ loop.x }}', foreach: each}}",
        '"loop" has no field "x" [unknown-field]',
    ),
    "foreach over text": (
        "{foreach: inputs.word, value: 1}",
        '"inputs.word" is text, not a list [not-a-list]',
    ),
    "foreach over a number": (
        "{foreach: inputs.count + 1, value: 1}",
        '"inputs.count + 1" is a whole number, not a list [not-a-list]',
    ),
    "foreach over an object": (
        "{foreach: brief, value: 1}",
        'step "brief" is an object with title, parts, not a list [not-a-list]',
    ),
    "history of text": (
        "{messages: '{{ text }}'}",
        '"messages" must be a list of messages, and this is text [wrong-type]',
    ),
    "temperature of text": (
        "{prompt: a, temperature: '{{ text }}'}",
        '"temperature" must be a number, and this is text [wrong-type]',
    ),
    "seed in text": (
        "{prompt: a, seed: '1{{ inputs.count }}'}",
        '"seed" must be a number, and this is text [wrong-type]',
    ),
    "model of a number": (
        "{prompt: a, model: '{{ inputs.count }}'}",
        "the name of a model must be text, and this is a whole number [wrong-type]",
    ),
    "address that is none": (
        shows("a.png"),
        "an image_url is an address, or a template that gives an image [wrong-value]",
    ),
    "address of a list": (
        shows("{{ many }}"),
        "an image_url is an image or an address, and this is a list of objects with title, parts "
        "[wrong-type]",
    ),
}


@pytest.mark.parametrize(("step", "fault"), WRONG.values(), ids=WRONG)
def test_a_template_is_held_against_what_it_reads(step: str, fault: str) -> None:
    assert faults(step) == [fault]


RIGHT = (
    "{value: '{{ inputs.word }} {{ inputs.rows[0].a }} {{ inputs.logo.width + inputs.doc.x }}'}",
    "{value: '{{ brief.title }} {{ brief.parts[0].n + 1 }} {{ filed.t.u }} {{ wired.parts }}'}",
    "{value: '{{ free.any.thing }} {{ hero.text | upper }} {{ many[1].title ~ each[0].title }}'}",
    "{value: '{{ (safe or brief).title }} {{ some[0].title if some[0] is not none }}'}",
    "{value: '{{ some[0].title if some[0] else 1 }} {{ both[0][1].title }}'}",
    "{value: '{{ safe.title if safe else none }} {{ safe is none }}'}",
    "{value: '{{ data.a + data.f }} {{ data.b[1] | upper }} {{ data.c.d[0].n }} {{ data.e }}'}",
    "{value: '{{ lone.title }} {{ lone.parts | map(attribute=\"n\") | sum }}'}",
    "{foreach: brief.parts, as: part, if: part.n > 1, value: '{{ part.n }} {{ loop.first }}'}",
    "{foreach: {a: inputs.rows, b: each, c: b.parts}, value: '{{ a.a }}{{ b.title }}{{ c.n }}'}",
    "{foreach: brief.values(), value: '{{ item }} {{ loop.revindex0 }}'}",
    "{foreach: range(3), value: '{{ item + 1 }}'}",
    "{foreach: text | split, value: '{{ item | upper }}'}",
    "{foreach: filed.t, value: '{{ item }}'}",
    "{prompt: a, temperature: '{{ brief.parts[0].n }}', seed: '{{ inputs.count }}'}",
    "{prompt: a, top_p: '{{ filed.t }}', seed: '{{ none }}', max_tokens: '{{ text | int }}'}",
    "{prompt: a, model: '{{ inputs.word }}', fallback: ['{{ text }}', x]}",
    "{prompt: a, model: 'openai/{{ inputs.word }}', user: '{{ inputs.count }}'}",
    '{messages: \'{{ [{"role": "user", "content": text}] }}\'}',
    "{messages: '{{ filed.t }}'}",
    *(shows(each) for each in ("{{ hero }}", "{{ text }}", "https://a.org/b", "http://{{ text }}")),
    "{prompt: a, response_format: brief, samples: 2, expect: [last.title, last.parts]}",
    "{foreach: [1], value: 1, expect: last == 1}".replace("[1]", "'[1]'"),
    "{value: '{{ run.text.model }} {{ run.text.usage.total_tokens + 1 }} {{ run.hero.cost }}'}",
    '{value: \'{{ run.text.status == "done" }} {{ run["text"].seconds * 2 }}\'}',
    "{value: 1}\noutputs: {o: {value: '{{ p }}', foreach: brief.parts, as: p, file: '{{ p.n }}'}}",
    "{value: 1}\noutputs: {o: {p: ['{{ brief.title }}', '{{ many }}']}, q: '{{ hero }}'}",
    "{value: 1}\noutputs: {o: {value: '{{ item }}', foreach: each, file: '{{ loop.index }}.txt'}}",
    "{value: {file: brief.json}}",
    "{prompt: 'A {{ hero }} and {{ [hero, inputs.logo] }} and {{ hero.width }}'}",
    "{prompt: '{% for one in [hero] %}{{ one }}{% endfor %}'}",
    "{value: ['{{ hero }}', {logo: '{{ inputs.logo }}'}]}",
    "{value: '{{ hero if text else inputs.logo }}'}",
    "{foreach: '[hero, inputs.logo]', prompt: 'Look: {{ item }}'}",
    "{prompt: a, provider: {order: [x], only: '{{ inputs.rows }}'}, stop: ['{{ text }}']}",
    "{prompt: a, logit_bias: {'1': 2}, metadata: {k: '{{ inputs.word }}'}}",
    "{value: '{{ text.upper() }} {{ brief.items() }} {{ text[0] }} {{ each | length }}'}",
    "{value: '{{ brief[inputs.word] }} {{ many[inputs.count] }}'}",
)


@pytest.mark.parametrize("step", RIGHT)
def test_what_is_right_is_not_doubted(step: str) -> None:
    assert faults(step) == []


def test_nothing_is_known_of_parts_that_are_faulty() -> None:
    text = """
    inputs: {a: {type: txt}, b: text, c: {type: integer, default: x}}
    schemas: {s: {type: objct}, f: {file: gone.json}, g: 3}
    steps:
      one: {prompt: x, response_format: s}
      two: {prompt: x, response_format: [s]}
      three: {prompt: x, samples: many}
      four: {value: "{{ open"}
      five: {prompt: x, response_format: f}
      six: 3
      seven: {prompt: x, response_format: g}
      last:
        value: "{{ one.a }} {{ two.a }} {{ three[0].a }} {{ four.a }} {{ five.a }} {{ six.a }}"
        if: seven.a ~ inputs.a.b ~ inputs.b.c ~ (inputs.c + 1)
    """
    assert [each.split(" [")[1] for each in told(text)] == [
        "wrong-value]", "wrong-value]", "wrong-default]", "bad-schema]", "unreadable-file]",
        "wrong-value]", "wrong-value]", "wrong-value]", "template-syntax]", "wrong-value]",
    ]  # fmt: skip
