import pytest

from flowrun.digest import JsonValue
from flowrun.providers.alternatives import Alternatives, Schema


def plain(schema: JsonValue, *, root: Schema | None = None, nesting: int = 2) -> list[Schema]:
    whole = root if root is not None else (schema if isinstance(schema, dict) else {})
    return [each.schema for each in Alternatives(whole, nesting=nesting).of(schema, ())]


def test_a_plain_schema_is_its_only_alternative() -> None:
    assert plain({"type": "string", "maxLength": 3}) == [{"type": "string", "maxLength": 3}]


def test_true_allows_all_and_false_nothing() -> None:
    assert plain(True) == [{}]
    assert plain(False) == []


def test_a_constant_is_an_enumeration_of_one() -> None:
    assert plain({"const": None}) == [{"enum": [None]}]


@pytest.mark.parametrize("name", ["anyOf", "oneOf"])
def test_each_branch_is_an_alternative_together_with_what_stands_beside_it(name: str) -> None:
    schema: Schema = {name: [{"minLength": 2}, {"maxLength": 9}], "type": "string"}
    assert plain(schema) == [
        {"type": "string", "minLength": 2},
        {"type": "string", "maxLength": 9},
    ]


def test_all_of_demands_all() -> None:
    schema: Schema = {"allOf": [{"minimum": 3, "maximum": 8}, {"minimum": 5}, {"maximum": 7}]}
    assert plain(schema) == [{"minimum": 5, "maximum": 7}]


def test_all_of_something_impossible_is_impossible() -> None:
    assert plain({"allOf": [{"type": "string"}, False]}) == []


def test_objects_are_put_together() -> None:
    left: JsonValue = {"properties": {"a": {"type": "string"}, "b": True}, "required": ["a"]}
    right: JsonValue = {"properties": {"b": {"minimum": 1}}, "required": ["b", "a"]}
    assert plain({"allOf": [left, right]}) == [
        {
            "properties": {"a": {"type": "string"}, "b": {"allOf": [True, {"minimum": 1}]}},
            "required": ["a", "b"],
        }
    ]


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "expected"),
    [
        ("enum", [1, 2, 3], [3, 2], [2, 3]),
        ("type", "number", "integer", ["integer"]),
        ("type", ["integer", "null"], ["number", "null"], ["integer", "null"]),
        ("type", ["integer", "number"], "number", ["number"]),
        ("type", "string", "null", []),
        ("minItems", 1, 4, 4),
        ("maxProperties", 1, 4, 1),
        ("exclusiveMinimum", 1, 4, 4),
        ("exclusiveMaximum", 1.5, 4, 1.5),
        ("items", True, {"type": "null"}, {"allOf": [True, {"type": "null"}]}),
        ("additionalProperties", False, True, {"allOf": [False, True]}),
        ("pattern", "a", "b", "a"),
    ],
)
def test_the_narrower_of_two_keywords_holds(
    name: str, ours: JsonValue, theirs: JsonValue, expected: JsonValue
) -> None:
    assert plain({"allOf": [{name: ours}, {name: theirs}]}) == [{name: expected}]


def test_references_are_followed_and_hold_with_what_stands_beside_them() -> None:
    root: Schema = {"$defs": {"a/b~c": {"type": "string"}, "x": {"$ref": "#/$defs/a~1b~0c"}}}
    assert plain({"$ref": "#/$defs/x", "maxLength": 4}, root=root) == [
        {"maxLength": 4, "type": "string"}
    ]


def test_the_path_of_references_is_kept() -> None:
    root: Schema = {"$defs": {"x": {"anyOf": [{"$ref": "#/$defs/y"}, {"type": "null"}]}, "y": {}}}
    found = Alternatives(root, nesting=2).of({"$ref": "#/$defs/x"}, ("#",))
    assert [each.path for each in found] == [
        ("#", "#/$defs/x", "#/$defs/y"),
        ("#", "#/$defs/x"),
    ]


def test_a_schema_that_is_only_itself_allows_nothing() -> None:
    assert plain({"$ref": "#"}) == []


def test_a_schema_within_itself_is_written_out_a_few_times() -> None:
    within: Schema = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    assert plain(within, nesting=1) == [{"type": "null"}] * 2
    assert plain(within, nesting=4) == [{"type": "null"}] * 5


FAULTS: dict[str, tuple[Schema, str]] = {
    "outside": ({"$ref": "other.json"}, 'refers outside itself: "other.json"'),
    "nowhere": ({"$ref": "#/$defs/no"}, r'refers to what it does not have: "#/\$defs/no"'),
    "into-text": ({"type": "string", "$ref": "#/type/x"}, "refers to what it does not have"),
    "product": ({"allOf": [{"anyOf": [{}] * 30}] * 2}, "too many alternatives to write out"),
    "sum": ({"anyOf": [{"anyOf": [True] * 300}] * 7}, "too large to write out"),
}


@pytest.mark.parametrize(("schema", "problem"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_written_out_is_named(schema: Schema, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        plain(schema)
