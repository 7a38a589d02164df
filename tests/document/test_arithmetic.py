from __future__ import annotations

import pytest

from tests.support.templating import error, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 1 + 2 * 3 ** 2 - 7 // 2 % 5 }}", 16),
        ("{{ 7 / 2 }}", 3.5),
        ("{{ -1 + +2 }}", 1),
        ("{{ 2 ** -1 }}", 0.5),
        ("{{ 'a' + 'b' }}", "ab"),
        ("{{ [1] + (2, 3) }}", [1, 2, 3]),
        ("{{ 'ab' * 2 }}{{ 2 * 'ab' }}{{ 'a' * -1 }}", "abababab"),
        ("{{ [0] * 2 }}", [0, 0]),
        ("{{ 'a' ~ 1 ~ none ~ [true] }}", "a1null[true]"),
        (
            "{{ '%s|%5s|%-4s|%.1f|%d|%x|%%' % ('a', true, [1], 2.25, 7, 255) }}",
            "a| true|[1] |2.2|7|ff|%",
        ),
        ("{{ '%(a)s %(b)03d' % {'a': 'x', 'b': 5} }}", "x 005"),
        ("{{ '%s' % none }}", "null"),
        ("{{ 1 < 2 <= 2 != 3 }}", True),
        ("{{ 1 < 2 > 3 }}", False),
        ("{{ 'a' == 1 }}", False),
        ("{{ [1, {'a': 2}] == [1, {'a': 2}] }}", True),
        ("{{ [1, 2] < [1, 3] }}", True),
        ("{{ 'b' in 'abc' }}", True),
        ("{{ 'b' not in ['a', 'b'] }}", False),
        ("{{ [1] in [[1], 2] }}", True),
        ("{{ 3 in range(5) }}", True),
        ("{{ 'a' in {'a': 1} }}", True),
        ("{{ 'abcd'[1:3] }}", "bc"),
        ("{{ [1, 2, 3][::-1] }}", [3, 2, 1]),
        ("{{ (1, 2, 3)[-2:] }}", [2, 3]),
        ("{{ 'abc'[0] }}{{ 'abc'[-1] }}", "ac"),
        ("{{ (1, 2)[0] }}", 1),
        ("{{ not 1 }}", False),
        ("{{ 'a' if false }}", ""),
    ],
)
def test_operators_compute(source: str, expected: object) -> None:
    found = render(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 1 + 'a' }}", 'the template cannot do a number "+" text; ~ joins them as text'),
        ("{{ 'a' - 1 }}", 'the template cannot do text "-" a number'),
        ("{{ 'a' * 'b' }}", 'the template cannot do text "*" text'),
        ("{{ none * 2 }}", 'the template cannot do null "*" a number'),
        ("{{ hero + 1 }}", 'the template cannot do an image "+" a number; ~ joins them as text'),
        ("{{ 1 % 'a' }}", 'the template cannot do a number "%" text'),
        ("{{ -'a' }}", 'the template cannot put "-" before text'),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 // 0.0 }}", "division by zero"),
        ("{{ 2.0 ** 9999 }}", "the number is too large"),
        ("{{ (-8) ** 0.5 }}", "the template takes a root of a negative number"),
        ("{{ 7 ** 9999 }}", "the template computes a number of more than 1,200 digits"),
        (
            "{% set n = namespace(a=2 ** 2000) %}"
            "{% for i in range(2999) %}{% set n.a = n.a + n.a %}{% endfor %}",
            "the template computes a number of more than 1,200 digits",
        ),
        ("{{ 1 < 'a' }}", "the template cannot compare a number with text"),
        ("{{ hero < hero }}", "the template cannot compare an image with an image"),
        ("{{ 1 in 'a' }}", "the template cannot look for a number in text"),
        ("{{ 1 in 5 }}", "the template cannot look into a number"),
        ("{{ [1] in {} }}", "the template uses a list as the key of an object"),
        ("{{ {[1]: 2} }}", "the template uses a list as the key of an object"),
        ("{{ 5[1:] }}", "the template cannot cut a piece out of a number"),
        ("{{ 'a'['b':] }}", "the template cannot cut a piece at text"),
        ("{{ 'a'[::0] }}", "the template cannot cut with a step of 0"),
        ("{{ '%s %s' % 'a' }}", "the template has fewer values than places in its format"),
        ("{{ '%s' % ('a', 'b') }}", "the template has more values than places in its format"),
        ("{{ '%(b)s' % {'a': 1} }}", 'the template has no value for "b" of its format'),
        ("{{ '%(b)s' % 1 }}", 'the template has no value for "b" of its format'),
        ("{{ '%d' % 'a' }}", 'the template cannot format text as "%d"'),
        ("{{ '%r' % 'a' }}", 'the template cannot format text as "%r"'),
        ("{{ '%' % 1 }}", 'the template cannot format a number as "%"'),
        (
            "{{ '%x' % 1.5 }}",
            "the template cannot format a number: %x format: an integer is required, not float",
        ),
        ("{{ '%1001d' % 1 }}", "the template has a format whose width is not a number up to 1000"),
        (
            "{{ '%.99999f' % 1 }}",
            "the template has a format whose width is not a number up to 1000",
        ),
    ],
)
def test_what_does_not_go_together_is_said(source: str, message: str) -> None:
    assert error(source) == message
