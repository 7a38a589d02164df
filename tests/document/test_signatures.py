from __future__ import annotations

import pytest

from flowrun.chat.images import Image
from flowrun.digest import JsonValue
from flowrun.document import templates
from flowrun.document.access import Reading, Subject
from flowrun.document.infer import infer
from flowrun.document.schema_types import from_schema
from flowrun.document.signatures import FILTERS, TESTS, Arguments, apply_filter
from flowrun.document.templates import TemplateError, parse, value
from flowrun.document.types import Anything, ImageType, String
from tests.document.typed_scope import IN_SECTION, VALUES, faults, fits

WRONG = [
    (
        "{{ brief.sections | map(attribute='titel') | join }}",
        'unknown-field at \'titel\': an item of "brief.sections" has no field "titel"',
        IN_SECTION,
        "did you mean title?",
    ),
    (
        "{{ brief.sections | sort(attribute='titel,score') }}",
        'unknown-field at \'titel,score\': an item of "brief.sections" has no field "titel"',
        IN_SECTION,
        "did you mean title?",
    ),
    (
        "{{ brief.sections | selectattr('scor', '>', 3) }}",
        'unknown-field at \'scor\': an item of "brief.sections" has no field "scor"',
        IN_SECTION,
        "did you mean score?",
    ),
    (
        "{% for group in brief.sections | groupby('title') %}{{ group.lst }}{% endfor %}",
        'unknown-field at lst: "group" has no field "lst"',
        "its fields are grouper, list",
        "did you mean list?",
    ),
    (
        "{{ brief.sections | map(attribute='note') | join }}",
        'maybe-missing at \'note\': an item of "brief.sections" may have no field "note"',
        'its schema does not require "note"',
        'write note | default("…"), or ask note is defined',
    ),
    (
        "{{ 42 | slug }}",
        'wrong-type at slug: this value is a whole number: the filter "slug" takes text',
        "make it text first: | string",
    ),
    (
        "{{ brief.headline | mean }}",
        'wrong-type at mean: "brief.headline" is text: the filter "mean" takes a list',
    ),
    (
        "{{ brief.benefits | mean }}",
        'wrong-type at mean: an item of "brief.benefits" is text: the filter "mean" '
        "takes a list of numbers",
    ),
    (
        "{{ brief.headline | abs }}",
        'wrong-type at abs: "brief.headline" is text: the filter "abs" takes a number',
        "make it a number first: | float",
    ),
    (
        "{{ brief.count | length }}",
        'wrong-type at length: "brief.count" is a whole number: the filter "length" '
        "takes text or a list",
    ),
    (
        "{{ brief.benefits | dictsort }}",
        'wrong-type at dictsort: "brief.benefits" is a list of text: the filter '
        '"dictsort" takes an object',
    ),
    (
        "{{ brief.sections | map('slug') | join }}",
        'wrong-type at map: an item of "brief.sections" is an object with title, '
        'score, note: the filter "slug" takes text',
    ),
    (
        "{{ brief.benefits | select('odd') | list }}",
        'wrong-type at select: an item of "brief.benefits" is text: the test "odd" takes a number',
        "make it a number first: | float",
    ),
    (
        "{{ brief.headline is even }}",
        'wrong-type at is: "brief.headline" is text: the test "even" takes a number',
        "make it a number first: | float",
    ),
    (
        "{{ hero | upper }}",
        'wrong-type at upper: "hero" is an image: the filter "upper" takes text',
    ),
    (
        "{{ brief.headline is divisibleby 3 }}",
        'wrong-type at is: "brief.headline" is text: the test "divisibleby" takes a number',
        "make it a number first: | float",
    ),
    (
        "{{ brief.sections | group_by_key('titel') }}",
        'unknown-field at \'titel\': an item of "brief.sections" has no field "titel"',
        IN_SECTION,
        "did you mean title?",
    ),
    (
        "{{ brief.sections | map(attribute='title.size') | join }}",
        "not-an-object at 'title.size': an item of \"brief.sections\" is text: it has "
        'no field "size"',
        "only objects have fields",
    ),
    (
        "{{ brief.sections | sum(attribute='scor') }}",
        'unknown-field at \'scor\': an item of "brief.sections" has no field "scor"',
        IN_SECTION,
        "did you mean score?",
    ),
]

RIGHT = [
    "{{ (gone | default(*what)).x }}{{ (brief.sections | groupby('note', '')) | first | first }}",
    "{{ brief.subtitle | default('none') }}",
    "{{ brief.sections | selectattr('note', 'defined') | list | length }}",
    "{{ brief.sections | map(attribute='note', default='') | join }}",
    "{% for key, rows in brief.sections | groupby('title') %}{{ rows[0].score }}{% endfor %}",
    "{% for g in brief.sections | groupby('title') %}{{ g.list[0].score }}{% endfor %}",
    "{% for row in brief.sections | batch(2) %}{{ row[0].title }}{% endfor %}",
    "{{ brief | tojson }}{{ brief.benefits | to_json }}{{ brief.count | string | slug }}",
    "{{ brief.sections | map(attribute='score') | mean + brief.sections | "
    "sum(attribute='score') }}",
    "{{ (brief.sections | max(attribute='score')).title }}",
    "{{ (brief.headline | from_json).whatever }}{{ brief.headline | split(',') | first | upper }}",
    "{{ brief.headline | reverse | upper }}{{ (brief.benefits | reverse | list)[0].upper() }}",
    "{{ brief.count | default(1) + 1 }}{{ (gone | default('x', true)).upper() }}",
    "{{ [[1, 2], [3]] | flatten | sum }}{{ (what | flatten)[0].x }}",
    "{{ (brief.sections | group_by_key('title')).whatever[0].score }}",
    "{{ brief.count | int + 1 }}{{ brief.headline | int('x') ~ '' }}{{ brief.price | round(1) }}",
    "{{ brief.benefits | map('upper') | map('slug') | list }}{{ brief.benefits | map(**what) }}",
    "{% for title, tone in brief.benefits | zip_with(['a']) %}{{ title.upper() ~ "
    "tone }}{% endfor %}",
    "{{ (brief.sections | zip_with(*what))[0][3].x }}{{ (brief.sections | most_common).title }}",
    "{{ (brief.sections | most_common(2))[0].title }}{{ brief.pair | map(attribute=0) | list }}",
    "{{ brief.sections | map(attribute=what) }}{{ brief.sections | map(what) }}",
    "{{ brief.headline | regex_search('a') | upper }}{{ (many | "
    "groupby(0))[0].list }}{{ brief.sections | map(**what) }}",
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


def test_text_is_no_list_to_join() -> None:
    assert faults("{{ brief.headline | join(', ') }}") == [
        'wrong-type at join: "brief.headline" is text: the filter "join" takes a list'
    ]


def test_every_filter_has_a_signature() -> None:
    assert set(FILTERS) == templates.FILTERS


def test_of_a_filter_that_nobody_knows_anything_may_come() -> None:
    assert apply_filter("unheard_of", String(), Arguments(), Subject()) == Reading(Anything())


def test_every_test_with_a_signature_exists() -> None:
    assert set(TESTS) <= templates.TESTS


ARGUMENTS = {
    "attr": "('a')",
    "batch": "(2)",
    "center": "(9)",
    "chunk": "(3)",
    "format": "()",
    "group_by_key": "('a')",
    "groupby": "('a')",
    "map": "('string')",
    "regex_replace": "('a', 'b')",
    "regex_search": "('a')",
    "rejectattr": "('a')",
    "replace": "('a', 'b')",
    "selectattr": "('a')",
    "slice": "(2)",
}
DATA: list[JsonValue] = [
    *(None, True, 0, 3, 1.5, "", "a b", "7", "[1]"),
    *([], [1, 2.5], ["a", "b"], [["a"], ["b"]], [None], [True], {}, {"a": 1}, {"a": "b"}),
    *([{"a": 1}, {"a": 2}], [{"a": "x"}], [{"a": None, "b": [1]}], [[1, 2], [3]], {"a": {"b": 1}}),
]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_filter_refuses_only_what_fails(name: str) -> None:
    template = parse(f"{{{{ x | {name}{ARGUMENTS.get(name, '')} }}}}")
    for each in DATA:
        given, told = infer(template.tree, {"x": from_schema({"const": each})})
        try:
            result = value(template, {"x": each})
        except TemplateError:
            continue
        if (name, type(each)) != ("join", str):
            assert told == (), each
            assert fits(result, given), (each, result)


@pytest.mark.parametrize("name", sorted(filter(str.isidentifier, templates.TESTS)))
def test_a_test_refuses_only_what_fails(name: str) -> None:
    argument = {"divisibleby": " 3", "sameas": " 3"}.get(name, "")
    if name in SIGNS:
        argument = " 'a'"
    template = parse(f"{{{{ x is {name}{argument} }}}}")
    for each in DATA:
        told = infer(template.tree, {"x": from_schema({"const": each})})[1]
        try:
            value(template, {"x": each})
        except TemplateError:
            continue
        assert [fault for fault in told if fault.code != "never-equal"] == [], each


SIGNS = {"eq", "equalto", "ne", "gt", "greaterthan", "ge", "lt", "lessthan", "le", "in"}


def test_an_image_goes_into_few_filters() -> None:
    image = Image(b"", "image/png", 1, 1, "0" * 64)
    for name in FILTERS:
        template = parse(f"{{{{ x | {name}{ARGUMENTS.get(name, '')} }}}}")
        if infer(template.tree, {"x": ImageType()})[1]:
            with pytest.raises(TemplateError):
                value(template, {"x": image})
