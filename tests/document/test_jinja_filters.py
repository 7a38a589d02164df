from __future__ import annotations

import pytest

from tests.support.templating import error, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ (-3) | abs }}", 3),
        ("{{ brief | attr('headline') }}", "Light"),
        ("{{ [1, 2, 3] | batch(2, 0) }}", [[1, 2], [3, 0]]),
        ("{{ 'aBC' | capitalize }}", "Abc"),
        ("{{ 'a' | center(3) }}", " a "),
        ("{{ 'abc' | count }}", 3),
        ("{{ none | default('x') }}", None),
        ("{{ none | default('x', true) }}", "x"),
        ("{{ nope | d(1) }}", 1),
        ("{{ brief.nope | default }}", ""),
        ("{{ {'b': 1, 'a': 2} | dictsort }}", [["a", 2], ["b", 1]]),
        ("{{ '<' | e }}", "&lt;"),
        ("{{ '<' | escape | forceescape }}", "&amp;lt;"),
        ("{{ 2048 | filesizeformat(true) }}", "2.0 KiB"),
        ("{{ [3, 4] | first }}", 3),
        ("{{ '1.5' | float }}", 1.5),
        ("{{ 'x' | float }}", 0.0),
        ("{{ none | float(2) }}", 2),
        ("{{ '%s: %(a)s' | format(a=1) if false else '%s-%03d' | format('x', 7) }}", "x-007"),
        ("{{ '%(a)s' | format(a=1) }}", "1"),
        ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
        ("{{ 'a\nb' | indent('> ', first=true) }}", "> a\n> b"),
        ("{{ '12' | int }}", 12),
        ("{{ 'x' | int(7) }}", 7),
        ("{{ 3.9 | int }}", 3),
        ("{{ {'a': 1} | items }}", [["a", 1]]),
        ("{{ [1, none, true, {'a': 1}] | join(', ') }}", '1, null, true, {"a": 1}'),
        ("{{ [{'a': 1}, {'a': 2}] | join('-', attribute='a') }}", "1-2"),
        ("{{ 'abc' | join('-') }}", "a-b-c"),
        ("{{ [3, 4] | last }}", 4),
        ("{{ {'a': 1} | length }}", 1),
        ("{{ 'ab' | list }}", ["a", "b"]),
        ("{{ {'a': 1} | list }}", ["a"]),
        ("{{ 'AB' | lower }}", "ab"),
        ("{{ ['a', 'b'] | map('upper') }}", ["A", "B"]),
        ("{{ ['a'] | map('upper') | length }}", 1),
        ("{{ none | map('upper') }}", []),
        ("{{ [{'a': {'b': 1}}] | map(attribute='a.b') }}", [1]),
        ("{{ [3, 9, 4] | max }}", 9),
        ("{{ ['b', 'A'] | min }}", "A"),
        ("{{ {'a': [1]} | pprint }}", "{'a': [1]}"),
        ("{{ [1, 2] | reject('odd') }}", [2]),
        ("{{ [{'a': 0}, {'a': 1}] | rejectattr('a') }}", [{"a": 0}]),
        ("{{ 'aXa' | replace('a', 'b') }}", "bXb"),
        ("{{ 'aXa' | replace('a', 'b', 1) }}", "bXa"),
        ("{{ 'abc' | reverse }}", "cba"),
        ("{{ [1, 2] | reverse }}", [2, 1]),
        ("{{ 2.567 | round(1) }}", 2.6),
        ("{{ 2.5 | round(method='ceil') }}", 3.0),
        ("{{ 2.55 | round(1, 'floor') }}", 2.5),
        ("{{ '<b>' | safe }}", "<b>"),
        ("{{ [1, 2, 3] | select('>', 1) }}", [2, 3]),
        ("{{ [{'a': 1}, {'a': 2}] | selectattr('a', 'eq', 2) }}", [{"a": 2}]),
        ("{{ [1, 2, 3] | slice(2) }}", [[1, 2], [3]]),
        ("{{ ['b', 'A'] | sort }}", ["A", "b"]),
        ("{{ [{'a': 2}, {'a': 1}] | sort(attribute='a') }}", [{"a": 1}, {"a": 2}]),
        ("{{ [1, true] | string }}", "[1, true]"),
        ("{{ '<b>x</b>' | striptags }}", "x"),
        ("{{ [1, 2.5] | sum }}", 3.5),
        ("{{ [{'a': 1}, {'a': 2}] | sum(attribute='a', start=1) }}", 4),
        ("{{ [[1], [2]] | sum(start=[]) }}", [1, 2]),
        ("{{ 'ab cd' | title }}", "Ab Cd"),
        ("{{ {'a': '<é>'} | tojson }}", '{"a": "<é>"}'),
        ("{{ '  a ' | trim }}", "a"),
        ("{{ 'xax' | trim('x') }}", "a"),
        ("{{ 'abcdefghij' | truncate(6, true, '…', 0) }}", "abcde…"),
        ("{{ ['a', 'A', 'b', 1, 1, [1], [1]] | unique }}", ["a", "b", 1, [1]]),
        ("{{ ['a', 'A'] | unique(true) }}", ["a", "A"]),
        ("{{ [{'a': 1, 'b': 1}, {'a': 1}] | unique(attribute='a') }}", [{"a": 1, "b": 1}]),
        ("{{ 5 | upper }}", "5"),
        ("{{ 'a b/ü' | urlencode }}", "a%20b/%C3%BC"),
        ("{{ {'a': 'b c'} | urlencode }}", "a=b+c"),
        ("{{ 5 | urlencode }}", "5"),
        (
            "{{ 'see www.a.org' | urlize }}",
            'see <a href="https://www.a.org" rel="noopener">www.a.org</a>',
        ),
        ("{{ 'one two' | wordcount }}", 2),
        ("{{ 'one two' | wordwrap(4) }}", "one\ntwo"),
        ("{{ {'a': 'b'} | xmlattr }}", ' a="b"'),
        ("{% filter upper %}a{{ 1 }}{% endfilter %}", "A1"),
        ("{% set x | upper %}a{% endset %}{{ x }}", "A"),
    ],
)
def test_jinjas_filters_work_on_data(source: str, expected: object) -> None:
    found = render(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 'a' | abs }}", "filter abs takes a number, not text"),
        ("{{ 5 | length }}", "filter length takes a list, an object or text, not a number"),
        ("{{ 5 | first }}", "filter first takes a list, not a number"),
        ("{{ [] | first }}", "No first item, sequence was empty."),
        ("{{ [] | max }}", "No aggregated item, sequence was empty."),
        ("{{ 5 | dictsort }}", "filter dictsort takes an object, not a number"),
        ("{{ 5 | items }}", "filter items takes an object, not a number"),
        (
            "{{ [1, 'a'] | sort }}",
            "filter sort failed: '<' not supported between instances of 'str' and 'int'",
        ),
        (
            "{{ {'a': 1} | dictsort(by='x') }}",
            'filter dictsort failed: You can only sort by either "key" or "value"',
        ),
        ("{{ 1.5 | round(method='x') }}", 'filter round rounds by "common", "ceil" or "floor"'),
        ("{{ [1, 'a'] | sum }}", 'filter sum cannot do a number "+" text; ~ joins them as text'),
        ("{{ '%s' | format(1, a=2) }}", "filter format takes values by place or by name, not both"),
        ("{{ [1] | batch(0) }}", "filter batch takes a number of at least 1"),
        ("{{ [1] | slice(-1) }}", "filter slice takes a number of at least 1"),
        ("{{ [1] | map }}", "filter map failed: map requires a filter argument"),
        ("{{ [1] | map(nope) }}", '"nope" is not defined'),
        ("{{ [1] | map([]) }}", "filter map takes the name of a filter or test, not a list"),
        ("{{ [1] | map('x' ~ 'y') }}", "No filter named 'xy'."),
        ("{{ [1] | attr(1) }}", "filter attr takes the name of a field, not a number"),
        ("{{ [{}] | map(attribute='a') }}", 'no field "a"'),
        ("{{ ('9' * 5000) | int + nope }}", '"nope" is not defined'),
        ("{{ 5 | join }}", "filter join takes a list, not a number"),
        ("{{ 1 | sum }}", "filter sum takes a list, not a number"),
        ("{{ 1 | unique }}", "filter unique takes a list, not a number"),
    ],
)
def test_what_does_not_fit_is_named(source: str, message: str) -> None:
    assert error(source) == message


def test_long_digits_are_no_number() -> None:
    assert render("{{ ('9' * 5000) | int(7) }}") == 7
    assert render("{{ ('1' * 400) | float }}") == float("inf")
