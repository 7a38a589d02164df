from __future__ import annotations

from typing import Any

import pytest

from flowrun.providers.anthropic_schema import wire_schema

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (closed(a=TEXT), closed(a=TEXT)),
        ({"type": "object", "properties": {"a": TEXT}}, closed(a=TEXT)),
        ({**closed(), "required": []}, {**closed(), "required": []}),
        ({"$schema": "x", "title": "T", "type": "string"}, {"title": "T", "type": "string"}),
        (
            {"type": "integer", "description": "Age.", "minimum": 1, "maximum": 9},
            {"type": "integer", "description": "Age.\n\n{minimum: 1, maximum: 9}"},
        ),
        ({"type": "string", "pattern": "a+"}, {"type": "string", "description": '{pattern: "a+"}'}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"type": "string", "format": "regex"},
            {"type": "string", "description": '{format: "regex"}'},
        ),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        ({"type": "string", "const": "x"}, {"const": "x"}),
        ({"type": "array", "items": TEXT, "minItems": 1}, {"type": "array", "items": TEXT,
          "minItems": 1}),
        (
            {"type": "array", "items": TEXT, "minItems": 2},
            {"type": "array", "items": TEXT, "description": "{minItems: 2}"},
        ),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}),
        (
            {"type": ["string", "null"], "minLength": 2},
            {"anyOf": [{**TEXT, "description": "{minLength: 2}"}, {"type": "null"}]},
        ),
        (
            {"$defs": {"t": TEXT, "u": {"$ref": "#/$defs/t"}}, "$ref": "#/$defs/u"},
            {"$defs": {"t": TEXT, "u": {"$ref": "#/$defs/t"}}, "$ref": "#/$defs/u"},
        ),
        (closed(title=TEXT, const={"type": "null"}), closed(title=TEXT, const={"type": "null"})),
    ],
)  # fmt: skip
def test_a_schema_in_the_words_that_are_enforced(schema: Any, said: Any) -> None:
    assert wire_schema(schema) == said


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        {"type": "array"},
        {"type": "array", "items": [TEXT]},
        {"type": "array", "prefixItems": [TEXT]},
        {"type": "thing"},
        {"allOf": [TEXT]},
        {"anyOf": TEXT},
        {"anyOf": [TEXT], "type": "string"},
        {"enum": []},
        {"enum": [{"a": 1}]},
        {"const": [1]},
        {"$ref": "https://example.org/x"},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#"},
        {"$ref": 7},
        {"type": "object", "properties": [TEXT]},
        {"$defs": {"a": closed(x={"$ref": "#/$defs/a"})}, "$ref": "#/$defs/a"},
        {
            "$defs": {
                "a": {"anyOf": [{"$ref": "#/$defs/b"}]},
                "b": {"$ref": "#/$defs/c"},
                "c": {"$ref": "#/$defs/a"},
            },
            "type": "string",
        },
    ],
)
def test_a_schema_that_would_mean_something_else_has_no_form(schema: Any) -> None:
    assert wire_schema(schema) is None
