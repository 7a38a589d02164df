from __future__ import annotations

import resource

import pytest

from flowrun.chat.images import Image
from flowrun.document.templates import TemplateError, TemplateFault, parse, text
from tests.support.templating import PICTURE, error, fault, render


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ inputs.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ ('' | attr('__cla' ~ 'ss__')) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ ''.format_map({}) }}",
        "{{ '{0.__class__}' | attr('format') }}",
        "{{ ['{0.__class__}'] | map('attr', 'format') | list }}",
        "{{ ['a'] | map(attribute='__class__') | list }}",
        "{{ ['a'] | map('format', 1) | list }}",
        "{{ inputs.items.append(1) }}",
        "{{ [].append(1) }}",
        "{{ inputs.update({'a': 1}) }}",
        "{{ {}.pop('a') }}",
        "{{ range.__globals__ }}",
        "{{ range.implementation }}",
        "{{ namespace._Namespace__attrs }}",
        "{{ namespace()['_Namespace__attrs'] }}",
        "{{ cycler(1)['__init__'] }}",
        "{{ joiner().__init__ }}",
        "{{ lipsum(5) }}",
        "{{ self._TemplateReference__context }}",
        "{{ self['_TemplateReference__context'] }}",
        "{{ loop }}",
        "{{ hero.data }}",
        "{{ hero['data'] }}",
        "{{ hero.from_bytes('x') }}",
        "{{ hero | attr('data') }}",
        "{{ [hero] | map(attribute='data') | list }}",
        "{{ [hero, hero] | sort(attribute='data') }}",
        "{{ 'a'.encode() }}",
        "{{ 1 .real }}",
        "{% macro m() %}{% endmacro %}{{ m._func }}",
        "{% macro m() %}{{ caller }}{% endmacro %}{{ m() }}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% for x in [1] %}{{ loop['_iterator'] }}{% endfor %}",
        "{{ {}.__init__ }}",
        "{{ cycler(1).items }}",
        "{% block b %}{{ self['b']['_context'] }}{% endblock %}",
    ],
)
def test_nothing_but_data_is_reachable(source: str) -> None:
    with pytest.raises((TemplateError, TemplateFault)):
        render(source)


def test_a_field_wins_over_a_method() -> None:
    assert render("{{ inputs.items }}") == [1, 2]
    assert render("{{ brief.items() }}") == [
        ["headline", "Light"],
        ["benefits", ["bright", "light"]],
    ]
    assert render("{{ {'_id': 7}['_id'] }}") == 7
    assert render("{{ {'keys': 1}.keys }} {{ {'a': 1}['a'] }}") == "1 1"


def test_what_is_not_there_is_named_with_the_nearest() -> None:
    assert error("{{ inpts }}") == '"inpts" is not defined; did you mean inputs?'
    assert error("{{ brief.headlin }}") == 'no field "headlin"; did you mean headline?'
    assert error("{{ brief['headlin'] }}") == 'no field "headlin"; did you mean headline?'
    assert error("{{ {}.zzz }}") == 'no field "zzz"'
    assert error("{{ 'a'.uper() }}") == 'text has no "uper"; did you mean upper?'
    assert error("{{ hero.hight }}") == 'an image has no "hight"; did you mean height?'
    assert error("{{ 1 .x }}") == 'a number has no "x"'
    assert error("{{ [1][3] }}") == "there is no item 3 in a list of 1"
    assert error("{{ [1]['a'] }}") == 'a list has no "a"'
    assert error("{{ nope.field }}") == '"nope" is not defined'
    assert error("{{ nope[1] }}") == '"nope" is not defined'
    assert error("{{ 5[1] }}") == "the template cannot take item a number of a number"
    assert error("{{ self.nope() }}") == 'an object of the template\'s own has no "nope"'


def test_of_an_image_its_facts_are_read() -> None:
    source = "{{ hero.mime_type }} {{ hero.width }}x{{ hero['height'] }} {{ hero.text }}"
    assert render(source) == "image/png 3x4 beside it"
    assert render("{{ hero.sha256 }}") == "ab" * 32
    assert render("{{ [hero] | map(attribute='width') }}") == [3]


def test_a_skipped_step_is_false_and_not_defined() -> None:
    assert render("{{ gone or 'x' }}") == "x"
    assert render("{{ gone.a.b or gone['c'][0] or 'x' }}") == "x"
    assert render("{{ gone.message | default('y') }}") == "y"
    assert render("{{ [gone is defined, gone is none, gone is undefined] }}") == [
        False,
        True,
        True,
    ]
    assert render("{% if gone %}a{% else %}b{% endif %}") == "b"


@pytest.mark.parametrize(
    "source",
    [
        *("{{ gone }}", "{{ gone.a }}", "a {{ gone }}", "{{ gone + 1 }}", "{{ gone | upper }}"),
        *("{{ gone == 1 }}", "{{ [gone] }}", "{{ gone() }}", "{{ -gone }}", "{{ gone ~ 'a' }}"),
        *(
            "{{ 1 in gone }}",
            "{{ gone in [1] }}",
            "{% for x in gone %}{% endfor %}",
            "{{ gone[1:] }}",
        ),
        *("{{ [1][gone] }}", "{{ {gone: 1} }}", "{{ gone is odd }}", "{{ 'a'.count(gone) }}"),
        *("{{ [1] | join(gone) }}", "{{ gone % 2 }}", "{{ '%s' % gone }}", "{{ dict(a=gone) }}"),
    ],
)
def test_any_other_use_of_a_skipped_step_says_so(source: str) -> None:
    assert error(source) == 'step "gone" was skipped'


def test_only_functions_macros_and_methods_are_called() -> None:
    assert error("{{ inputs.product() }}") == "the template cannot call text"
    assert error("{{ 'abc'.center('x') }}").startswith("center() failed: ")
    assert error("{{ range('x') }}") == "range() takes whole numbers only"
    assert (
        render(
            "{% macro m(obj, context) %}{{ obj }}{{ context }}{% endmacro %}"
            "{{ m(obj=1, context=2) }}"
        )
        == "12"
    )
    assert error("{% macro m() %}{% endmacro %}{{ m(1) }}") == (
        "macro 'm' takes not more than 0 argument(s)"
    )


def test_jinjas_own_objects_can_be_used() -> None:
    assert render(
        "{% for x in 'abc' %}{{ loop.index }}{{ loop.cycle('+', '-') }}"
        "{{ loop.changed(x) }}{{ loop.last }}{% endfor %}"
    ) == ("1+truefalse2-truefalse3+truetrue")
    assert (
        render(
            "{% set n = namespace(a=none) %}{% for x in [1, 2] %}{% set n.a = x %}"
            "{% endfor %}{{ n.a }}{{ n.b is defined }}"
        )
        == "2false"
    )
    assert render("{% set n = namespace(a=none) %}{{ n.a }}") == "null"
    assert (
        render(
            "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.reset() }}"
            "{{ c.next() }}"
        )
        == "abnulla"
    )
    assert render("{% set j = joiner('+') %}{{ j() }}a{{ j() }}b") == "a+b"
    assert (
        render(
            "{% for g in [{'k': 1}, {'k': 1}] | groupby('k') %}{{ g.grouper }}"
            "{{ g.list | length }}{% endfor %}"
        )
        == "12"
    )
    assert (
        render("{% for x in [1, [2]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}")
        == "12"
    )
    assert error("{% for x in [1] %}{{ loop.nope }}{% endfor %}").startswith("an object of")


def test_loops_run_over_what_has_items() -> None:
    assert render("{% for x in {'a': 1} %}{{ x }}{% else %}none{% endfor %}") == "a"
    assert render("{% for x in range(0) %}{{ x }}{% else %}none{% endfor %}") == "none"
    assert render("{% for x in [1, 2, 3] if x != 2 %}{{ x }}/{{ loop.length }} {% endfor %}") == (
        "1/2 3/2 "
    )
    assert error("{% for x in 5 %}{% endfor %}") == "the template cannot loop over a number"
    assert error("{% for x in none %}{% endfor %}") == "the template cannot loop over null"


def test_arguments_can_be_spread() -> None:
    macro = "{% macro m(a, b=0) %}{{ a }}{{ b }}{{ varargs | length }}{% endmacro %}"
    assert render(macro + "{{ m(*[1, 2, 3]) }}{{ m(1, **{'b': 5}) }}") == "121150"


_DEEP = "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(99) %}"
_DAG = _DEEP + "{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}"
_X8 = "{% set a = 'x' * 8000000 ~ 'a' %}{% set b = 'x' * 8000000 ~ 'b' %}"
_BIG = "{% for i in range(100000) %}"
EXHAUSTING = {
    "repeated text": "{{ 'x' * 10**9 }}",
    "repeated list": "{{ [0] * 10**9 }}",
    "center": "{{ 'x' | center(10**9) }}",
    "center in a loop": _BIG + "{{ 'x' | center(999999) }}{% endfor %}",
    "ljust": "{{ 'x'.ljust(10**9) }}",
    "zfill": "{{ 'x'.zfill(10**9) }}",
    "format width": "{{ '%999999999d' % 5 }}",
    "format width by argument": "{{ '%*d' | format(10**9, 5) }}",
    "format of many": "{{ ('%900s' * 100000) % range(100000) }}",
    "replace": "{{ ('x' * 1000000).replace('', 'y' * 1000) }}",
    "replace filter": "{{ ('x' * 1000000) | replace('x', 'y' * 1000) }}",
    "join": "{{ ('x' * 4000) | list | join('y' * 1000000) }}",
    "indent": "{{ ('\\n' * 1000000) | indent(1000) }}",
    "tojson indent": "{{ range(1000) | tojson(indent=10**6) }}",
    "batch": "{{ [1] | batch(10**9, 'x') | list }}",
    "batch by name": "{{ [1] | batch(linecount=10**9, fill_with='x') | list }}",
    "slice": _BIG + "{{ [1] | slice(100000) }}{% endfor %}",
    "round": "{{ 1.5 | round(10**9, 'ceil') }}",
    "wordwrap": "{{ ('x' * 900000) | wordwrap(1) }}",
    "power": "{{ 10 ** (10 ** 8) }}",
    "power of power": "{{ (10 ** 999) ** 999 }}",
    "product of numbers": _DEEP + "{% set n.a = 7 if i == 0 else n.a * n.a %}{% endfor %}",
    "nested ranges": _BIG + _BIG + _BIG + "x{% endfor %}{% endfor %}{% endfor %}",
    "range": "{{ range(10**30) }}",
    "range of a million": "{{ range(1000000) }}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro tree": "{% macro m(n) %}{% if n < 40 %}{{ m(n+1) }}{{ m(n+1) }}{% endif %}"
    "{% endmacro %}{{ m(0) }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}",
    "recursive tree": "{% for x in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}",
    "block": "{% block a %}{{ self.a() }}{% endblock %}",
    "shared lists printed": _DAG + "{{ n.a }}",
    "shared lists compared": _DAG + "{{ n.a == n.b }}",
    "shared lists joined": _DAG + "{{ n.a ~ 'x' }}",
    "shared lists formatted": _DAG + "{{ '%s' % [n.a] }}",
    "shared lists sorted": _DAG + "{{ [n.a, n.b] | sort }}",
    "shared lists looked for": _DAG + "{{ n.a in [n.b] }}",
    "shared lists flattened": _DAG + "{{ n.a | flatten | length }}",
    "shared lists in attributes": _DAG + "{{ {'a': n.a} | xmlattr }}",
    "shared lists pretty": _DAG + "{{ n.a | pprint }}",
    "shared lists unique": _DAG + "{{ [n.a] | unique }}",
    "nested lists": _BIG.replace("for", "set n = namespace(a=[]) %}{% for")
    + "{% set n.a = [n.a] %}{% endfor %}{{ n.a }}",
    "nested keys": "{% set n = namespace(a=(1,)) %}" + _BIG + "{% set n.a = (n.a,) %}{% endfor %}"
    "{{ {n.a: 1} }}",
    "grown texts": "{% set n = namespace(l=[], s='x' * 1000000) %}"
    + _BIG
    + "{% set n.l = n.l + [n.s ~ i] %}{% endfor %}",
    "grown list": "{% set n = namespace(l=[]) %}" + _BIG + "{% set n.l = n.l + [i] %}{% endfor %}",
    "grown object": "{% set n = namespace(d={}) %}"
    + _BIG
    + "{% set n.d = dict(n.d, **{'k' ~ i: i}) %}{% endfor %}",
    "sum of lists": "{{ ([[1] * 100] * 100000) | sum(start=[]) }}",
    "sorted texts": _X8 + "{{ ([a, b] * 100000) | sort | length }}",
    "grouped texts": _X8 + "{{ ([a, b] * 100000) | groupby(0) | length }}",
    "text in text": _X8 + _BIG + "{{ 'y' in a }}{% endfor %}",
    "text in list": _X8 + "{{ a in [b] * 100000 }}",
    "equal texts": _X8 + _BIG + "{{ a == b }}{% endfor %}",
    "cut texts": _X8 + _BIG + "{% set c = a[1:] %}{% endfor %}",
    "upper texts": _X8 + _BIG + "{% set c = a | upper %}{% endfor %}",
    "found texts": _X8 + _BIG + "{% set c = a.find('y') %}{% endfor %}",
    "urlize": "{{ ('(' * 90000 ~ 'www.a.com') | urlize }}",
    "striptags": "{{ ('<!-->' * 100000) | striptags }}",
    "split": "{{ ('ab,' * 5000000).split(',') | length }}",
    "split words": "{{ ('ab ' * 5000000).split() | length }}",
    "lines": "{{ ('a\\n' * 5000000).splitlines() | length }}",
    "characters": "{{ ('x' * 16000000) | list | length }}",
    "product": "{{ range(1000) | product(range(1000), range(1000)) }}",
    "chunk": "{{ ('x' * 1000000) | chunk(1000, 999) }}",
    "pattern": "{{ ('a' * 1000000) | regex_replace('a', 'bb') }}",
    "pattern size": "{{ 'a' | regex_search('(?:(?:a{100}){100}){100}') }}",
    "nested json": "{{ ('[' * 100000) | from_json }}",
    "large json": "{{ ('[' ~ '[],' * 5000000 ~ '1]') | from_json | length }}",
    "large yaml": "{{ ('- a\\n' * 1000000) | from_yaml | length }}",
    "spread": "{% macro m() %}{{ varargs }}{% endmacro %}{{ m(*('x' * 16000000)) }}",
    "body": "{% set q %}" + _BIG + "y" * 9000 + "{% endfor %}{% endset %}",
    "body of a block": "{% block a %}"
    + _BIG
    + "y" * 9000
    + "{% endfor %}{% endblock %}{{ self.a() }}",
    "call": "{% macro m() %}{% for i in range(999) %}{{ caller() }}{% endfor %}{% endmacro %}"
    "{% call m() %}{% call m() %}{% call m() %}x{% endcall %}{% endcall %}{% endcall %}",
    "slug": "{{ ('\ufdfa' * 1000000) | slug }}",
    "changed": _DEEP + "{% set n.a = [n.a, n.a] %}{{ loop.changed(n.a) }}{% endfor %}",
    "urlencode": _DAG + "{{ n.a | urlencode }}",
    "count": _DAG + "{{ [n.a].count(n.b) }}",
    "most common": _DAG + "{{ [n.a] | most_common }}",
}


@pytest.mark.parametrize("source", EXHAUSTING.values(), ids=EXHAUSTING)
def test_no_template_exhausts_time_or_memory(source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    template = parse(source)
    with pytest.raises(TemplateError):
        text(template, {})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 160 * 1024


def test_parsing_computes_nothing() -> None:
    template = parse("{% set x = 'x' * 10**9 %}{{ 'x' | center(10**9) }}{{ 2 ** 99999999 }}")
    assert template.references == ()


def test_equal_images_compare_equal() -> None:
    twin = Image(PICTURE.data, "image/png", 3, 4, "ab" * 32, "beside it")
    assert render("{{ hero == twin }}", twin=twin) is True
    assert fault("{{ hero.__eq__ }}").code == "hidden-name"
