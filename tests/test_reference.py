"""docs/reference.md says what the models say, and its examples are sound."""

from __future__ import annotations

import json
import re

import pytest

from flowrun.document.anatomy import known_keys
from flowrun.document.spec import Step, editor_schema
from scripts.reference import PAGE, PARTS, Schema, is_sound, page, step_groups, words
from tests.document.checking import told

TEXT = PAGE.read_text("utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]
REVIEW = """
inputs: {text: {type: string}}
steps: {judge: {prompt: "Is this good? {{ inputs.text }}"}}
outputs: {verdict: "{{ judge }}"}
"""


def test_the_page_is_what_the_models_say() -> None:
    assert page() == TEXT, "run scripts/docs"


def test_every_part_of_the_language_has_its_section() -> None:
    parts = json.loads(json.dumps(editor_schema()))["$defs"]
    told_elsewhere = {"JsonValue", "Step", "ToolSpec", "Asking"}
    assert {name for _, name, _ in PARTS} | told_elsewhere == set(parts)


def test_every_key_of_a_step_is_told_once() -> None:
    keys = [key for group in step_groups(known_keys(Step)).values() for key in group]
    assert sorted(keys) == sorted(known_keys(Step))


def test_no_key_is_told_without_words_or_example() -> None:
    assert len(ROWS) > 100
    for row in ROWS:
        assert all(row[index] for index in (0, 1, -2, -1)), row


def test_every_key_may_stand_in_some_kind_of_step_or_tool() -> None:
    assert all(row[2] for row in ROWS if len(row) == 6)


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_its_examples_are_sound(text: str) -> None:
    assert told(text, {"review.yaml": REVIEW}) == []


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "data"),
        ({"$ref": "#/$defs/JsonValue"}, "data"),
        ({"$ref": "#/$defs/Step"}, "[a step](#a-step)"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"enum": ["a", "b", "c"]}, "`a`, `b` or `c`"),
        ({"const": "a"}, "`a`"),
        ({"type": ["string", "boolean"]}, "text or `true` or `false`"),
        ({"type": "array"}, "list"),
        (
            {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 4},
            "list of numbers (not empty, 4 at most)",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "number"}},
            "mapping of names to numbers",
        ),
        ({"type": "object"}, "mapping"),
        ({"type": "integer", "minimum": 1}, "whole number (1 or more)"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 2}, "number (above 0, 2 at most)"),
        ({"type": "string", "title": "duration"}, "duration"),
    ],
)
def test_what_a_value_may_be_is_said_in_words(schema: Schema, said: str) -> None:
    assert words(schema) == said


def test_soundness_is_the_checks_own() -> None:
    assert is_sound({"steps": {"s": {"value": 1}}})
    assert not is_sound({"steps": {"s": {"value": 1, "model": "x"}}})
