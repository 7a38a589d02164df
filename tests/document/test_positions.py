from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from flowrun.document.positions import Position, offset_of
from flowrun.document.templates import parse
from tests.support.templating import fault, render


def test_every_node_knows_its_offset() -> None:
    source = "one\n{%- if a.b %}\n  {{ c['d'] | upper }}{% endif -%}\n {# x #} {{- e }}"
    tree = parse(source).tree
    assert [(each.name, offset_of(each.lineno)) for each in tree.find_all(nodes.Name)] == [
        ("a", source.index("a.b")),
        ("c", source.index("c[")),
        ("e", source.index("e }}", 50)),
    ]
    getattr_ = next(iter(tree.find_all(nodes.Getattr)))
    assert offset_of(getattr_.lineno) == source.index(".b")
    filter_ = next(iter(tree.find_all(nodes.Filter)))
    assert offset_of(filter_.lineno) == source.index("upper")


def test_a_position_is_a_line_number() -> None:
    at = Position(3, 17)
    assert (at, at.offset, offset_of(at), offset_of(3), offset_of(None)) == (3, 17, 17, 0, 0)


@given(
    before=st.lists(
        st.sampled_from(["a", "\n", "\r\n", "\r", " ", "{# c\r\n #}", "{% raw %}{{{% endraw %}"])
    ),
    inside=st.sampled_from([" ", "\r\n", "\n\n", "'\r\n' ~ "]),
)
def test_offsets_count_the_characters_as_they_stand(before: list[str], inside: str) -> None:
    source = "".join(before) + "{{" + inside + "name }}"
    assert [each.offset for each in parse(source).references] == [source.rindex("name")]


@pytest.mark.parametrize(
    ("source", "offset", "message", "mend"),
    [
        ("ab {# c", 3, "#} is missing", "write #} behind what begins here"),
        (
            "ab {% raw %} c",
            3,
            "{% endraw %} is missing",
            "write {% endraw %} behind what begins here",
        ),
        ("{{ 'abc }}", 3, "the quote is not closed", "write ' at the end of the text"),
        ('{{ "abc }}', 3, "the quote is not closed", 'write " at the end of the text'),
        ("{{ a } }}", 5, 'unexpected "}"', ""),
        ("{{ (a] }}", 5, 'unexpected "]", expected ")"', ""),
        ("{{ a $ }}", 5, 'unexpected char "$"', ""),
        ("{{ a ", 3, 'unexpected end of template, expected "}}"', ""),
    ],
)
def test_what_cannot_be_read_is_said_in_plain_words(
    source: str, offset: int, message: str, mend: str
) -> None:
    found = fault(source)
    assert (found.offset, found.message, found.mend) == (offset, message, mend)


def test_unknown_escapes_stay_as_they_are() -> None:
    assert render(r"{{ '\d\w\.\1\b' }}") == r"\d\w\.\1\b"
    assert render(r"{{ 'a\\d\n\t\'\"\x41\u00fc' }}") == "a\\d\n\t'\"Aü"


def test_a_line_that_ends_in_a_text_is_kept() -> None:
    assert render("{{ 'a' }}\n") == "a\n"
