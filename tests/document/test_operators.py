from __future__ import annotations

import pytest

from tests.document.typed_scope import faults

WRONG = [
    (
        "{{ brief.headline in brief.count }}",
        'not-a-list at brief.count: "brief.count" is a whole number, not a list',
        "only lists, objects and text hold anything",
    ),
    (
        "{{ brief.tone == 'warn' }}",
        'never-equal at \'warn\': "brief.tone" is never "warn"',
        "its schema allows only cold, neutral, warm",
        "did you mean warm?",
    ),
    (
        "{% if 'refnd' != triage.tool %}{% endif %}",
        'never-equal at \'refnd\': "triage.tool" is never "refnd"',
        "its schema allows only exchange, refund",
        "did you mean refund?",
    ),
    (
        "{{ brief.tone in ['warm', 'hot'] }}",
        'never-equal at \'hot\': "brief.tone" is never "hot"',
        "its schema allows only cold, neutral, warm",
    ),
    (
        "{{ brief.tone is eq 'hot' }}",
        'never-equal at \'hot\': "brief.tone" is never "hot"',
        "its schema allows only cold, neutral, warm",
    ),
    (
        "{{ brief.count == 'three' }}",
        'never-equal at \'three\': "brief.count" is never "three"',
        "it is a whole number",
    ),
    (
        "{{ brief.headline == 3 }}",
        'never-equal at 3: "brief.headline" is never 3',
        "it is text",
    ),
    (
        "{{ brief.headline == true }}",
        'never-equal at true: "brief.headline" is never true',
        "it is text",
    ),
    (
        "{{ brief.headline + brief.count }}",
        'wrong-type at brief.headline: "+" does not work on text and a whole number',
        '"+" needs two numbers, two texts or two lists',
        "join them as text with ~",
    ),
    (
        "{{ brief.count + brief.benefits }}",
        'wrong-type at brief.count: "+" does not work on a whole number and a list of text',
        '"+" needs two numbers, two texts or two lists',
    ),
    (
        "{{ 1 - brief.headline }}",
        'wrong-type at 1: "-" does not work on a whole number and text',
        '"-" needs two numbers',
    ),
    (
        "{{ -brief.headline }}",
        'wrong-type at -: "brief.headline" is text',
        '"-" needs a number',
    ),
    (
        "{{ brief.headline < brief.count }}",
        'wrong-type at brief.headline: "<" does not work on text and a whole number',
        '"<" needs two numbers, two texts or two lists',
        "make the text a number first: | float",
    ),
    (
        "{{ 3 in brief.headline }}",
        'wrong-type at brief.headline: "in" does not work on a whole number and text',
        '"in" needs text on both sides, or a list on the right',
    ),
    (
        "{{ hero ~ '.png' }}",
        'wrong-type at hero: "hero" is an image',
        '"~" makes text of both sides',
    ),
    (
        "{{ brief.headline is gt 3 }}",
        'wrong-type at is: ">" does not work on text and a whole number',
        '">" needs two numbers, two texts or two lists',
        "make the text a number first: | float",
    ),
    (
        "{{ brief.benefits * 'x' }}",
        'wrong-type at brief.benefits: "*" does not work on a list of text and text',
        '"*" needs two numbers, or text or a list and a number',
    ),
]

RIGHT = [
    "{{ brief.tone == 'warm' or brief.tone in ['cold', 'neutral'] }}",
    "{{ brief.count == none }}{{ brief.count == 3.0 }}{{ brief.ready == true }}",
    "{{ brief.count + brief.price * 2 - 1 // 3 ** 2 % 5 / 7 }}",
    "{{ brief.headline * 2 ~ brief.count ~ brief.benefits }}{{ '%s!' % brief.count }}",
    "{{ (brief.benefits + ['x'])[0].upper() }}{{ (['a'] * 3)[-1].upper() }}",
    "{{ (brief.count ~ '').upper() }}{{ (-brief.count) + 1 }}{{ +brief.price }}",
    "{{ 'x' in brief.headline }}{{ what in brief.benefits }}{{ 'headline' in brief }}",
    "{{ brief.headline < 'b' }}{{ brief.benefits > ['a'] }}{{ what is lt 3 }}{{ 3 * 'a' }}",
    "{{ 'a' == 'b' }}{{ maybe == 'x' }}{{ what in 'abc' }}",
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_cannot_be_is_refused(case: tuple[str, ...]) -> None:
    source, *expected = case
    assert faults(source) == [" | ".join(expected)]


@pytest.mark.parametrize("source", RIGHT)
def test_what_can_be_is_accepted(source: str) -> None:
    assert faults(source) == []
