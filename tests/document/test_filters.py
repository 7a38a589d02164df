from __future__ import annotations

import pytest

from tests.support.templating import error, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ {'a': 'ü', 'b': [1, none, true]} | to_json }}", '{"a": "ü", "b": [1, null, true]}'),
        ("{{ {'a': 1} | to_json(indent=2) }}", '{\n  "a": 1\n}'),
        ("{{ '{\"a\": [1.5, null]}' | from_json }}", {"a": [1.5, None]}),
        ("{{ 'a: [1, no]' | from_yaml }}", {"a": [1, "no"]}),
        ("{{ 'Größe: Ein Überblick (Café)!' | slug }}", "grosse-ein-uberblick-cafe"),
        ("{{ 'снег_2 --' | slug }}", "снег-2"),
        ("{{ '!?' | slug }}", ""),
        ("{{ 'abcdefg' | chunk(3) }}", ["abc", "def", "g"]),
        ("{{ 'abcdefg' | chunk(3, overlap=1) }}", ["abc", "cde", "efg"]),
        ("{{ 'abcdef' | chunk(3, 1) }}", ["abc", "cde", "ef"]),
        ("{{ '' | chunk(3) }}", [""]),
        ("{{ 'a' | chunk(3, 2) }}", ["a"]),
        ("{{ ' a  b ' | split }}", ["a", "b"]),
        ("{{ 'a, b' | split(', ') }}", ["a", "b"]),
        ("{{ 'Price: 12 EUR' | regex_search('\\d+') }}", "12"),
        ("{{ 'Price: 12 EUR' | regex_search('(\\d+) (EUR)') }}", "12"),
        ("{{ 'Price' | regex_search('\\d') }}", None),
        ("{{ 'ab' | regex_search('a(x)?') }}", None),
        ("{{ '2026-11-23' | regex_replace('(\\d+)-(\\d+)', '\\2/\\g<1>') }}", "11/2026-23"),
        ("{{ 'a.b' | regex_replace('\\.', '\\\\\\\\') }}", "a\\b"),
        ("{{ 'añb' | regex_replace('b', '[\\g<0>]') }}", "añ[b]"),
        ("{{ 'ab' | regex_replace('a(x)?', '<\\1>') }}", "<>b"),
        ("{{ [1, [2, [3, []]]] | flatten }}", [1, 2, 3]),
        ("{{ [1, [2, [3, []]]] | flatten(1) }}", [1, 2, [3, []]]),
        ("{{ [1, [2]] | flatten(depth=0) }}", [1, [2]]),
        ("{{ [1, 2] | zip_with(['a', 'b'], [true, none]) }}", [[1, "a", True], [2, "b", None]]),
        ("{{ [1, 2] | product('ab' | list) }}", [[1, "a"], [1, "b"], [2, "a"], [2, "b"]]),
        ("{{ [1] | product }}", [[1]]),
        (
            "{{ [{'k': 'b', 'n': 1}, {'k': 'a'}, {'k': 'b'}, {'k': 3}] | group_by_key('k') }}",
            {"b": [{"k": "b", "n": 1}, {"k": "b"}], "a": [{"k": "a"}], "3": [{"k": 3}]},
        ),
        ("{{ [1, 2, 6] | mean }}", 3.0),
        ("{{ [3, 1, 2] | median }}", 2),
        ("{{ [4, 1, 2, 3] | median }}", 2.5),
        ("{{ ['a', 'b', 'b', 'a', 'c'] | most_common }}", "a"),
        ("{{ [{'x': 1}, {'x': 2}, {'x': 2}] | most_common }}", {"x": 2}),
        ("{{ [1, 2, 2, true] | most_common(2) }}", [2, 1]),
        ("{{ [1] | most_common(-1) }}", []),
        ("{{ ['a', 'b', 'a', 'c'] | agreement }}", {"value": "a", "share": 0.5}),
        ("{{ [2, 3] | agreement }}", {"value": 2, "share": 0.5}),
        ("{{ [none, 'a'] | agreement }}", {"value": None, "share": 0.5}),
        ("{{ [[1], [1]] | agreement }}", {"value": [1], "share": 1.0}),
        ("{{ [{}] | agreement }}", {}),
        ("{{ ['a', {'b': 1}] | agreement }}", {"value": "a", "share": 0.5}),
        (
            "{{ [{'a': 1, 'b': {'x': 1, 'y': 2}}, {'a': 1, 'b': {'y': 2, 'x': 1}}, {'a': 2}, "
            "none] | agreement }}",
            {
                "a": {"value": 1, "share": 0.5},
                "b": {"value": {"x": 1, "y": 2}, "share": 0.5},
            },
        ),
        ("{{ 'ü' | b64encode }}", "w7w="),
        ("{{ ('ü' | sha256)[:8] }}", "607474ca"),
    ],
)
def test_filters_reshape_data(source: str, expected: object) -> None:
    found = render(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 5 | slug }}", "filter slug takes text, not a number"),
        ("{{ [] | agreement }}", "filter agreement takes a list with items, not an empty one"),
        ("{{ 'a' | agreement }}", "filter agreement takes a list, not text"),
        ("{{ none | chunk(2) }}", "filter chunk takes text, not null"),
        (
            "{{ 'a' | chunk(0) }}",
            "filter chunk takes a size of at least 1 and an overlap below the size",
        ),
        (
            "{{ 'a' | chunk(2, 2) }}",
            "filter chunk takes a size of at least 1 and an overlap below the size",
        ),
        (
            "{{ 'a' | chunk('b') }}",
            "filter chunk takes a whole number up to 1,000,000 as its size, not text",
        ),
        ("{{ 'a' | split('') }}", "filter split takes text as its separator"),
        ("{{ 'a' | split(1) }}", "filter split takes text as its separator"),
        (
            "{{ '{\"a\": }' | from_json }}",
            "filter from_json cannot read JSON: Expecting value at line 1, column 7",
        ),
        ("{{ 'NaN' | from_json }}", "filter from_json cannot read JSON: NaN is no number"),
        ("{{ '1e999' | from_json }}", "filter from_json cannot read JSON: a number is too large"),
        (
            "{{ 'a' | regex_search('(') }}",
            "filter regex_search has a pattern that cannot be read: missing ): (",
        ),
        (
            "{{ 'a' | regex_search(1) }}",
            "filter regex_search takes text as its pattern, not a number",
        ),
        (
            "{{ 'a' | regex_replace('a', 1) }}",
            "filter regex_replace takes text as the replacement, not a number",
        ),
        (
            "{{ 'a' | regex_replace('a', '\\1') }}",
            "filter regex_replace has no group 1 in its pattern",
        ),
        (
            "{{ 'a' | regex_search('a' * 1001) }}",
            "filter regex_search has a pattern of more than 1,000 characters",
        ),
        ("{{ 'a' | flatten }}", "filter flatten takes a list, not text"),
        ("{{ [1] | zip_with([]) }}", "filter zip_with takes lists of one length, not of 1 and 0"),
        ("{{ [1] | zip_with(1) }}", "filter zip_with takes a list, not a number"),
        (
            "{{ [1] | group_by_key('a') }}",
            "filter group_by_key takes a list of objects, and it holds a number",
        ),
        (
            "{{ [{'b': 1}] | group_by_key('a') }}",
            'filter group_by_key takes objects with the field "a", and one has none',
        ),
        ("{{ [] | mean }}", "filter mean takes a list with numbers, not an empty one"),
        ("{{ ['a'] | median }}", "filter median takes a number, not text"),
        ("{{ [] | most_common }}", "filter most_common takes a list with items, not an empty one"),
        ("{{ hero | sha256 }}", "filter sha256 takes text, not an image"),
        ("{{ nope | slug }}", '"nope" is not defined'),
        ("{{ [nope] | flatten }}", '"nope" is not defined'),
        (
            "{{ 'a' | to_json(indent='b') }}",
            "filter to_json takes a whole number up to 16 as its size, not text",
        ),
    ],
)
def test_what_does_not_fit_is_named(source: str, message: str) -> None:
    assert error(source) == message


def test_faulty_yaml_is_told_with_its_place() -> None:
    assert error("{{ 'a: [1' | from_yaml }}").startswith("filter from_yaml cannot read YAML: ")
    assert error("{{ 'a: 1\\na: 2' | from_yaml }}").endswith("at line 2, column 1")


def test_half_a_character_has_no_bytes() -> None:
    assert error("{{ half | sha256 }}", half="\ud800").startswith("filter sha256 failed: ")
