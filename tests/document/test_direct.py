"""Templates that are read off give what the compiled ones give, in value, words and place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from flowrun.chat.images import Image
from flowrun.document import templates
from flowrun.document.compiling import SANDBOX, Code, Generator
from flowrun.document.direct import Direct, Reading, pieces_of
from flowrun.document.scope import SKIPPED
from flowrun.document.templates import Template, TemplateError
from tests.support.replies import png

SCOPE: dict[str, object] = {
    "a": {"b": {"c": "deep"}, "n": 3, "list": [1, 2], "items": "own"},
    "text": "a {{ text }}",
    "none": None,
    "gone": SKIPPED,
    "picture": Image.from_bytes(png("a")),
}


def tree_of(source: str) -> nodes.Template:
    return templates.parse(source).tree


@pytest.mark.parametrize(
    "source", ["{{ a }}", "x{{ a.b.c }}y{{ text }}", "{{ a.b }}", "a\n{{ a }}\n"]
)
def test_names_fields_and_text_are_read_off(source: str) -> None:
    assert isinstance(templates.parse(source).code, Direct)


@pytest.mark.parametrize(
    "source",
    [
        "{{ a['b'] }}",
        "{{ a | upper }}",
        "{% if a %}x{% endif %}",
        "{{ a.b() }}",
        "{{ 1 }}",
        "{{ a }}{% set b = 1 %}",
    ],
)
def test_whatever_else_is_compiled(source: str) -> None:
    assert pieces_of(tree_of(source)) is None
    assert isinstance(templates.parse(source).code, Code)


def test_the_pieces_know_their_places() -> None:
    assert pieces_of(tree_of("x {{ a.b }}{{ c }}")) == (
        "x ", Reading("a", ("b",), 6), Reading("c", (), 14),
    )  # fmt: skip


def outcome(template: Template, scope: dict[str, object]) -> object:
    try:
        return templates.parts(template, scope), templates.value(template, scope)
    except TemplateError as error:
        return str(error), error.offset


def compiled(source: str) -> Template:
    """The same template, compiled as one with more to it would be."""
    template = templates.parse(source)
    generator = Generator(SANDBOX, None, None, optimized=False)
    generator.gives_value = template.is_expression
    generator.visit(template.tree)
    template.__dict__["code"] = Code(generator, SANDBOX)
    return template


PATHS = ["a", "a.b", "a.b.c", "a.n", "a.list", "a.items", "a.x", "a.b.x", "text", "text.x", "none",
         "none.x", "gone", "gone.x", "nowhere", "nowhere.x", "range", "picture", "picture.width",
         "picture.data", "a.b.c.upper"]  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.sampled_from(PATHS).map("{{{{ {} }}}}".format), st.sampled_from(["x", "\n", "é "])
        )
    )
)
def test_read_off_and_compiled_are_the_same(parts: list[str]) -> None:
    source = "".join(parts)
    assert outcome(templates.parse(source), SCOPE) == outcome(compiled(source), SCOPE)
