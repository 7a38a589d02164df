from __future__ import annotations

import pytest

from tests.support.templating import error, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ range(4, 0, -2) }}", [4, 2]),
        ("{{ dict(a=1) }}", {"a": 1}),
        ("{{ dict({'a': 1, 'b': 2}, b=3) }}", {"a": 1, "b": 3}),
        ("{{ dict([('a', 1)]) }}", {"a": 1}),
        ("{% set n = namespace({'a': 1}, b=2) %}{{ n.a }}{{ n.b }}", "12"),
    ],
)
def test_functions(source: str, expected: object) -> None:
    assert render(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ range('a') }}", "range() takes whole numbers only"),
        ("{{ range() }}", "range() failed: range expected at least 1 argument, got 0"),
        ("{{ range(100001) }}", "range() takes at most 100,000 numbers"),
        ("{{ dict(5) }}", "dict() takes an object or a list of pairs, not a number"),
        ("{{ dict([1]) }}", "dict() takes a list of pairs"),
        ("{{ dict([([], 1)]) }}", "dict() uses a list as the key of an object"),
        ("{{ cycler() }}", "cycler() takes at least one value"),
        ("{{ joiner(1) }}", "joiner() takes text, not a number"),
        ("{{ range }}", "the template gives a macro, a function or a namespace, which is no data"),
    ],
)
def test_functions_say_what_they_take(source: str, message: str) -> None:
    assert error(source) == message


@pytest.mark.parametrize(
    "source",
    [
        *("true is boolean", "range is callable", "false is false", "1.5 is float", "1 is integer"),
        *("[] is iterable", "{} is mapping", "1 is number", "[] is sequence", "'' is string"),
        *("true is true", "1 is odd", "2 is even", "4 is divisibleby(2)", "'a' is lower"),
        *(
            "'A' is upper",
            "none is none",
            "1 is defined",
            "nope is undefined",
            "none is sameas none",
        ),
        *("1 is eq(1)", "1 is equalto 1", "1 is ne(2)", "2 is gt(1)", "1 is lt(2)"),
        *("1 is le(1)", "1 is ge(1)", "1 is in [1]", "2 is not in [1]", "nope is not defined"),
        *(
            "2 is greaterthan 1",
            "1 is lessthan 2",
            "'a' is escaped is false",
        ),
    ],
)
def test_tests_hold(source: str) -> None:
    if source.count(" is ") > 1:
        source = "('a' is escaped) is false"
    assert render("{{ " + source + " }}") is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ '%9d' is odd }}", "test odd takes a number, not text"),
        ("{{ 'a' is even }}", "test even takes a number, not text"),
        ("{{ 4 is divisibleby(0) }}", "test divisibleby takes a number that is not 0"),
        ("{{ 1 is lower }}", "test lower takes text, not a number"),
        ("{{ 1 is gt('a') }}", "test gt cannot compare a number with text"),
        ("{{ nope is string }}", '"nope" is not defined'),
        ("{{ nope is none }}", '"nope" is not defined'),
        ("{{ 1 is in(5) }}", "test in cannot look into a number"),
        ("{{ [1] | select('divisibleby') | list }}", "test divisibleby failed: "),
    ],
)
def test_tests_say_what_they_take(source: str, message: str) -> None:
    assert error(source).startswith(message)
