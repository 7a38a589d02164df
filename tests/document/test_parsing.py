from __future__ import annotations

import pytest

from flowrun.document.faults import Fault
from flowrun.document.templates import TemplateFault, parse, parse_expression
from tests.support.templating import fault


@pytest.mark.parametrize(
    ("source", "message", "code", "mend", "word"),
    [
        (
            "{% for x in y %}{{ x }}",
            'the tag "for" is not closed',
            "unclosed-tag",
            "write {% endfor %} where it ends",
            "for",
        ),
        (
            "{% if a %}{% for x in y %}{% endif %}",
            'the tag "endif" closes nothing here',
            "unknown-tag",
            "close the tag for first",
            "endif",
        ),
        (
            "{% endfor %}",
            'the tag "endfor" closes nothing here',
            "unknown-tag",
            "delete it, or write the tag that it is to close",
            "endfor",
        ),
        ("{% iff a %}{% endif %}", 'unknown tag "iff"', "unknown-tag", "did you mean if?", "iff"),
        (
            "{% set x %}a",
            'the tag "set" is not closed',
            "unclosed-tag",
            "write {% endset %} where it ends",
            "set",
        ),
        (
            "{{ a | slugg }}",
            'unknown filter "slugg"',
            "unknown-filter",
            "did you mean slug?",
            "slugg",
        ),
        ("{{ a is odder }}", 'unknown test "odder"', "unknown-test", "did you mean odd?", "odder"),
        (
            "{{ a | map('slugg') }}",
            'unknown filter "slugg"',
            "unknown-filter",
            "did you mean slug?",
            "slugg",
        ),
        (
            "{{ a | select('odder') }}",
            'unknown test "odder"',
            "unknown-test",
            "did you mean odd?",
            "odder",
        ),
        (
            "{{ a | rejectattr('b', 'odder') }}",
            'unknown test "odder"',
            "unknown-test",
            "did you mean odd?",
            "odder",
        ),
        (
            "{{ a | center(1, 2) }}",
            "filter center: too many positional arguments",
            "wrong-arguments",
            "",
            "center",
        ),
        (
            "{{ a | chunk }}",
            'filter chunk: missing a required argument: "size"',
            "wrong-arguments",
            "",
            "chunk",
        ),
        (
            "{{ a | sort(revers=1) }}",
            'filter sort: got an unexpected keyword argument "revers"',
            "wrong-arguments",
            "",
            "sort",
        ),
        (
            "{{ a is odd(1) }}",
            "test odd: too many positional arguments",
            "wrong-arguments",
            "",
            "odd",
        ),
        ("{{ a | join(d=1, d=2) }}", '"d" is given twice', "wrong-arguments", "", "d"),
        ("{{ f(k=1, k=2) }}", '"k" is given twice', "wrong-arguments", "", "k"),
        (
            "{{ f(_loop_vars=1) }}",
            '"_loop_vars" is not an argument',
            "wrong-arguments",
            "",
            "_loop_vars",
        ),
        (
            "{{ a.__class__ }}",
            'a template cannot reach "__class__"',
            "hidden-name",
            'a field of that name is read as ["__class__"]',
            "__class__",
        ),
        (
            "{{ a._id }}",
            'a template cannot reach "_id"',
            "hidden-name",
            'a field of that name is read as ["_id"]',
            "_id",
        ),
        (
            "{{ __import__ }}",
            'a template cannot name "__import__"',
            "hidden-name",
            "use a name that does not begin with two underscores",
            "__import__",
        ),
        (
            "{% set __x = 1 %}",
            'a template cannot name "__x"',
            "hidden-name",
            "use a name that does not begin with two underscores",
            "__x",
        ),
        (
            "{% autoescape true %}{% endautoescape %}",
            "text is never escaped by itself",
            "unknown-tag",
            "use the filter escape where HTML needs it",
            "autoescape",
        ),
        ("{{ a b }}", 'expected token "}}", got "b"', "template-syntax", "", "b"),
        ("{{ }}", 'expected an expression, got "}}"', "template-syntax", "", "}"),
        ("{{ a | }}", 'expected token "name", got "}}"', "template-syntax", "", "}"),
        ("{{ a", 'unexpected end of template, expected "}}"', "template-syntax", "", "a"),
        ("{% if %}{% endif %}", 'expected an expression, got "%}"', "template-syntax", "", "%"),
        (
            "{{ '\\ud800' }}",
            "half a character cannot stand alone in text",
            "template-syntax",
            "",
            "'",
        ),
        ("{{ a | b . c }}", 'unknown filter "b.c"', "unknown-filter", "", "b"),
        ("{{ '\\x1' }}", "truncated \\xXX escape", "template-syntax", "", "'"),
    ],
)
def test_a_fault_names_what_and_where(
    source: str, message: str, code: str, mend: str, word: str
) -> None:
    found = fault("line {# c #}\n" + source)
    assert (found.message, found.code, found.mend) == (message, code, mend)
    assert ("line {# c #}\n" + source)[found.offset :].startswith(word)
    assert found.length == len(word)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", Fault(0, 1, "an expression is missing", "template-syntax")),
        (
            " {{ a }}",
            Fault(1, 2, "an expression stands here without braces", "braces", mend="write a"),
        ),
        (
            "{% if a %}",
            Fault(0, 2, "an expression stands here without braces", "braces", mend="write if a"),
        ),
        ("a b", Fault(2, 1, "the expression ends before this", "template-syntax")),
        ("a }}", Fault(2, 2, "the expression ends before this", "template-syntax")),
        (
            "a == 'b",
            Fault(
                5,
                1,
                "the quote is not closed",
                "template-syntax",
                mend="write ' at the end of the text",
            ),
        ),
        ("a = 1", Fault(2, 1, "the expression ends before this", "template-syntax")),
        (
            "a | slugg",
            Fault(4, 5, 'unknown filter "slugg"', "unknown-filter", mend="did you mean slug?"),
        ),
    ],
)
def test_a_bare_expression_is_held_to_one(source: str, expected: Fault) -> None:
    with pytest.raises(TemplateFault) as caught:
        parse_expression(source)
    assert (caught.value.fault.offset, caught.value.fault.message, caught.value.fault.mend) == (
        expected.offset,
        expected.message,
        expected.mend,
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "template-too-deep"),
        ("{{ " + "[" * 31 + "]" * 31 + " }}", "template-too-deep"),
        ("{{ " + "not " * 100_000 + "1 }}", "template-too-deep"),
        ("{{ " + "not " * 5000 + "1 }}", "template-too-deep"),
        ("{{ " + "-" * 5000 + "1 }}", "template-too-deep"),
        ("{{ 1" + " + 1" * 200 + " }}", "template-too-deep"),
        ("{{ a" + " | upper" * 200 + " }}", "template-too-deep"),
        ("{{ a" + ".b" * 200 + " }}", "template-too-deep"),
        ("{{ 1" + " if a else 1" * 300 + " }}", "template-too-deep"),
        ("{{ a" + " ** a" * 300 + " }}", "template-too-deep"),
        ("{% if a %}" * 500 + "{% endif %}" * 500, "template-too-deep"),
        ("{% if a %}" * 85 + "{% endif %}" * 85, "template-too-deep"),
        ("{% for a in b %}" * 18 + "{% endfor %}" * 18, "template-too-deep"),
        ("{{ a }}" * 10_000, "template-too-large"),
        ("{{ a }}" + "x" * 1024 * 1024, "template-too-large"),
        ("{{ " + "1" * 1001 + " }}", "number-too-large"),
        ("{{ 1e999 }}", "number-too-large"),
    ],
)
def test_what_is_too_large_is_refused_at_once(source: str, code: str) -> None:
    assert fault(source).code == code


def test_included_files_count_too() -> None:
    def read(name: str) -> str:
        return "{{ a }}" * 3000

    assert fault("{% include 'a' %}" * 9, read).code == "template-too-large"


def test_long_flat_templates_are_fine() -> None:
    assert parse("{{ a }} text " * 3000).references[2999].offset == 2999 * 13 + 3
    assert parse("{{ 'x' ~ " + " ~ ".join("a" * 500) + " }}").is_expression
    assert parse("{% if a %}x{% elif b %}y" + "{% elif c %}z" * 60 + "{% endif %}")


def test_names_with_one_underscore_are_fine() -> None:
    assert [each.name for each in parse("{% for _, x in a %}{{ _y }}{% endfor %}").references] == [
        "a",
        "_y",
    ]


def test_spread_arguments_are_not_counted() -> None:
    assert parse("{{ a | center(*b) }}{{ a | center(**b) }}")
