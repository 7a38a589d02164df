from __future__ import annotations

import pytest

from flowrun.document.templates import TemplateError, parse, value
from tests.support.templating import SCOPE, fault, folder

MACROS = "{% macro shout(x) %}{{ x | upper }}!{% endmacro %}{% set mark = '?' %}"


def test_an_included_file_sees_the_names_around_it() -> None:
    source = "{% for x in [1, 2] %}{% include 'a' %}{% endfor %}{{ y is defined }}"
    template = parse(source, files=folder(a="{% set y = x %}<{{ y }}{{ inputs.count }}>"))
    assert value(template, SCOPE) == "<13><23>false"


def test_a_file_that_may_be_missing_is_left_out() -> None:
    assert value(parse("a{% include 'b' ignore missing %}", files=folder()), {}) == "a"


def test_macros_are_imported() -> None:
    files = folder(m=MACROS)
    assert (
        value(parse("{% import 'm' as m %}{{ m.shout('a') }}{{ m.mark }}", files=files), {})
        == "A!?"
    )
    assert value(parse("{% from 'm' import shout as s %}{{ s('a') }}", files=files), {}) == "A!"
    source = "{% import 'm' as m with context %}{{ m.shout('a') }}"
    assert value(parse(source, files=files), {}) == "A!"


def test_imported_state_is_fresh_in_each_rendering() -> None:
    files = folder(m="{% set c = cycler(1, 2) %}{% macro next() %}{{ c.next() }}{% endmacro %}")
    template = parse("{% import 'm' as m %}{{ m.next() }}{{ m.next() }}{{ m.next() }}", files=files)
    assert value(template, {}) == value(template, {}) == "121"


def test_files_import_files() -> None:
    files = folder(
        a="{% from 'b' import f %}{% macro g() %}{{ f() }}{% endmacro %}",
        b="{% macro f() %}deep{% endmacro %}",
    )
    assert value(parse("{% import 'a' as a %}{{ a.g() }}", files=files), {}) == "deep"


def test_what_a_file_does_not_define_is_missing_when_used() -> None:
    template = parse("{% from 'm' import nope %}{{ nope() }}", files=folder(m=MACROS))
    with pytest.raises(TemplateError) as caught:
        value(template, {})
    assert caught.value.message == (
        "the template 'm' (imported on line 1) does not export the requested name 'nope'"
    )


def test_a_file_is_extended() -> None:
    files = folder(base="[{% block b %}{{ inputs.count }}{% endblock %}]")
    source = "{% extends 'base' %}{% block b %}{{ super() }}+{% endblock %}"
    assert value(parse(source, files=files), SCOPE) == "[3+]"
    files = folder(base="[{% block b %}3{% endblock %}]", mid=source)
    source = "{% extends 'mid' %}{% block b %}{{ super.super() }}{% endblock %}"
    assert value(parse(source, files=files), SCOPE) == "[3]"


@pytest.mark.parametrize(
    ("source", "message", "code"),
    [
        (
            "{% include inputs.x %}",
            "a file is named by a text in quotes, never computed",
            "include",
        ),
        (
            "{% include ['a', 'b'] %}",
            "a file is named by a text in quotes, never computed",
            "include",
        ),
        ("{% import x as y %}", "a file is named by a text in quotes, never computed", "include"),
        (
            "{% extends 'a' ~ 'b' %}",
            "a file is named by a text in quotes, never computed",
            "include",
        ),
        ("{% include 'none' %}", 'there is no file "none"', "include"),
        ("{% import 'none' as n %}", 'there is no file "none"', "include"),
        (
            "{% include 'me' %}",
            "files include each other in a circle: me → you → me",
            "include-cycle",
        ),
        ("{% include 'bad' %}", 'bad:2:6: unknown filter "slugg"', "unknown-filter"),
        ("{% include 'block' %}", "an included file cannot have the tag block", "include"),
        (
            "{% include 'plain' without context %}",
            "an included file always sees the names around it",
            "include",
        ),
        (
            "{% import 'names' as n %}",
            'names reads "inputs", which an imported file does not see',
            "import",
        ),
        ("{% include 'wide1' %}", "too many files include each other", "include-depth"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_the_tag(source: str, message: str, code: str) -> None:
    files = folder(
        me="{% include 'you' %}",
        you="{% if 1 %}{% include 'me' %}{% endif %}",
        bad="\n{{ x|slugg }}",
        block="{% block b %}{% endblock %}",
        plain="plain",
        names="{% macro f() %}{{ inputs }}{% endmacro %}",
        **{f"wide{n}": f"{{% include 'wide{n + 1}' %}}" * 2 for n in range(1, 12)},
        wide12="",
    )
    found = fault("  " + source, files)
    assert (found.message, found.code) == (message, code)
    assert found.offset == 5


def test_deep_chains_of_files_end() -> None:
    files = folder(**{f"n{n}": f"{{% include 'n{n + 1}' %}}" for n in range(40)})
    assert fault("{% include 'n0' %}", files).code == "include-depth"


def test_an_import_in_a_file_without_context_is_refused_at_the_start() -> None:
    files = folder(a="{% import 'b' as b %}", b="{{ x }}")
    assert fault("{% import 'a' as a %}", files).code == "import"


def test_without_files_nothing_is_included() -> None:
    assert fault("{% include 'a' %}").message == "no files can be included here"
