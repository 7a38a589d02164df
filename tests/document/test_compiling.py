from __future__ import annotations

import pytest

from flowrun.document.compiling import SANDBOX, Code, compiled
from flowrun.document.templates import TemplateError, parse, text
from tests.support.templating import SCOPE, folder, render


def test_constants_are_not_computed_while_compiling() -> None:
    code = parse("{{ 'x' * 10**9 }}{{ ('x' | center(10**9))[1:] ~ 'y' }}").code
    assert isinstance(code, Code)
    assert code.blocks == {}


def test_places_are_told_apart_within_a_line() -> None:
    source = "{{ a }} {{ 1 / b }} {{ 1 / a }}"
    with pytest.raises(TemplateError) as caught:
        text(parse(source), {"a": 0, "b": 1})
    assert caught.value.offset == source.rindex("1")


def test_places_of_imported_files_are_those_of_the_call() -> None:
    files = folder(m="\n\n\n\n{% macro f() %}{{ 1 / 0 }}{% endmacro %}")
    source = "{% import 'm' as m %}\n{{ m.f() }}"
    with pytest.raises(TemplateError) as caught:
        text(parse(source, files=files), {})
    assert caught.value.offset == source.index(".f") + 2


def test_templates_share_one_environment_unless_they_import() -> None:
    tree = parse("{{ a | upper }}").tree
    code = compiled(tree, {}, is_expression=True)
    assert code.context({}, (), takes_images=False).environment is SANDBOX
    files = folder(m="")
    other = parse("{% import 'm' as m %}", files=files).code
    assert other.context({}, (), takes_images=False).environment is not SANDBOX


def test_rendering_leaves_the_tree_alone() -> None:
    template = parse("{% for x in [1, 2] %}{{ x }}{% endfor %}")
    before = template.tree.dump()
    assert text(template, {}) == "12"
    assert template.tree.dump() == before


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1"),
        (
            "{% for i in [1, 2] %}{% for j in [i] %}"
            "{{ loop.index }}{{ i }}{% endfor %}{% endfor %}",
            "1112",
        ),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(class=1, a=2) }}", '{"class": 1, "a": 2}'),
        ("{% block a scoped %}{{ inputs.count }}{% endblock %}", "3"),
        ("{% print 1, 'a' %}", "1a"),
        ("{% raw %}{{ a }}{% endraw %}{# c #}", "{{ a }}"),
        ("a {%- if 1 -%} b {%- endif %} c", "ab c"),
    ],
)
def test_jinja_works_as_ever(source: str, expected: str) -> None:
    assert render(source) == expected
    assert text(parse(source), SCOPE) == expected
