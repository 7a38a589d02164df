from __future__ import annotations

import pytest

from flowrun.document.templates import TemplateError, parse, value
from tests.document.typed_scope import FIELDS, VALUES, faults

WRONG = [
    (
        "{% set x = {'items': 1} %}{{ x.items() }}",
        'wrong-type at x.items: "x.items" is a whole number, not a function',
        "only functions can be called",
    ),
    (
        "{{ dict(a=1).b }}",
        'unknown-field at b: this value has no field "b"',
        "its fields are a",
    ),
    (
        "{% for k, v in brief.items() %}{{ k.name }}{% endfor %}",
        'not-an-object at name: "k" is text: it has no field "name"',
        "only objects have fields",
    ),
    (
        "{{ brief.headline() }}",
        'wrong-type at brief.headline: "brief.headline" is text, not a function',
        "only functions can be called",
    ),
    (
        "{{ hero(1) }}",
        'wrong-type at hero: "hero" is an image, not a function',
        "only functions can be called",
    ),
    (
        "{{ brief.headline.format(1) }}",
        'not-an-object at format: "brief.headline" is text: it has no field "format"',
        "only objects have fields",
    ),
    (
        "{{ brief.copy() }}",
        'unknown-field at copy: step "brief" has no field "copy"',
        FIELDS,
    ),
]

RIGHT = [
    "{{ {'items': 1}.items + 1 }}",
    "{{ brief.get('subtitle') }}{{ brief.get('subtitle', '').upper() }}",
    "{{ brief.get(what).x }}{{ brief.get('zzz') }}{{ brief.get('zzz', 'a').upper() }}",
    "{{ brief.headline.split(',')[0].upper() }}{{ brief.headline.partition(',')[2].upper() }}",
    "{{ brief.headline.count('a') + 1 }}{{ brief.headline.startswith('a') }}",
    "{{ brief.keys() | first | upper }}{{ table.values() | sum }}",
    "{{ brief.benefits.count('a') + 1 }}{{ brief.benefits.index('bright') + 1 }}",
    "{% for n in range(3) %}{{ n + 1 }}{% endfor %}{{ dict(a=1).a }}{{ dict(what).b }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{% set j = joiner() %}{{ j() }}",
    "{{ unknown(1).x }}{{ unknown.y.z }}{{ what(1) }}{{ what.a(1) }}{{ dict(**what).x }}",
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
