from __future__ import annotations

import pytest

from tests.document.typed_scope import FIELDS, faults

WRONG = [
    (
        "{% if triage.tool in ['refund'] %}{{ triage.arguments.item }}{% endif %}",
        'unknown-field at item: "triage.arguments" has no field "item"',
        "its fields are order_id",
    ),
    (
        "{% if triage.tool == 'refund' %}{% else %}{{ triage.arguments.order_id }}{% endif %}",
        'unknown-field at order_id: "triage.arguments" has no field "order_id"',
        "its fields are item",
    ),
    (
        "{% if brief.tone == 'warm' or brief.tone == 'cold' %}{{ brief.tone == 'neutral' }}"
        "{% endif %}",
        'never-equal at \'neutral\': "brief.tone" is never "neutral"',
        "its schema allows only cold, warm",
    ),
    (
        "{% if brief.tone not in ['warm', 'cold'] %}{{ brief.tone == 'cold' }}{% endif %}",
        'never-equal at \'cold\': "brief.tone" is never "cold"',
        "its schema allows only neutral",
    ),
    (
        "{{ triage.arguments.item if triage.tool != 'exchange' else 1 }}",
        'unknown-field at item: "triage.arguments" has no field "item"',
        "its fields are order_id",
    ),
    (
        "{% if triage.tool == 'refnd' %}{{ triage.arguments.item }}{% endif %}",
        'never-equal at \'refnd\': "triage.tool" is never "refnd"',
        "its schema allows only exchange, refund",
        "did you mean refund?",
    ),
    (
        "{% if triage.tool == 'refund' %}{{ triage.arguments.item }}{% endif %}",
        'unknown-field at item: "triage.arguments" has no field "item"',
        "its fields are order_id",
    ),
    (
        "{{ brief.headlin | default('none') }}",
        'unknown-field at headlin: step "brief" has no field "headlin"',
        FIELDS,
        "did you mean headline?",
    ),
    (
        "{{ brief.subtitle or brief.headline }}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{{ brief.subtitle is none }}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{% if brief.subtitle %}{{ brief.subtitle }}{% endif %}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{% if brief.subtitle is defined %}{% endif %}{{ brief.subtitle }}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{% if brief.ready or brief.subtitle is defined %}{{ brief.subtitle }}{% endif %}",
        'maybe-missing at subtitle: step "brief" may have no field "subtitle"',
        'its schema does not require "subtitle"',
        'write brief.subtitle | default("…"), or ask brief.subtitle is defined',
    ),
    (
        "{% if triage.tool != 'refund' %}{{ triage.arguments.zzz }}{% endif %}",
        'unknown-field at zzz: "triage.arguments" has no field "zzz"',
        "its fields are item",
    ),
    (
        "{% if brief.tone == 'warm' %}{{ brief.tone == 'cold' }}{% endif %}",
        'never-equal at \'cold\': "brief.tone" is never "cold"',
        "its schema allows only warm",
    ),
    (
        "{% for brief in [brief] if brief.author is defined %}{{ brief.zzz }}{% endfor %}",
        'unknown-field at zzz: "brief" has no field "zzz"',
        FIELDS,
    ),
]

RIGHT = [
    "{% if brief.count is odd %}{{ brief.count + 1 }}{% else %}{{ brief.count - 1 }}{% endif %}",
    "{% if brief.count is gt 3 and brief.count in [4, 5] %}{{ brief.count + 1 }}{% endif %}",
    "{% if brief.tone in [brief.headline, 'warm'] %}{{ brief.tone == 'cold' }}{% endif %}",
    "{% if brief.tone not in ['warm'] %}{{ brief.tone == 'cold' }}{% endif %}",
    "{% if brief.tone in ['warm', 'cold'] %}{{ brief.tone != 'cold' }}{% endif %}",
    "{% if triage.tool == 'refund' or triage.tool == 'exchange' %}{{ triage.arguments.item }}"
    "{% endif %}",
    "{% if not (triage.tool == 'refund' and brief.ready) %}{{ triage.arguments.order_id }}"
    "{% endif %}",
    "{% if triage.tool is in ['exchange'] %}{{ triage.arguments.item }}{% endif %}",
    "{% if (what | first) is string %}{{ what.x }}{% endif %}",
    "{{ brief.subtitle | default('none') }}",
    "{% if brief.subtitle is defined %}{{ brief.subtitle }}{% endif %}",
    "{% if brief['subtitle'] is defined %}{{ brief.subtitle }}{% endif %}",
    "{% if brief.subtitle is undefined %}none{% else %}{{ brief.subtitle }}{% endif %}",
    "{% if not brief.subtitle is defined %}{% elif brief.subtitle %}{{ "
    "brief.subtitle }}{% endif %}",
    "{% if 'subtitle' in brief %}{{ brief.subtitle }}{% endif %}",
    "{{ brief.subtitle if brief.subtitle is defined else brief.headline }}",
    "{{ brief.subtitle is defined and brief.subtitle == 'x' }}",
    "{{ brief.subtitle is undefined or brief.subtitle == 'x' }}",
    "{% if brief.zzz is defined %}{{ brief.zzz }}{% endif %}",
    "{% for s in brief.sections if s.note is defined %}{{ s.note }}{% endfor %}",
    "{{ brief.author.name if brief.author else 'nobody' }}",
    "{% if brief.author is not none %}{{ brief.author.name }}{% endif %}",
    "{{ triage.arguments.order_id }}",
    "{% if triage.tool == 'refund' %}{{ triage.arguments.order_id }}{% endif %}",
    "{% if triage.tool == 'refund' %}{% else %}{{ triage.arguments.item }}{% endif %}",
    "{% if 'refund' == triage['tool'] and triage.arguments.order_id %}x{% endif %}",
    "{% if triage.tool is eq 'exchange' %}{{ triage.arguments.item }}{% endif %}",
    "{{ maybe == 'x' }}{{ maybe is none }}{{ maybe.upper() }}{{ maybe | upper }}",
    "{{ brief.headline is mapping and brief.headline.zzz }}",
    "{% if brief.headline is not string %}{{ brief.headline.zzz }}{% endif %}",
    "{% if what is mapping %}{{ what.zzz }}{% elif what is string %}{{ what.upper() }}{% endif %}",
    "{% if brief.tone == 'warm' %}{% if brief.tone != 'warm' %}{% endif %}{% endif %}",
    "{% if brief.headline is mapping %}{% elif brief.author is not mapping %}{% "
    "else %}{{ brief.author.name }}{% endif %}",
    "{% if not (brief.subtitle is undefined or brief.ready) %}{{ brief.subtitle }}{% endif %}",
    "{% if brief.zzz is undefined %}{% else %}{{ brief.zzz.x }}{% endif %}",
    "{% set n = namespace(a='x') %}{% if n.a == 'x' %}{% set n.a = 'y' %}{{ n.a "
    "== 'y' }}{% endif %}",
    "{% if (what | first) == 'x' %}{{ (what | first) == 'y' }}{% endif %}{% if "
    "what[what] %}{% endif %}",
    "{% if what == 3.5 or 3 == 3 %}{% endif %}",
    "{% if what is eq 'x' %}{{ what == 'y' }}{% endif %}{% if what in what %}{% endif %}",
    "{% if maybe is not string %}{{ maybe is none }}{% endif %}{% if gone %}{{ "
    "gone.x }}{% endif %}",
    "{% if brief.pair[0] == 'a' %}{{ brief.pair[0] }}{% endif %}",
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_cannot_be_is_refused(case: tuple[str, ...]) -> None:
    source, *expected = case
    assert faults(source) == [" | ".join(expected)]


@pytest.mark.parametrize("source", RIGHT)
def test_what_can_be_is_accepted(source: str) -> None:
    assert faults(source) == []
