from __future__ import annotations

import pytest

from flowrun.chat.schema_work import Work
from flowrun.digest import JsonValue

LEAF: JsonValue = {"type": "integer"}


@pytest.mark.parametrize(
    "reference",
    ["#/$defs/a~1b", "#here", "https://example.org/root#/$defs/a~1b", "inner"],
)
def test_references_are_followed(reference: str) -> None:
    target: JsonValue = {"$id": "inner", "anyOf": [LEAF, LEAF, LEAF]}
    if reference == "#here":
        target = {"$anchor": "here", "anyOf": [LEAF, LEAF, LEAF]}
    elif reference != "inner":
        target = {"anyOf": [LEAF, LEAF, LEAF]}
    schema: JsonValue = {"$id": "https://example.org/root", "$defs": {"a/b": target}}
    assert isinstance(schema, dict)
    assert Work({**schema, "$ref": reference}).spread >= 3


@pytest.mark.parametrize("reference", ["#/allOf/1", "#/allOf/9", "#no", "http://[", 3])
def test_odd_references_end(reference: JsonValue) -> None:
    assert Work({"allOf": [{"$ref": reference}, LEAF]}).spread >= 3


@pytest.mark.parametrize("schema", [True, {}, {"$ref": "#"}, {"not": {"$ref": "#"}}])
def test_any_schema_has_an_estimate(schema: JsonValue) -> None:
    assert Work(schema).spread >= 1


def test_a_schema_that_recurs_through_values_counts_once() -> None:
    tree = Work({"properties": {"a": {"$ref": "#"}, "b": {"items": {"$ref": "#"}}}})
    assert tree.is_recursive
    assert tree.spread < 10
    assert not tree.exceeds({"a": {"b": [{}, {}]}}, 100)


def test_values_count_where_a_schema_applies() -> None:
    work = Work({"prefixItems": [LEAF], "items": LEAF, "dependentSchemas": {"a": LEAF}})
    assert not work.is_recursive
    assert not work.exceeds("text", 10)
    assert work.exceeds([1] * 10, 10)
    draft_7 = Work({"items": [LEAF, LEAF], "properties": {"a": LEAF}})
    assert not draft_7.exceeds([1] * 100, 10)
    assert not draft_7.exceeds({"b": [1] * 100}, 10)
