"""A value in one short line."""

from __future__ import annotations

import pytest

from flowrun.run.preview import preview
from tests.support.running import picture


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (2.5, "2.5"),
        ("two\n words\t here", "two words here"),
        (picture(), "image/png 16 x 16"),
        ({"a": 1, "b": [True, None]}, "{a: 1, b: [true, null]}"),
        (["a", "b"], "[a, b]"),
        ([[["a"]]], "[[[a]]]"),
        ([[[{"a": 1}]]], "[[[…]]]"),
        (["x"] * 7, "[x, x, x, x, x, x, …]"),
        (dict.fromkeys("abcdefgh", 1), "{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, …}"),
        ("", ""),
    ],
)
def test_a_value_is_shown_in_a_line(value: object, shown: str) -> None:
    assert preview(value) == shown


@pytest.mark.parametrize("value", ["x" * 10_000, ["word " * 99] * 9, 10**300, {"k" * 900: 1}])
def test_a_preview_is_never_longer_than_a_line(value: object) -> None:
    assert len(preview(value)) == 80
    assert preview(value).endswith("…")
