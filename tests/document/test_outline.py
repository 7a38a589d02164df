"""A file's data without free keys and without its faulty parts."""

from __future__ import annotations

import pytest

from flowrun.digest import JsonValue
from flowrun.document.outline import every_step, section, step_path, without, without_free_keys
from flowrun.document.source import Path


def test_free_keys_go_wherever_the_language_has_a_form() -> None:
    data: JsonValue = {
        "x-a": 1,
        "inputs": {"x-b": 1, "i": {"x-c": 1, "type": "string"}, "j": 3},
        "schemas": {"x-d": 1, "s": {"x-e": 1}, "f": {"x-e": 1, "file": "x"}},
        "defaults": {"x-f": 1, "seed": 1, "system": {"x-a": 1, "file": "x"}},
        "steps": {
            "x-g": 1,
            "a": {"messages": [{"x-h": 1, "content": [{"x-i": 1, "text": "x"}]}], "x-j": 1},
            "b": {"response_format": {"json_schema": {"x-k": 1, "schema": {"x-l": 1}}}},
            "c": {"messages": "x", "value": {"x-m": 1}},
            "d": 3,
            "e": {
                "prompt": {"x-q": 1, "file": "x"},
                "tool_choice": {"x-r": 1, "function": {"x-s": 1, "name": "t"}},
                "repeat": {"x-t": 1, "max": 1},
                "with": {"x-u": 1},
            },
            "f": {
                "steps": {
                    "x-v": 1,
                    "g": {"x-w": 1, "steps": {"h": {"x-x": 1}}, "output": {"x-y": 1}},
                }
            },
        },
        "tools": {
            "x-z": 1,
            "a": {"x-a": 1, "http": {"x-b": 1, "headers": {"x-c": 1}, "body": {"x-d": 1}}},
            "b": {"shell": ["a", {"x-e": 1, "each": "b"}], "parameters": {"x-f": 1}},
            "c": {"shell": {"x-g": 1, "command": ["a", {"x-h": 1}]}, "returns": {"x-i": 1}},
            "d": {"mcp": {"x-j": 1, "command": ["a"]}},
            "e": 3,
        },
        "outputs": {"x-n": 1, "o": {"x-o": 1, "value": {"x-p": 1}}, "p": "x"},
    }
    assert without_free_keys(data) == {
        "inputs": {"i": {"type": "string"}, "j": 3},
        "schemas": {"s": {"x-e": 1}, "f": {"file": "x"}},
        "defaults": {"seed": 1, "system": {"file": "x"}},
        "steps": {
            "a": {"messages": [{"content": [{"text": "x"}]}]},
            "b": {"response_format": {"json_schema": {"schema": {"x-l": 1}}}},
            "c": {"messages": "x", "value": {"x-m": 1}},
            "d": 3,
            "e": {
                "prompt": {"file": "x"},
                "tool_choice": {"function": {"name": "t"}},
                "repeat": {"max": 1},
                "with": {"x-u": 1},
            },
            "f": {"steps": {"g": {"steps": {"h": {}}, "output": {"x-y": 1}}}},
        },
        "tools": {
            "a": {"http": {"headers": {"x-c": 1}, "body": {"x-d": 1}}},
            "b": {"shell": ["a", {"each": "b"}], "parameters": {"x-f": 1}},
            "c": {"shell": {"command": ["a", {}]}, "returns": {"x-i": 1}},
            "d": {"mcp": {"command": ["a"]}},
            "e": 3,
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


def test_inside_blocks_it_is_one_key_of_the_inner_step() -> None:
    data: dict[str, JsonValue] = {
        "steps": {
            "a": {
                "steps": {"b": {"c": {"d": 1}, "e": 2}, "f": {"g": 1}, "h": 3},
                "output": 1,
            },
            "steps": {"steps": {"steps": {"steps": {}, "value": 1}}},
            "i": {"value": {"steps": {"j": {"k": 1}}}},
        },
        "tools": {"t": {"steps": {"b": {"c": 1}}, "http": {"url": "x"}, "pure": True}},
        "defaults": {"tool_choice": {"type": "x"}, "seed": 1},
    }
    paths: list[Path | None] = [
        ("steps", "a", "steps", "b", "c", "d"),
        ("steps", "a", "steps", "f"),
        ("steps", "a", "output"),
        ("steps", "steps", "steps", "steps", "steps"),
        ("tools", "t", "http", "url"),
        ("defaults", "tool_choice", "type"),
    ]
    assert without(data, paths) == {
        "steps": {
            "a": {"steps": {"b": {"e": 2}, "h": 3}},
            "steps": {"steps": {"steps": {"value": 1}}},
            "i": {"value": {"steps": {"j": {"k": 1}}}},
        },
        "tools": {"t": {"steps": {"b": {"c": 1}}, "pure": True}},
        "defaults": {"seed": 1},
    }


def test_steps_are_met_at_every_depth() -> None:
    data: dict[str, JsonValue] = {
        "steps": {
            "a": {"steps": {"b": {"steps": {"c": {}}}, "d": 3}},
            "e": {"value": {"steps": {}}},
        }
    }
    assert [path for path, _ in every_step(data)] == [
        ("steps", "a"),
        ("steps", "a", "steps", "b"),
        ("steps", "a", "steps", "b", "steps", "c"),
        ("steps", "e"),
    ]


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ((), ()),
        (("steps",), ()),
        (("tools", "a", "steps"), ()),
        (("steps", "a"), ("steps", "a")),
        (("steps", "a", "steps"), ("steps", "a")),
        (("steps", "a", "value", "steps", "b"), ("steps", "a")),
        (("steps", "a", "steps", "b", "needs", 0), ("steps", "a", "steps", "b")),
    ],
)
def test_a_path_leads_into_a_step(path: Path, step: Path) -> None:
    assert step_path(path) == step


def test_a_section_is_there_or_empty() -> None:
    assert section({"a": {"b": 1}, "c": 3}, "a") == {"b": 1}
    assert section({"c": 3}, "c") == section({}, "c") == {}
