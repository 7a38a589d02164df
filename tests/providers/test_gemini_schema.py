from __future__ import annotations

from typing import Any

import pytest

from flowrun.providers.gemini_schema import wire_schema


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"$schema": "x", "$comment": "y", "type": "string"}, {"type": "string"}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": 1.5, "enum": [1.5, 2]}, {"enum": [1.5, 2]}),
        ({"const": True}, {"const": True}),
        ({"const": {"a": 1}}, {"const": {"a": 1}}),
        ({"type": "array", "items": {"const": 1}}, {"type": "array", "items": {"enum": [1]}}),
        ({"anyOf": [{"const": 1}, True]}, {"anyOf": [{"enum": [1]}, True]}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}),
        ({"$ref": "#/$defs/a", "title": "T"}, {"title": "T", "anyOf": [{"$ref": "#/$defs/a"}]}),
        (
            {"$ref": "#/$defs/a", "anyOf": [{}]},
            {"anyOf": [{}], "allOf": [{"$ref": "#/$defs/a"}]},
        ),
        (
            {"$ref": "#/$defs/a", "anyOf": [{}], "allOf": [{"type": "null"}]},
            {"anyOf": [{}], "allOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]},
        ),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}},
            {"$ref": "#/$defs/a", "$defs": {"a": {"enum": [1]}}},
        ),
    ],
)
def test_a_schema_is_said_in_words_that_are_enforced(
    schema: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert wire_schema(schema) == sent


def test_pitfall_47_what_is_only_named_like_a_keyword_survives() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "const": {"type": ["string", "null"]},
            "$schema": {"type": "integer", "exclusiveMinimum": 0},
            "$ref": {"type": "string"},
        },
        "default": {"const": 1, "$comment": "kept"},
        "examples": [{"const": 1}],
        "required": ["const"],
    }
    assert wire_schema(schema) == schema
