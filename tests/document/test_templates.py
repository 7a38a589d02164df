from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowrun.chat.images import Image
from flowrun.chat.messages import Text
from flowrun.document import templates
from flowrun.document.templates import (
    FILTERS,
    GLOBALS,
    TESTS,
    Fault,
    Template,
    TemplateError,
    TemplateFault,
    parse,
    parse_expression,
    parts,
    text,
    value,
)
from tests.support.templating import PICTURE, SCOPE, error, fault, folder, render


def test_text_without_signs_is_constant() -> None:
    template = parse("50 % of { this }\r\n")
    assert template.is_constant
    assert not template.is_expression
    assert value(template, {}) == text(template, {}) == "50 % of { this }\r\n"
    assert parts(template, {}) == (Text("50 % of { this }\r\n"),)
    assert parts(parse(""), {}) == ()


def test_one_expression_gives_the_value_itself() -> None:
    template = parse("{{ inputs['items'] }}")
    assert template.is_expression
    assert value(template, SCOPE) == [1, 2]
    assert text(template, SCOPE) == "[1, 2]"


@pytest.mark.parametrize(
    "source", [" {{ 1 }}", "{{ 1 }}\n", "{{ 1 }}{{ 2 }}", "{% if 1 %}1{% endif %}"]
)
def test_anything_beside_the_expression_makes_text(source: str) -> None:
    template = parse(source)
    assert not template.is_expression
    assert isinstance(value(template, {}), str)


def test_a_bare_expression_gives_its_value() -> None:
    template = parse_expression(" inputs.count > 2 ")
    assert template.is_expression
    assert value(template, SCOPE) is True


def test_an_image_becomes_a_part_at_its_place() -> None:
    template = parse("Describe {{ hero }} and {{ [hero, hero] }}{{ '' }}!")
    assert parts(template, SCOPE) == (
        Text("Describe "),
        PICTURE,
        Text(" and "),
        PICTURE,
        PICTURE,
        Text("!"),
    )
    assert parts(parse("{{ hero }}"), SCOPE) == (PICTURE,)
    assert value(parse("{{ hero }}"), SCOPE) is PICTURE
    assert parts(parse("{{ [] }}"), {}) == (Text("[]"),)


def test_an_image_goes_through_macros_blocks_and_loops() -> None:
    source = (
        "{% macro show(x) %}<{{ x }}>{% endmacro %}{% set both %}{{ show(hero) }}{% endset %}"
        "{% for each in [1, 2] %}{{ both }}{% endfor %}{% block b %}{{ hero }}{% endblock %}"
        "{{ self.b() }}"
    )
    shown = (Text("<"), PICTURE, Text("><"), PICTURE, Text(">"), PICTURE, PICTURE)
    assert parts(parse(source), SCOPE) == shown


@pytest.mark.parametrize(
    ("source", "message", "offset"),
    [
        ("a {{ hero }}", "the template puts an image where only text can stand", 5),
        ("{{ hero ~ 'x' }}", "the template puts an image where only text can stand", 3),
        ("{{ hero | upper }}", "filter upper puts an image where only text can stand", 10),
        ("{{ [hero] | join }}", "filter join puts an image where only text can stand", 12),
        ("{{ hero | string }}", "filter string puts an image where only text can stand", 10),
        (
            "a {{ [hero, 1] }}",
            "the template prints a list or an object that holds an image, "
            "where only text can stand",
            5,
        ),
    ],
)
def test_an_image_in_text_is_an_error_at_its_place(source: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError) as caught:
        text(parse(source), SCOPE)
    assert caught.value.message == message
    assert caught.value.offset == offset


def test_an_image_inside_mixed_output_is_no_text() -> None:
    source = "{% macro m() %}a{{ hero }}{% endmacro %}{{ m() | upper }}{{ m() }}"
    with pytest.raises(TemplateError, match="filter upper puts an image"):
        parts(parse(source), SCOPE)
    source = "{% macro m() %}a{{ hero }}{% endmacro %}{{ [m()] }}"
    with pytest.raises(TemplateError, match="puts an image"):
        parts(parse(source), SCOPE)


def test_data_is_never_rendered_again() -> None:
    said = "{{ 7 * 7 }} {% raw %} {{ inputs }}"
    assert render("{{ said }}", said=said) == said
    assert render("- {{ said | upper }}", said=said) == "- " + said.upper()


def test_a_runtime_error_says_where() -> None:
    source = "line\n{% for x in [1] %}\n  {{ x }} {{ brief.headlin }}\n{% endfor %}"
    with pytest.raises(TemplateError) as caught:
        value(parse(source), SCOPE)
    assert caught.value.message == 'no field "headlin"; did you mean headline?'
    assert caught.value.offset == source.index(".headlin")


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("{% with x = 1 / 0 %}{{ x }}{% endwith %}", 3),
        ("{% set x = 1 / 0 %}", 3),
        ("a{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}{{ m() }}", 20),
        ("{{ 1 / 0 }}", 3),
        ("a\r\nb {{ 1 / 0 }}", 8),
        ("{% include 'a' %}", 3),
    ],
)
def test_errors_in_statements_have_a_place(source: str, where: int) -> None:
    with pytest.raises(TemplateError) as caught:
        value(parse(source, files=folder(a="\n\n{{ nope }}")), {})
    assert caught.value.offset == where


def test_every_failure_of_python_is_explained() -> None:
    assert error("{{ 1 / 0 }}") == "division by zero"
    assert error("{% set a, b = [1] %}") == "not enough values to unpack (expected 2, got 1)"
    assert error("{% set a.b = 1 %}") == "cannot assign attribute on non-namespace object"


def test_names_of_the_language_are_known() -> None:
    assert {"range", "dict", "namespace", "cycler", "joiner", "self"} == GLOBALS
    assert {"slug", "to_json", "upper", "tojson"} <= FILTERS
    assert "random" not in FILTERS
    assert {"defined", "none", "odd"} <= TESTS


def test_templates_are_compiled_once() -> None:
    template = parse("{{ inputs.count }} {{ inputs.count }}")
    assert template.code is template.code
    assert template.names == ("inputs",)


@pytest.mark.parametrize(
    ("source", "message", "code"),
    [
        (
            "{% block a %}{% endblock %}{% block a %}{% endblock %}",
            'block "a" defined twice',
            "template-syntax",
        ),
        (
            "{% for loop in [] %}{% endfor %}",
            "can't assign to special loop variable in for-loop target",
            "template-syntax",
        ),
        (
            "{% set x | replace(a, b) %}{% endset %}",
            "the template cannot be compiled: Tried to resolve a name to a reference that was "
            "unknown to the frame ('a')",
            "template-syntax",
        ),
    ],
)
def test_what_only_the_compiler_sees_is_a_fault(source: str, message: str, code: str) -> None:
    found = fault(source)
    assert (found.message.replace('"t assign', "'t assign"), found.code) == (message, code)


def test_faults_carry_themselves() -> None:
    with pytest.raises(TemplateFault) as caught:
        parse("{{ x | slugg }}")
    assert caught.value.fault == Fault(
        7, 5, 'unknown filter "slugg"', "unknown-filter", mend="did you mean slug?"
    )
    assert str(caught.value) == 'unknown filter "slugg"'


_FRAGMENTS = st.sampled_from(
    [
        *("{{ ", " }}", "{% ", " %}", "{# ", " #}", "{%- ", " -%}", "\n", "text ", "ü", "'", '"'),
        *("for x in ", "endfor", "if ", "else", "endif", "set y = ", "macro m(a)", "endmacro"),
        *("inputs", ".count", ".items", "brief", "hero", "gone", "nope", "x", "y", "loop.index"),
        *(" | upper", " | join(', ')", " | map('upper')", " | default(1)", " | sort", " | slug"),
        *(" | tojson", " | chunk(3)", " | from_json", " | regex_search('a+')", " | batch(2)"),
        *(" is defined", " is odd", " + ", " * ", " ** ", " ~ ", " in ", " == ", " and ", " or "),
        *("(", ")", "[", "]", "{", "}", ":", ",", "1", "0", "-", "9999999999", "1e308", "2.5"),
        *("range(9)", "namespace()", "'%s'", "'%9d'", "not ", "include 'a'", "import 'a' as q"),
        *("__class__", "._x", "raw", "endraw", "{% raw %}", "block b", "extends 'a'", "filter e"),
    ]
)
_BALANCED = st.recursive(
    st.sampled_from(["{{ inputs.count }}", "t", "{{ hero }}", "{{ x }}", "{{ gone or brief }}"]),
    lambda inner: st.one_of(
        st.builds("{{% for x in [1, 'a', none] %}}{}{{% endfor %}}".format, inner),
        st.builds("{{% if inputs.count > 1 %}}{}{{% else %}}{}{{% endif %}}".format, inner, inner),
        st.builds("{{% set y %}}{}{{% endset %}}{{{{ y | upper }}}}".format, inner),
        st.builds("{{% macro m(x) %}}{}{{% endmacro %}}{{{{ m(3) ~ m(y) }}}}".format, inner),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    source=st.one_of(
        st.text(max_size=60),
        st.lists(_FRAGMENTS, max_size=16).map("".join),
        st.lists(_FRAGMENTS, max_size=10).map(lambda each: "{{ " + "".join(each) + " }}"),
        _BALANCED,
    )
)
def test_any_text_renders_or_says_why_not(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        template = _parsed_or_none(source)
        if template is None:
            return
        for name in (each for each in template.references if "'a'" not in source):
            assert source[name.offset :].startswith(name.name)
        for rendered in (value, text, parts):
            assert _offset_of_error(template, rendered) >= -1


def _parsed_or_none(source: str) -> Template | None:
    """The template; of a faulty one nothing, once its fault was looked at."""
    found = None
    try:
        return parse(source, files=folder(a="{% macro f() %}{% endmacro %}"))
    except TemplateFault as caught:
        found = caught.fault
    assert 0 <= found.offset <= len(source)
    assert found.message
    return None


def _offset_of_error(template: Template, rendered: Callable[..., object]) -> int:
    """Where rendering failed, -1 if it did not."""
    where: int | None = -1
    try:
        rendered(template, SCOPE)
    except TemplateError as caught:
        where = caught.offset
    assert where is not None
    return where


def test_values_are_images_or_plain_data() -> None:
    found = render("{{ [hero, {'a': (1, 2), 'b': range(2)}, inputs | items] }}")
    assert found == [
        PICTURE,
        {"a": [1, 2], "b": [0, 1]},
        [["product", "lamp"], ["count", 3], ["items", [1, 2]]],
    ]
    assert isinstance(found, list)
    assert isinstance(found[0], Image)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a/b", "a/b"),
        ("{{ v }}", "<x/y>"),
        ("/{{ v }}/{{ n }}", "/<x/y>/<[1]>"),
        ("{% for each in n %}{{ each }}/{% endfor %}", "<1>/"),
        ("{% filter upper %}/{{ v }}{% endfilter %}", "/<X/Y>"),
        ("{% set w = v %}{{ w ~ '!' }}", "<x/y!>"),
    ],
)
def test_values_are_escaped_and_text_is_not(source: str, expected: str) -> None:
    scope = {"v": "x/y", "n": [1]}
    assert templates.escaped(parse(source), scope, lambda text: f"<{text}>") == expected


def test_what_fails_while_escaping_has_its_place() -> None:
    with pytest.raises(TemplateError) as caught:
        templates.escaped(parse("/{{ w }}"), {}, str)
    assert caught.value.offset == 4
