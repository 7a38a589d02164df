from __future__ import annotations

import pytest

from flowrun.document.infer import infer, printed
from flowrun.document.names import Names
from flowrun.document.templates import parse, parse_expression
from flowrun.document.types import String, describe
from tests.document.typed_scope import FIELDS, IN_SECTION, SCOPE, faults

WRONG = [
    (
        "{% for section in brief.sections %}{{ section.titel }}{% endfor %}",
        'unknown-field at titel: "section" has no field "titel"',
        IN_SECTION,
        "did you mean title?",
    ),
    (
        "{% for b in brief.benefits %}{{ loop.indx }}{% endfor %}",
        'unknown-field at indx: "loop" has no field "indx"',
        "its fields are index, index0, revindex, revindex0, length, depth, depth0, "
        "first, last, previtem, nextitem, cycle, …",
        "did you mean index?",
    ),
    (
        "{% with x = brief %}{{ x.zzz }}{% endwith %}",
        'unknown-field at zzz: "x" has no field "zzz"',
        FIELDS,
    ),
    (
        "{% filter upper %}{{ brief.zzz }}{% endfilter %}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
    (
        "{% if brief.zzz %}yes{% endif %}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
    (
        "{% for c in brief.headline %}{{ c }}{% endfor %}",
        'not-a-list at brief.headline: "brief.headline" is text, not a list',
        "a loop needs a list",
    ),
    (
        "{% for c in brief.count %}{{ c }}{% endfor %}",
        'not-a-list at brief.count: "brief.count" is a whole number, not a list',
        "a loop needs a list",
    ),
    (
        "{% for c in hero %}{{ c }}{% endfor %}",
        'not-a-list at hero: "hero" is an image, not a list',
        "a loop needs a list",
    ),
    (
        "{% for a, b in many | map('length') %}{% endfor %}",
        'not-a-list at a: an item of "(many | map(…))" is a whole number: it cannot '
        "be taken apart into 2 names",
        "2 names need a list of 2 items",
    ),
    (
        "{% set a, b, c = brief.pair %}",
        'not-a-list at a: "brief.pair" is a list: it cannot be taken apart into 3 names',
        "3 names need a list of 3 items",
    ),
    (
        "{% for section in brief.sections if section.scor > 1 %}{% endfor %}",
        'unknown-field at scor: "section" has no field "scor"',
        IN_SECTION,
        "did you mean score?",
    ),
    (
        "{% for a, (b, c) in table.items() %}{% endfor %}",
        "not-a-list at b: an item is a number: it cannot be taken apart into 2 names",
        "2 names need a list of 2 items",
    ),
    (
        "{% set x | slug %}{{ brief.zzz }}{% endset %}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
    (
        "{% macro m(a=brief.zzz) %}{% endmacro %}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
    (
        "{% block b %}{{ brief.zzz }}{% endblock %}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
    (
        "{{ [brief.zzz, 1] }}",
        'unknown-field at zzz: step "brief" has no field "zzz"',
        FIELDS,
    ),
]

RIGHT = [
    "no template at all",
    "{% for s in brief.sections %}{{ loop.cycle('a', 'b') }}{% else %}{{ brief.tone }}{% endfor %}",
    "{% for k, v in table.items() %}{{ k.upper() }} {{ v + 1 }}{% endfor %}",
    "{% for k in brief %}{{ brief[k] }}{% endfor %}",
    "{% for key, rows in brief.sections | groupby('title') %}{{ rows[0].score }}{% endfor %}",
    "{% for row in brief.sections | batch(2) %}{{ row[0].title }}{% endfor %}",
    "{% for a in tree.kids recursive %}{{ a.name }}{{ loop(a.kids) }}{% endfor %}",
    "{% set a, b = brief.pair %}{{ a.upper() }}{{ b.name }}",
    "{% set x = brief.sections[0] %}{{ x.title }}",
    "{% if brief.ready %}{% set x = 1 %}{% else %}{% set x = 'a' %}{% endif %}{{ x + 'b' }}",
    "{% if brief.ready %}{% set brief = what %}{% endif %}{{ brief.zzz }}",
    "{% set x %}{{ brief.headline }}{% endset %}{{ x.upper() }}",
    "{% set x | upper %}a{% endset %}{{ x.lower() }}",
    "{% macro m(a, b='x') %}{{ a.zzz }}{{ b.zzz }}{{ varargs }}{% endmacro %}{{ m(brief).z }}",
    "{% macro m() %}{{ x.y }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = {'y': 1} %}",
    "{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(x) m() %}{{ x.zzz }}{% endcall %}",
    "{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ ns.other }}",
    "{{ {what: 1}.zzz }}{{ [] | first }}{% for x in [] %}{{ x.zzz }}{% endfor %}",
    "{% for x in xs %}{% set brief = x %}{{ brief.zzz }}{% endfor %}{{ brief.headline }}",
    "{% if what %}{% set x = 1 %}{% elif gone %}{% set x = 'a' %}{% endif %}{{ x | default(2) }}",
    "{% with x = brief, y = 1 %}{{ x.headline }}{{ y + 1 }}{% endwith %}{{ x.zzz }}",
    "{% set x = 1 %}{% block b %}{{ x.y }}{% endblock %}{% set x = {'y': 1} %}",
    "{% for x in brief.sections %}{% set brief = x %}{% endfor %}{{ brief.headline }}",
    "{% if brief.subtitle is defined %}{% set brief = what %}{{ brief.subtitle }}{% endif %}",
    "{% for x, y in brief.benefits %}{% endfor %}{% for x, y in what %}{{ x.z }}{% endfor %}",
    "{% set x, (y, z) = 1, (2, 'a') %}{{ x + y }}{{ z.upper() }}",
    "{% call(x) what() %}{{ x.zzz }}{% endcall %}{% filter upper %}a{% endfilter %}",
]

FILES = {"parts.j2": "{% macro m(a) %}{{ a.b }}{% endmacro %}", "end.j2": "The end."}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_cannot_be_is_refused(case: tuple[str, ...]) -> None:
    source, *expected = case
    assert faults(source) == [" | ".join(expected)]


@pytest.mark.parametrize("source", RIGHT)
def test_what_can_be_is_accepted(source: str) -> None:
    assert faults(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "{% from 'parts.j2' import m, m as brief %}{{ brief(brief.zzz).x }}{{ m(1).x }}",
        "{% import 'parts.j2' as brief %}{{ brief.m(1) }}{{ brief.zzz }}",
        "{% include 'end.j2' %}{{ brief.headline }}",
    ],
)
def test_of_what_other_files_hold_nothing_is_known(source: str) -> None:
    tree = parse(source, files=FILES.__getitem__).tree
    assert infer(tree, SCOPE) == (String(), ())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ brief.headline }}", "text"),
        ("{{ brief }} ", "text"),
        ("", "text"),
        ("{{ brief.sections }}", "a list of objects with title, score, note"),
        ("{{ brief.sections | map(attribute='score') | list }}", "a list of numbers"),
        ("{{ brief.sections | map(attribute='note', default=1) | list }}", "a list"),
        ("{{ brief.sections | length }}", "a whole number"),
        ("{{ brief.sections | length / 2 }}", "a number"),
        ("{{ brief.author }}", "an object with name, mail or null"),
        ("{{ brief.author or brief.headline }}", "text or an object with name, mail"),
        ("{{ brief.author and brief.headline }}", "text or an object with name, mail or null"),
        ("{{ brief.headline if brief.ready else 3 }}", "text or a whole number"),
        ("{{ brief.headline if brief.ready }}", "text"),
        ("{{ brief.ready and not brief.ready }}", "true or false"),
        ("{{ 1 < 2 }}", "true or false"),
        ("{{ brief.headline ~ 3 }}", "text"),
        ("{{ 1.5 }}", "a number"),
        ("{{ none }}", "null"),
        ("{{ (1, 'a') }}", "a list"),
        ("{{ {'a': 1} }}", "an object with a"),
        ("{{ hero }}", "an image"),
        ("{{ brief.sections | sum }}", "anything"),
        ("{{ [1, 2] | sum }}", "a whole number"),
        ("{{ [1, 2.5] | sum }}", "a number"),
        ("{{ brief.items() | list }}", "a list of lists"),
        ("{{ what | items | list }}", "a list of lists"),
        ("{{ [[1], [2]] | flatten }}", "a list of whole numbers"),
        ("{{ [[[1]]] | flatten }}", "a list"),
        ("{{ brief.benefits.index('a') }}", "a whole number"),
        ("{{ brief.keys }}", "anything"),
        ("{{ what.a.b }}", "anything"),
    ],
)
def test_a_lone_expression_keeps_its_type(source: str, expected: str) -> None:
    assert describe(infer(parse(source).tree, SCOPE)[0]) == expected


def test_faults_stand_at_their_places_in_a_long_template() -> None:
    source = "First line\r\n{# nothing #}{{ brief.headline }}\n  {{- brief . headlin }}\n"
    (fault,) = infer(parse(source).tree, SCOPE)[1]
    assert source[fault.offset :].startswith(" headlin }}")
    assert fault.length == len("headlin")


def test_faults_come_in_order_and_once() -> None:
    source = "{% if brief.b and brief.a %}{{ brief.a }}{% endif %}{{ brief.zzz }}"
    found = infer(parse(source).tree, SCOPE)[1]
    assert [source[each.offset] for each in found] == ["b", "a", "z"]


def test_a_bare_expression_is_checked_like_a_template() -> None:
    tree = parse_expression("triage.tool == 'refnd'").tree
    found, (fault,) = infer(tree, SCOPE, steps=["triage"])
    assert (describe(found), fault.offset, fault.code) == ("true or false", 15, "never-equal")


def test_without_steps_messages_name_the_path_alone() -> None:
    (fault,) = infer(parse("{{ brief.zzz }}").tree, SCOPE)[1]
    assert fault.message == '"brief" has no field "zzz"'


def test_a_variable_hides_the_step_of_its_name() -> None:
    (fault,) = faults("{% for brief in brief.sections %}{{ brief.zzz }}{% endfor %}")
    assert fault.startswith('unknown-field at zzz: "brief" has no field')


def test_a_hundred_steps_that_read_each_other_are_quick_to_check() -> None:
    scope = {f"step_{n}": SCOPE["brief"] for n in range(1000)}
    tree = parse("{% for s in step_7.sections %}{{ s.titel }}{% endfor %}").tree
    assert all(len(infer(tree, scope)[1]) == 1 for _ in range(100))


@pytest.mark.parametrize(
    "source",
    [
        "{{ brief" + ".a" * 70 + " }}",
        "{{ what" + " | upper" * 70 + " }}",
        "{{ what" + " and what.a" * 70 + " }}",
        "{{ what" + " + 1" * 70 + " }}",
        "{{ " + "not " * 60 + "what }}",
        "{% if what %}" * 30 + "{{ brief.zzz }}" + "{% endif %}" * 30,
    ],
)
def test_deep_nesting_is_walked(source: str) -> None:
    assert len(faults(source)) <= 1


def test_a_file_that_is_extended_prints_text() -> None:
    tree = parse("{% extends 'a' %}", files={"a": "x"}.__getitem__).tree
    assert infer(tree, SCOPE) == (String(), ())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ brief }}", ["brief"]),
        ("a {{ brief.headline }} b {{ hero }}", ["brief.headline", "hero"]),
        ("{% if what %}{{ hero }}{% else %}{{ word }}{% endif %}", ["hero", "word"]),
        ("{% for s in brief.sections %}{{ s.title }}{% endfor %}", ["s.title"]),
        ("{% with x = hero %}{{ x }}{% endwith %}", ["x"]),
        ("{% block b %}{{ hero }}{% endblock %}", ["hero"]),
        ("{% set x = hero %}{% set y %}{{ hero }}{% endset %}{{ y }}", ["y"]),
        ("{% macro f(x) %}{{ x }}{% endmacro %}{{ f(hero) }}", [""]),
        ("{% filter upper %}{{ word }}{% endfilter %}", []),
        ("no expression", []),
    ],
)  # fmt: skip
def test_what_is_printed_where_it_stands_is_listed(source: str, expected: list[str]) -> None:
    found = printed(parse(source).tree, Names(SCOPE))
    assert [each.subject.path for each in found] == expected
    assert all(
        source[each.offset : each.offset + each.length] == each.subject.path
        for each in found
        if each.subject.path
    )
