from __future__ import annotations

import pytest

from flowrun.errors import ToolError
from flowrun.tools.filling import encoded, filled, json_text, source, word
from tests.support.declared import tree

DATA = {"a": ["{{ x }}", "plain", 3, None], "b": "n={{ x }}"}


def test_a_tree_is_filled_with_the_arguments() -> None:
    assert filled(tree(DATA), {"x": [1]}) == {"a": [[1], "plain", 3, None], "b": "n=[1]"}


def test_what_fails_is_told() -> None:
    with pytest.raises(ToolError, match=r'^a template of the tool failed: "x" is not defined'):
        filled(tree(DATA), {})


def test_words_are_text_or_json() -> None:
    assert [word(each) for each in ("a", None, True, {"ä": [1.5]})] == [
        *("a", "null", "true", '{"ä": [1.5]}'),
    ]


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(ToolError, match="gives what is no JSON"):
        json_text(value)


def test_text_becomes_utf_8() -> None:
    assert encoded("ä", "it") == b"\xc3\xa4"
    with pytest.raises(ToolError, match="it holds a character that cannot be written as UTF-8"):
        encoded("\ud800", "it")


def test_the_source_tells_templates_from_text() -> None:
    assert source(tree(DATA)) == {
        "fields": {
            "a": [{"template": "{{ x }}"}, "plain", 3, None],
            "b": {"template": "n={{ x }}"},
        }
    }
    assert source(tree({"template": "x"})) != source(tree("{{ x }}"))
