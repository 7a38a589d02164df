import json
from random import Random
from typing import Any

import jsonschema_rs
import pytest

from flowrun.digest import JsonValue
from flowrun.providers.bounded import bounded, longest

AMPLE = 10**7


def made(closed: dict[str, Any], chance: Random) -> Any:
    """Some value that a finite schema allows; patterns are left to the grammar."""
    if "enum" in closed:
        return chance.choice(closed["enum"])
    if "anyOf" in closed:
        return made(chance.choice(closed["anyOf"]), chance)
    match closed["type"]:
        case "string":
            length = chance.choice((closed["minLength"], closed["maxLength"]))
            return "x" * length
        case "number" | "integer":
            step = closed.get("multipleOf", 1)
            low = closed.get("minimum", closed.get("exclusiveMinimum", 0) + step)
            high = closed.get("maximum", closed.get("exclusiveMaximum", 0) - step)
            return round(round(chance.choice((low, high)) / step) * step, 9)
        case "boolean":
            return chance.random() < 0.5
        case "null":
            return None
        case "array":
            count = chance.randint(closed["minItems"], closed["maxItems"])
            first = closed["prefixItems"]
            return [
                made(first[place] if place < len(first) else closed["items"], chance)
                for place in range(count)
            ]
    found = {
        name: made(each, chance)
        for name, each in closed["properties"].items()
        if name in closed["required"] or chance.random() < 0.5
    }
    for each in closed.get("patternProperties", {}).values():
        for extra in range(closed["maxProperties"] - len(found)):
            found[f"extra_{extra}"] = made(each, chance)
    return found


TREE: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name", "kids"],
}
LINKED: dict[str, JsonValue] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}},
            "required": ["next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: dict[str, dict[str, JsonValue]] = {
    "anything": {},
    "text": {"type": "string"},
    "long-text": {"type": "string", "minLength": 900},
    "number": {"type": "number"},
    "ratio": {"type": "number", "minimum": 0, "maximum": 1},
    "narrow": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 0.5004},
    "above": {"type": "number", "minimum": 5_000_000},
    "below": {"type": "integer", "exclusiveMaximum": -5_000_000},
    "fives": {"type": "integer", "multipleOf": 5, "minimum": 10},
    "several-types": {"type": ["string", "null", "integer"], "maxLength": 4},
    "choice": {"enum": ["a", 1, None, [2]]},
    "typed-choice": {"type": "string", "enum": ["a", 1, None, True]},
    "whole-choice": {"type": ["integer", "boolean"], "enum": [1, 1.5, 2.0, True, "1"]},
    "constant": {"const": {"a": 1}},
    "list": {"type": "array"},
    "list-of-lists": {"items": {"items": {"maxLength": 3}, "minItems": 2}},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}]},
    "open-tuple": {"prefixItems": [{"type": "integer"}], "items": {"type": "null"}},
    "tuple-with-a-hole": {"type": "array", "prefixItems": [True, False, True]},
    "exact-list": {"type": "array", "items": {"type": "boolean"}, "minItems": 20},
    "object": {"type": "object"},
    "record": {"properties": {"a": {"type": "string"}, "b": {"minimum": 3}}, "required": ["a"]},
    "closed-record": {"properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
    "unnamed-requirement": {"properties": {"a": True}, "required": ["b"]},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    "record-and-map": {
        "properties": {"a": {"type": "null"}},
        "required": ["a", "b"],
        "additionalProperties": {"type": "boolean"},
    },
    "impossible-option": {"type": "object", "properties": {"a": False, "b": True}},
    "either": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "all": {"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a", "c"]}]},
    "anonymous-requirement": {"required": ["a"]},
    "tree": TREE,
    "linked": LINKED,
    "formats": {"type": "string", "format": "unknown"},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("characters", [AMPLE, 300])
def test_whatever_it_allows_the_original_allows(
    schema: dict[str, JsonValue], characters: int
) -> None:
    closed = bounded(schema, characters=characters)
    validator = jsonschema_rs.validator_for(schema)
    chance = Random(1)
    for _ in range(30):
        value = made(closed, chance)
        validator.validate(value)
        assert len(json.dumps(value, separators=(",", ":"))) <= longest(closed)


@pytest.mark.parametrize(
    ("schema", "characters"),
    [
        ({"type": "string"}, 70),
        ({"type": "array", "items": {"type": "string"}}, 250),
        ({"type": "string", "maxLength": 100_000}, 1_100),
        ({"type": "array", "items": {"maxLength": 5_000}, "maxItems": 500}, 9_000),
        (TREE, 3_000),
        ({"type": "object"}, 500),
    ],
    ids=str,
)
def test_bounds_are_tightened_until_the_longest_reply_fits(
    schema: dict[str, JsonValue], characters: int
) -> None:
    assert longest(bounded(schema, characters=AMPLE)) > characters
    assert longest(bounded(schema, characters=characters)) <= characters


def test_bounds_that_fit_are_kept_as_they_are() -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {
            "headline": {"type": "string", "minLength": 3, "maxLength": 60},
            "benefits": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 4},
        },
        "required": ["headline", "benefits"],
        "additionalProperties": False,
    }
    assert bounded(schema, characters=2000) == {
        "type": "object",
        "properties": {
            "headline": {"type": "string", "minLength": 3, "maxLength": 60},
            "benefits": {
                "type": "array",
                "prefixItems": [],
                "items": {"enum": ["a", "b"]},
                "minItems": 0,
                "maxItems": 4,
            },
        },
        "required": ["headline", "benefits"],
        "additionalProperties": False,
    }


def test_what_cannot_be_shorter_is_as_short_as_it_can_be() -> None:
    closed = bounded({"type": "string", "minLength": 500}, characters=10)
    assert (closed["minLength"], closed["maxLength"]) == (500, 500)


def test_digits_have_an_end() -> None:
    assert bounded({"type": "number"}, characters=AMPLE) == {
        "type": "number",
        "minimum": -999_999,
        "maximum": 999_999,
        "multipleOf": 0.01,
    }
    assert bounded({"type": "integer"}, characters=AMPLE) == {
        "type": "integer",
        "minimum": -999_999,
        "maximum": 999_999,
    }


def test_the_step_of_a_number_fits_its_range() -> None:
    narrow = bounded({"type": "number", "minimum": 0, "maximum": 0.004}, characters=AMPLE)
    assert narrow["multipleOf"] == 0.0001
    point = bounded({"type": "number", "minimum": 2, "maximum": 2}, characters=AMPLE)
    assert point["multipleOf"] == 1e-12


def test_patterns_and_known_formats_are_kept() -> None:
    pattern = bounded({"type": "string", "pattern": "^[a-z]+$"}, characters=AMPLE)
    assert pattern == {"type": "string", "pattern": "^[a-z]+$", "minLength": 0, "maxLength": 400}
    assert bounded({"type": "string", "format": "date"}, characters=AMPLE) == {
        "type": "string",
        "format": "date",
    }
    mail = bounded({"type": "string", "format": "email"}, characters=AMPLE)
    assert mail == {"type": "string", "format": "email", "minLength": 0, "maxLength": 80}


def test_a_pattern_may_stand_without_its_lengths() -> None:
    schema: dict[str, JsonValue] = {"type": "string", "pattern": "^a+$", "maxLength": 9}
    closed = bounded(schema, characters=AMPLE, counts_patterns=False)
    assert closed == {"type": "string", "pattern": "^a+$"}
    assert longest(closed) == 42


def test_nesting_has_an_end() -> None:
    shown = json.dumps(bounded(TREE, characters=AMPLE))
    assert shown.count('"name": {"type"') == 4


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": []},
        {"type": "integer", "enum": ["a"]},
        {"type": "string", "minLength": 5, "maxLength": 4},
        {"type": "number", "minimum": 5, "maximum": 4},
        {"type": "array", "minItems": 5, "maxItems": 4},
        {"type": "array", "items": False, "minItems": 1},
        {"type": "array", "prefixItems": [False], "minItems": 1},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"$ref": "#"},
        {"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]},
    ],
    ids=str,
)
def test_what_allows_nothing_that_ends_is_refused(schema: dict[str, JsonValue]) -> None:
    with pytest.raises(ValueError, match=r"^the schema allows nothing that ends$"):
        bounded(schema, characters=AMPLE)
