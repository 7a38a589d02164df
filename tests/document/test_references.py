from __future__ import annotations

import pytest

from flowrun.document.templates import parse, parse_expression
from tests.support.templating import folder


def names(source: str) -> list[str]:
    """The references of a template, those it can do without with a question mark."""
    return [
        each.name + ("?" if each.optional else "")
        for each in parse(source, files=folder(a="{{ x }}{% set q = y %}{{ q }}")).references
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("text", []),
        ("{{ a }} {{ b.c[d] }} {{ a | join(e) }}", ["a", "b", "d", "a", "e"]),
        ("{{ range(n) }} {{ true }} {{ self.x() }}", ["n"]),
        ("{{ a or b }}", ["a?", "b?"]),
        ("{{ a.x or b['y'] or c[0] or 1 }}", ["a?", "b?", "c?"]),
        ("{{ a or b + c }}", ["a?", "b", "c"]),
        ("{{ a and a.x }}", ["a", "a?"]),
        ("{{ (a and b) or c }}", ["a?", "b?", "c?"]),
        ("{{ not a }}", ["a"]),
        ("{{ not a or b }}", ["a?", "b?"]),
        ("{{ a | default(b) }} {{ c.x | d(1) | upper }}", ["a?", "b", "c?"]),
        ("{{ (a | upper) or b }}", ["a", "b?"]),
        ("{{ a is defined }} {{ b.x is none }} {{ c is not none }}", ["a?", "b?", "c?"]),
        ("{{ a is undefined or b is divisibleby(c) }}", ["a?", "b", "c"]),
        ("{{ a.x if a else b }}", ["a?", "a?", "b"]),
        ("{{ a if b }}", ["a", "b?"]),
        ("{% if a %}{{ a.x }}{{ b }}{% endif %}{{ a }}", ["a?", "a?", "b", "a"]),
        ("{% if a and b > 1 %}{{ b }}{% endif %}", ["a?", "b", "b?"]),
        (
            "{% if a %}{% elif b %}{{ a }}{{ b }}{% else %}{{ b }}{% endif %}",
            ["a?", "b?", "a?", "b?", "b?"],
        ),
        (
            "{% for x in a if b %}{{ x }}{{ b }}{{ loop.index }}{% else %}{{ x }}{% endfor %}",
            ["a", "b?", "b?", "x"],
        ),
        ("{% for x, (y, z) in a %}{{ x }}{{ y }}{{ z }}{% endfor %}{{ y }}", ["a", "y"]),
        ("{% set x = x %}{{ x }}{% set y, z = a %}{{ y }}{{ z }}", ["x", "a"]),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", ["a?"]),
        ("{% for i in a %}{% set x = 1 %}{% endfor %}{{ x }}", ["a", "x"]),
        ("{% set n = namespace(v=a) %}{% set n.v = b %}{{ n.v }}", ["a", "b"]),
        ("{% set x | replace('a', 'b') %}{{ c }}{% endset %}{{ x }}", ["c"]),
        ("{% with x = a, y = x %}{{ x }}{{ y }}{% endwith %}{{ x }}", ["a", "x", "x"]),
        (
            "{% macro m(x, y=a) %}{{ x }}{{ b }}{{ caller() }}{{ varargs }}{{ m(1) }}{% endmacro %}"
            "{{ m(c) }}",
            ["a", "b", "c"],
        ),
        ("{% macro m() %}{% endmacro %}{% call(x) m(a) %}{{ x }}{{ b }}{% endcall %}", ["a", "b"]),
        ("{% filter replace(a, b) %}{{ c }}{% endfilter %}", ["a", "b", "c"]),
        ("{% block b %}{{ a }}{{ super() }}{% endblock %}", ["a"]),
        ("{{ a }}{% include 'a' %}{{ q }}", ["a", "x", "y", "q"]),
        ("{% set x = 1 %}{% include 'a' %}", ["y"]),
        ("{% import 'a' as m with context %}{{ m.f() }}", ["x", "y"]),
        ("{% from 'a' import f as g, h with context %}{{ g() }}{{ h() }}", ["x", "y"]),
        ("{% extends 'a' %}{% block b %}{{ c }}{% endblock %}", ["x", "y", "c"]),
        (
            "{{ {'k': a, b: 1} }} {{ [c, (d, e)] }} {{ -f }} {{ g ~ h }} {{ i < j }}",
            list("abcdefghij"),
        ),
        ("{{ a[b:c] }} {{ d(e, k=f, *g, **h) }}", list("abcdefgh")),
    ],
)
def test_free_names_are_references(source: str, expected: list[str]) -> None:
    assert names(source) == expected


def test_references_stand_in_the_order_of_the_text() -> None:
    found = parse("{{ second if first else third }}").references
    assert [(each.name, each.offset) for each in found] == [
        ("second", 3),
        ("first", 13),
        ("third", 24),
    ]


def test_the_field_read_first_is_known() -> None:
    found = parse("{{ run.brief.model }} {{ run['hero'] }} {{ run[x] }}").references
    assert [each.field for each in found] == ["brief", "hero", "", ""]


def test_names_of_a_file_stand_at_the_tag() -> None:
    source = "text {% include 'a' %} {{ b }}"
    assert [each.offset for each in parse(source, files=folder(a="\n\n{{ x }}")).references] == [
        8,
        26,
    ]


def test_a_bare_expression_has_references_of_its_own() -> None:
    found = parse_expression("refund is none and exchange.ok").references
    assert [(each.name, each.offset, each.optional) for each in found] == [
        ("refund", 0, True),
        ("exchange", 19, False),
    ]
