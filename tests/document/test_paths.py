from __future__ import annotations

import pytest
from jinja2 import nodes

from flowrun.document.paths import spell, start_of
from flowrun.document.templates import parse_expression


def expression(source: str) -> nodes.Node:
    """The tree of a bare expression."""
    (output,) = parse_expression(source).tree.body
    assert isinstance(output, nodes.Output)
    return output.nodes[0]


@pytest.mark.parametrize(
    "source",
    [
        "a",
        "a.b[0].c(1)",
        "a | upper | lower",
        "a is defined",
        "a + b * c",
        "a ~ b",
        "a < b",
        "a.b if c else d",
        "a[1:2].b",
    ],
)
def test_an_expression_starts_at_its_leftmost_part(source: str) -> None:
    assert start_of(expression("   " + source)) == 3


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.b.c", "a.b.c"),
        ("a['b'][0][-1]", "a.b[0][-1]"),
        ("a['no name']", 'a["no name"]'),
        ("(a | first).b", "(a | first).b"),
        ("a | sort(attribute='b') | first", "((a | sort(…)) | first)"),
        ("a[b]", ""),
        ("a[1:]", ""),
        ("a[1.5]", ""),
        ("a().b", ""),
        ("'a'.b", ""),
    ],
)
def test_a_path_is_spelled_as_short_as_one_would_write_it(source: str, expected: str) -> None:
    assert spell(expression(source)) == expected
