from __future__ import annotations

import pytest

from tests.support.templating import error, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 'aB'.upper() }}", "AB"),
        ("{{ ' a '.strip() }}", "a"),
        ("{{ 'abc'.startswith('a') }}", True),
        ("{{ 'abc'.endswith(('b', 'c')) }}", True),
        ("{{ 'abcabc'.count('b') }}", 2),
        ("{{ 'abc'.find('c') }}", 2),
        ("{{ '7'.zfill(3) }}{{ 'a'.center(3, '-') }}{{ 'a'.ljust(2) }}|", "007-a-a |"),
        ("{{ 'a,b,c'.split(',') }}", ["a", "b", "c"]),
        ("{{ 'a,b,c'.split(',', 1) }}", ["a", "b,c"]),
        ("{{ 'a,b,c'.rsplit(',', maxsplit=1) }}", ["a,b", "c"]),
        ("{{ ' a  b'.split() }}", ["a", "b"]),
        ("{{ ('a ' * 600).split() | length }}", 600),
        ("{{ 'a=b'.partition('=') }}", ["a", "=", "b"]),
        ("{{ 'a\nb'.splitlines() }}", ["a", "b"]),
        ("{{ '-'.join(['a', 1]) }}", "a-1"),
        ("{{ 'aa'.replace('a', 'b', 1) }}", "ba"),
        ("{{ {'a': 1}.get('a') }}{{ {}.get('b', 2) }}{{ {}.get('c') }}", "12null"),
        ("{{ {'a': 1}.keys() }}", ["a"]),
        ("{{ {'a': 1}.values() }}", [1]),
        ("{{ {'a': 1}.items() }}", [["a", 1]]),
        ("{{ [1, 2, 1].count(1) }}", 2),
        ("{{ [1, 2].index(2) }}", 1),
        ("{% macro m() %}{{ varargs.index(3) }}{% endmacro %}{{ m(2, 3) }}", "1"),
    ],
)
def test_methods_of_data(source: str, expected: object) -> None:
    assert render(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 'a'.strip([1]) }}", "strip() takes text or a number, not a list"),
        ("{{ 'a'.join('b') }}", "join() takes a list, not text"),
        ("{{ 'a'.split('') }}", "split() failed: empty separator"),
        ("{{ [1].index(2) }}", "index() failed: 2 is not in list"),
        ("{{ {}.get([1]) }}", "get() uses a list as the key of an object"),
        ("{{ 'a'.upper(1) }}", "upper() failed: str.upper() takes no arguments (1 given)"),
        ("{{ 'a'.replace(nope, 'b') }}", '"nope" is not defined'),
        (
            "{{ 'a'.upper }}",
            "the template gives a macro, a function or a namespace, which is no data",
        ),
    ],
)
def test_arguments_that_do_not_fit(source: str, message: str) -> None:
    assert error(source) == message
