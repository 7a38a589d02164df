from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.digest import JsonValue
from flowrun.document.access import Subject, read_field, read_item
from flowrun.document.schema_types import from_schema
from flowrun.document.types import (
    NOTHING,
    Anything,
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
    Type,
    Union,
    describe,
    options,
    union,
)
from tests.document.typed_scope import fits

CLOSED: dict[str, JsonValue] = {"additionalProperties": False}
TEXT: JsonValue = {"type": "string"}
WHOLE: JsonValue = {"type": "integer"}


def values(*texts: str) -> String:
    return String(frozenset(texts))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, Anything()),
        (False, NOTHING),
        ({}, Anything()),
        ("no schema at all", Anything()),
        ({"type": "string"}, String()),
        ({"type": "integer"}, Integer()),
        ({"type": "number"}, Number()),
        ({"type": "boolean"}, Boolean()),
        ({"type": "null"}, Null()),
        ({"type": "colour"}, Anything()),
        ({"type": [1, "null"]}, Anything()),
        ({"type": ["string", "null"]}, Union((String(), Null()))),
        ({"minLength": 3}, Anything()),
        ({"enum": ["a", "b"]}, values("a", "b")),
        ({"enum": ["a", 1, True, None]}, Union((values("a"), Number(), Boolean(), Null()))),
        ({"type": "string", "enum": ["a", 1]}, values("a")),
        ({"type": "integer", "enum": [1, 2.0]}, Integer()),
        ({"const": "a"}, values("a")),
        ({"const": {"a": 1}}, Object({"a": Number()}, frozenset("a"), None)),
        ({"const": [None]}, Array(NOTHING, (Null(),), 1)),
        ({"type": "string", "const": 1}, NOTHING),
        ({"type": "object"}, Object(is_silent=True)),
        ({"type": "object", "additionalProperties": True}, Object()),
        ({"type": "object", "additionalProperties": TEXT}, Object(extra=String())),
        ({"type": "object", **CLOSED}, Object(extra=None)),
        ({"patternProperties": {"^x": TEXT}, **CLOSED}, Object(extra=String())),
        ({"patternProperties": {"^x": TEXT}}, Object()),
        ({"properties": {"a": TEXT}, **CLOSED}, Object({"a": String()}, extra=None)),
        ({"properties": [], "required": "a"}, Object(is_silent=True)),
        (
            {"properties": {"a": TEXT}, "required": ["a", "b", 3]},
            Object({"a": String(), "b": Anything()}, frozenset("ab"), is_silent=True),
        ),
        ({"type": "array"}, Array()),
        ({"items": TEXT}, Array(String())),
        ({"items": TEXT, "maxItems": 3}, Array(String(), longest=3)),
        ({"prefixItems": [TEXT]}, Array(Anything(), (String(),))),
        ({"prefixItems": [TEXT], "items": False}, Array(NOTHING, (String(),), 1)),
        ({"items": [TEXT], "additionalItems": WHOLE}, Array(Integer(), (String(),))),
        ({"properties": {}, "items": {}}, Union((Object(is_silent=True), Array()))),
        ({"allOf": [TEXT, {"enum": ["a", 1]}]}, values("a")),
        ({"allOf": "nonsense"}, Anything()),
        ({"anyOf": [TEXT, {"type": "null"}]}, Union((String(), Null()))),
        ({"oneOf": [TEXT, WHOLE], "type": "string"}, String()),
        ({"anyOf": [TEXT, WHOLE], "allOf": [{"anyOf": [WHOLE, {"type": "null"}]}]}, Integer()),
        ({"$ref": "other.json"}, Anything()),
        ({"$ref": "#/$defs/none"}, Anything()),
        ({"$ref": "#anchor"}, Anything()),
        ({"$ref": 3}, Anything()),
        ({"$ref": "#/a/0/b", "a": "text"}, Anything()),
        ({"$ref": "#/a/2", "a": []}, Anything()),
        ({"allOf": [{"$id": "elsewhere", "type": "string"}]}, Anything()),
    ],
)
def test_a_schema_gives_its_type(schema: JsonValue, expected: Type) -> None:
    assert from_schema(schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": TEXT}}, String()),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": TEXT}}, String()),
        ({"$ref": "#/$defs/a~1b%20~0", "$defs": {"a/b ~": TEXT}}, String()),
        ({"$ref": "#/allOf/0", "allOf": [TEXT]}, String()),
        ({"$ref": "#/$defs/a", "enum": ["x"], "$defs": {"a": TEXT}}, values("x")),
        ({"$ref": "#"}, Anything()),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, Anything()),
        ({"anyOf": [{"$ref": "#"}, TEXT]}, String()),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}, TEXT]}, String()),
    ],
)
def test_a_reference_is_followed_within_the_schema(schema: JsonValue, expected: Type) -> None:
    assert union(options(from_schema(schema))) == expected


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ("http://json-schema.org/draft-07/schema#", String()),
        ("https://json-schema.org/draft/2020-12/schema", values("x")),
    ],
)
def test_beside_a_reference_other_words_count_since_2019(draft: str, expected: Type) -> None:
    schema: JsonValue = {"$schema": draft, "$ref": "#/$defs/a", "enum": ["x"], "$defs": {"a": TEXT}}
    assert union(options(from_schema(schema))) == expected


def test_fields_of_all_parts_join() -> None:
    base: JsonValue = {"properties": {"a": TEXT}, "required": ["a"]}
    schema: JsonValue = {
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"b": WHOLE}}],
        "unevaluatedProperties": False,
        "$defs": {"base": base},
    }
    expected = Object({"a": String(), "b": Integer()}, frozenset("a"), None)
    assert options(from_schema(schema)) == (expected,)


def test_unevaluated_properties_leave_explicitly_allowed_fields() -> None:
    schema: JsonValue = {"additionalProperties": TEXT, "unevaluatedProperties": False}
    assert options(from_schema(schema)) == (Object(extra=String()),)


@pytest.mark.parametrize(
    "word", ["if", "not", "dependentRequired", "dependencies", "minProperties"]
)
def test_where_fields_depend_on_others_none_may_be_missing(word: str) -> None:
    type_ = from_schema({"properties": {"a": TEXT}, "required": ["b"], word: {}})
    assert [read_field(type_, name, Subject()).trouble for name in "abc"] == [None] * 3


def test_a_recursive_schema_may_be_walked_as_deep_as_one_likes() -> None:
    node: JsonValue = {
        "properties": {"kids": {"items": {"$ref": "#"}}, "name": TEXT},
        "required": ["kids"],
    }
    type_ = from_schema(node)
    for _ in range(500):
        kids = read_field(type_, "kids", Subject())
        type_ = read_item(kids.type, 0, Subject()).type
    assert describe(type_) == "an object with kids, name"


def test_a_schema_of_a_thousand_levels_is_read() -> None:
    schema: dict[str, JsonValue] = {"const": "end"}
    value: JsonValue = "end"
    for _ in range(1000):
        schema = {"allOf": [{"properties": {"x": schema}}]}
        value = {"x": value}
    type_ = from_schema(schema)
    for _ in range(1000):
        type_ = read_field(type_, "x", Subject()).type
    assert options(type_) == (values("end"),)
    assert describe(from_schema({"const": value})) == "an object with x"


def test_a_long_row_of_references_ends_in_anything() -> None:
    rows = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}, {}]} for n in range(5000)}
    assert describe(from_schema({"$ref": "#/$defs/0", "$defs": rows})) == "anything"


def test_many_choices_within_choices_stay_quick() -> None:
    choice: dict[str, JsonValue] = {
        "anyOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]
    }
    assert describe(from_schema({"allOf": [choice] * 40})).startswith("an object with")
    loop: JsonValue = {"$ref": "#"}
    knot: JsonValue = {"allOf": [*[loop] * 6, {"anyOf": [loop] * 6}], **choice}
    assert describe(from_schema(knot))


names = st.sampled_from(["a", "b", "c"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def _schemas(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    many = st.lists(inner, min_size=1, max_size=3)
    kinds = st.sampled_from(["object", "array", "string", "null", "integer"])
    words = {
        "type": kinds | st.lists(kinds, min_size=1, max_size=2, unique=True),
        "properties": st.dictionaries(names, inner, max_size=3),
        "required": st.lists(names, max_size=2, unique=True),
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "."]), inner, max_size=1),
        "items": inner,
        "prefixItems": many,
        "maxItems": st.integers(0, 3),
        "allOf": many,
        "anyOf": many,
        "oneOf": many,
        "not": inner,
        "if": inner,
        "then": inner,
        "minProperties": st.integers(0, 3),
        "enum": st.lists(json_values, min_size=1, max_size=3),
        "const": json_values,
        "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/items"]),
        "unevaluatedProperties": st.booleans(),
        "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
    }
    return st.fixed_dictionaries({}, optional=words).map(_typed)


OBJECT_WORDS = {"properties", "required", "additionalProperties", "patternProperties"}
ARRAY_WORDS = {"items", "prefixItems"}


def _typed(schema: dict[str, JsonValue]) -> JsonValue:
    """Says the type that a schema with these words is taken to mean."""
    meant = (("object", OBJECT_WORDS), ("array", ARRAY_WORDS))
    kinds = [kind for kind, words in meant if words & schema.keys()]
    return schema if "type" in schema or not kinds else {**schema, "type": kinds}


schemas = st.recursive(
    st.booleans() | st.sampled_from([TEXT, WHOLE, {"type": "object"}, {"type": "array"}]),
    _schemas,
    max_leaves=10,
)
roots = st.builds(
    lambda root, a, b: {**root, "$defs": {"a": a, "b": b}} if isinstance(root, dict) else root,
    schemas,
    schemas,
    schemas,
)


def _conforms(schema: JsonValue, value: JsonValue) -> bool:
    try:
        return jsonschema_rs.validator_for(schema).is_valid(value)  # type: ignore[arg-type]
    except (ValueError, jsonschema_rs.ReferencingError):
        return False


@settings(max_examples=150, deadline=None)
@given(schema=roots, candidates=st.lists(json_values, min_size=3, max_size=12))
def test_a_value_that_conforms_fits_the_type(
    schema: JsonValue, candidates: list[JsonValue]
) -> None:
    type_ = from_schema(schema)
    for value in candidates:
        if _conforms(schema, value):
            assert fits(value, type_), value


@settings(max_examples=100, deadline=None)
@given(schema=st.recursive(json_values, _schemas, max_leaves=8))
def test_any_json_is_read_as_a_schema(schema: JsonValue) -> None:
    assert describe(from_schema(schema))
