from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from flowrun.errors import Unsupported
from flowrun.providers.instance import instance

TREE = {
    "$defs": {
        "leaf/1": {"type": "string", "minLength": 20},
        "tree": {
            "type": "object",
            "properties": {"leaf": {"$ref": "#/$defs/leaf~11"}, "child": {"$ref": "#/$defs/tree"}},
            "required": ["leaf"],
        },
    },
    "$ref": "#/$defs/tree",
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
        {"properties": {"a": True}, "required": ["a"], "additionalProperties": False},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 4},
        {"items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "null"}, {"const": 7}], "minItems": 3},
        {"type": "string", "minLength": 30, "maxLength": 31},
        {"type": "string", "maxLength": 2},
        {"type": "string", "maxLength": 0},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "email"},
        {"type": "string", "format": "unknown"},
        {"type": "integer", "minimum": 3, "maximum": 3},
        {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
        {"type": "integer", "minimum": 0.5},
        {"type": "integer", "multipleOf": 7, "minimum": 8},
        {"type": "integer", "minimum": -8, "maximum": -5},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "exclusiveMinimum": 0, "minimum": 0.5},
        {"type": "number", "exclusiveMaximum": -1, "maximum": 9},
        {"type": "number", "maximum": -2.5},
        {"type": "number", "multipleOf": 0.25, "minimum": 0.3},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["a", "b", 3]},
        {"const": {"a": 1}},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "x"},
        {"oneOf": [{"type": "integer"}, {"type": "null"}]},
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
            ]
        },
        TREE,
    ],
)
def test_the_data_fits_the_schema_and_is_always_the_same(schema: Mapping[str, Any]) -> None:
    data = instance(schema, "seed")
    jsonschema_rs.validator_for(dict(schema)).validate(data)
    assert instance(schema, "seed") == data


def test_another_seed_may_give_other_data() -> None:
    schema = {"enum": list(range(1000))}
    assert len({instance(schema, str(seed)) for seed in range(20)}) > 15


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "pattern": "^a$"}, 'fake cannot make "pattern"'),
        (
            {"properties": {"a": {"not": {}}}, "required": ["a"]},
            'fake cannot make "not" at "/a"',
        ),
        (
            {"properties": {"a": False}, "required": ["a"]},
            'fake cannot make what it forbids at "/a"',
        ),
        (
            {"properties": {"a": {"$ref": "#"}}, "required": ["a"]},
            "fake cannot make a schema that leads into itself at",
        ),
        ({"$ref": "#/$defs/absent"}, 'fake cannot make the reference "#/$defs/absent"'),
        ({"$ref": "other.json"}, 'fake cannot make the reference "other.json"'),
        ({"type": "symbol"}, 'fake cannot make the type "symbol"'),
        (
            {"type": "integer", "minimum": 5, "maximum": 4},
            "fake cannot make a number within its bounds",
        ),
        (
            {"type": "integer", "minimum": 0.2, "maximum": 0.8},
            "fake cannot make a number within its",
        ),
        (
            {"type": "object", "minProperties": 1},
            'fake cannot make "minProperties" above what is required',
        ),
        (
            {"items": {"const": 1}, "minItems": 2, "uniqueItems": True},
            "fake cannot make items that all differ",
        ),
    ],
)
def test_what_it_cannot_make_it_refuses(schema: Mapping[str, Any], said: str) -> None:
    with pytest.raises(Unsupported) as caught:
        instance(schema, "seed")
    assert str(caught.value).startswith(said)
