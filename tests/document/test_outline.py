"""A file's data without free keys and without its faulty parts."""

from __future__ import annotations

import pytest

from flowrun.digest import JsonValue
from flowrun.document.outline import section, without, without_free_keys
from flowrun.document.source import Path


def test_free_keys_go_wherever_the_language_has_a_form() -> None:
    data: JsonValue = {
        "x-a": 1,
        "inputs": {"x-b": 1, "i": {"x-c": 1, "type": "string"}, "j": 3},
        "schemas": {"x-d": 1, "s": {"x-e": 1}},
        "defaults": {"x-f": 1, "seed": 1},
        "steps": {
            "x-g": 1,
            "a": {"messages": [{"x-h": 1, "content": [{"x-i": 1, "text": "x"}]}], "x-j": 1},
            "b": {"response_format": {"json_schema": {"x-k": 1, "schema": {"x-l": 1}}}},
            "c": {"messages": "x", "value": {"x-m": 1}},
            "d": 3,
        },
        "outputs": {"x-n": 1, "o": {"x-o": 1, "value": {"x-p": 1}}, "p": "x"},
    }
    assert without_free_keys(data) == {
        "inputs": {"i": {"type": "string"}, "j": 3},
        "schemas": {"s": {"x-e": 1}},
        "defaults": {"seed": 1},
        "steps": {
            "a": {"messages": [{"content": [{"text": "x"}]}]},
            "b": {"response_format": {"json_schema": {"schema": {"x-l": 1}}}},
            "c": {"messages": "x", "value": {"x-m": 1}},
            "d": 3,
        },
        "outputs": {"o": {"value": {"x-p": 1}}, "p": "x"},
    }


@pytest.mark.parametrize("data", [None, 3, "x", ["x"]])
def test_a_file_that_is_no_mapping_has_no_data(data: JsonValue) -> None:
    assert without_free_keys(data) == {}


def test_sections_that_are_no_mappings_stay_as_they_are() -> None:
    data: JsonValue = {"steps": [1], "inputs": 3, "defaults": "x"}
    assert without_free_keys(data) == data


def test_what_is_left_out_is_at_most_one_key_of_a_part() -> None:
    data: dict[str, JsonValue] = {
        "steps": {"a": {"b": {"c": 1}, "d": 2}, "e": 3}, "name": "x", "outputs": {"o": 1},
    }  # fmt: skip
    paths: list[Path | None] = [("steps", "a", "b", "c"), ("name",), ("outputs", "o"), None]
    assert without(data, paths) == {"steps": {"a": {"d": 2}, "e": 3}, "outputs": {}}


def test_a_section_is_there_or_empty() -> None:
    assert section({"a": {"b": 1}, "c": 3}, "a") == {"b": 1}
    assert section({"c": 3}, "c") == section({}, "c") == {}
