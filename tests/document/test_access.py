from __future__ import annotations

import pytest

from flowrun.document.templates import TemplateError, parse, value
from tests.document.typed_scope import FIELDS, IN_SECTION, VALUES, faults

WRONG = [
    (
        "{{ brief.headlin }}",
        'unknown-field at headlin: step "brief" has no field "headlin"',
        FIELDS,
        "did you mean headline?",
    ),
    (
        "Hello\n{{ brief['headlin'] }}",
        'unknown-field at \'headlin\': step "brief" has no field "headlin"',
        FIELDS,
        "did you mean headline?",
    ),
    (
        "{{ brief.sections[0].titel }}",
        'unknown-field at titel: "brief.sections[0]" has no field "titel"',
        IN_SECTION,
        "did you mean title?",
    ),
    (
        "{{ (brief.sections | first).zzz }}",
        'unknown-field at zzz: "(brief.sections | first)" has no field "zzz"',
        IN_SECTION,
    ),
    (
        "{{ brief.author.nme }}",
        'unknown-field at nme: "brief.author" has no field "nme"',
        "its fields are name, mail",
        "did you mean name?",
    ),
    (
        "{{ triage.tol }}",
        'unknown-field at tol: step "triage" has no field "tol"',
        "its fields are tool, arguments",
        "did you mean tool?",
    ),
    (
        "{{ triage.arguments.order }}",
        'unknown-field at order: "triage.arguments" has no field "order"',
        "its fields are order_id, item",
        "did you mean order_id?",
    ),
    (
        "{{ tree.kids[0].kids[1].nam }}",
        'unknown-field at nam: "tree.kids[0].kids[1]" has no field "nam"',
        "its fields are name, kids",
        "did you mean name?",
    ),
    (
        "{{ hero.widht }}",
        'unknown-field at widht: "hero" has no field "widht"',
        "its fields are mime_type, width, height, sha256, text",
        "did you mean width?",
    ),
    (
        "{% set x = {'a': 1} %}{{ x.b }}",
        'unknown-field at b: "x" has no field "b"',
        "its fields are a",
    ),
    (
        "{{ brief.headline.size }}",
        'not-an-object at size: "brief.headline" is text: it has no field "size"',
        "only objects have fields",
    ),
    (
        "{{ brief.count.value }}",
        'not-an-object at value: "brief.count" is a whole number: it has no field "value"',
        "only objects have fields",
    ),
    (
        "{{ brief.sections.title }}",
        'not-an-object at title: "brief.sections" is a list of objects with title, '
        'score, note: it has no field "title"',
        "only objects have fields",
        "read it of one item, as brief.sections[0].title, or of each in a loop",
    ),
    (
        "{{ brief.benefits.first_one }}",
        'not-an-object at first_one: "brief.benefits" is a list of text: it has no '
        'field "first_one"',
        "only objects have fields",
    ),
    (
        "{{ gone.field }}",
        'not-an-object at field: "gone" is null: it has no field "field"',
        "only objects have fields",
    ),
    (
        "{{ tree[0] }}",
        'not-a-list at [0]: "tree" is an object with name, kids, not a list',
        "only lists and text have items",
        "did you mean tree.kids?",
    ),
    (
        "{{ brief.count[1:] }}",
        'not-a-list at [: "brief.count" is a whole number, not a list',
        "only lists and text have slices",
    ),
    (
        "{{ brief.count[what] }}",
        'not-a-list at [: "brief.count" is a whole number, not a list',
        "only lists, objects and text have items",
    ),
    (
        "{{ brief.pair[2] }}",
        'no-item at [2]: "brief.pair" has no item 2',
        "its schema allows at most 2 items",
    ),
    (
        "{{ brief.benefits[-5] }}",
        'no-item at [-5]: "brief.benefits" has no item -5',
        "its schema allows at most 4 items",
    ),
    (
        "{{ brief.subtitle }}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{{ page.titel }}",
        'unnamed-field at titel: "page" has no field "titel"',
        "its schema names title; others only with additionalProperties: true",
        "did you mean title?",
    ),
    (
        "{{ page.zzz }}",
        'unnamed-field at zzz: "page" has no field "zzz"',
        "its schema names title; others only with additionalProperties: true",
        'add "zzz" to its properties',
    ),
    (
        "{{ brief.sections[0].note }}",
        'maybe-missing at note: "brief.sections[0]" may have no field "note"',
        'its schema does not require "note"',
        'write brief.sections[0].note | default("…"), or ask brief.sections[0].note is defined',
    ),
    (
        "{{ free.a.b }}{{ page['no name'] }}",
        'unnamed-field at \'no name\': "page" has no field "no name"',
        "its schema names title; others only with additionalProperties: true",
        'add "no name" to its properties',
    ),
]

RIGHT = [
    "{{ what[1:2, 3] }}{{ what[what[0]] }}",
    "{{ brief.headline }}: {{ brief.benefits | join(', ') }}",
    "{% for s in brief.sections %}{{ loop.index }}/{{ loop.length }} {{ s.title }}{% endfor %}",
    "{% for s in brief.sections %}{{ loop.previtem.title if loop.previtem else '' }}{% endfor %}",
    "{{ brief.headline[0].upper() }}{{ brief.headline[:3].upper() }}",
    "{{ brief.benefits[1:3][0].upper() }}{{ brief.benefits[brief.count].upper() }}",
    "{{ brief.pair[0].upper() }}{{ brief.pair[1].name }}{{ brief.pair[-1].name }}",
    "{% set x = brief.sections[0] %}{{ x.title }}",
    "{{ table.anything + 1 }}{{ free.whatever.you.like }}{{ many[3].x }}",
    "{{ page.title }}{{ page.other | default('') }}",
    "{{ hero.width * hero.height }}{{ hero.text | upper }}{{ hero[what] }}",
    "{{ brief.items() }}{{ brief[what] }}{{ brief.headline[what] }}{{ what[what] }}{{ what[1:] }}",
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_cannot_be_is_refused(case: tuple[str, ...]) -> None:
    source, *expected = case
    assert faults(source) == [" | ".join(expected)]


@pytest.mark.parametrize("source", RIGHT)
def test_what_can_be_is_accepted(source: str) -> None:
    assert faults(source) == []


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_is_refused_fails_when_rendered(case: tuple[str, ...]) -> None:
    with pytest.raises(TemplateError):
        value(parse(case[0]), VALUES)
