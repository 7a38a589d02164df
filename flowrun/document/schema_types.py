"""The type that a JSON Schema describes.

Source: JSON Schema 2020-12, core and validation; `$ref` alone counts up to draft 7. Only what the
schema itself holds is followed: a reference that leads elsewhere is `Anything`. What is not read
(`if`, `not`, dependencies) can only make the values fewer. A schema that names fields or items
but no type is taken to mean an object or a list, as its writer does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from urllib.parse import unquote

from flowrun.digest import JsonValue
from flowrun.document.types import (
    NOTHING,
    Anything,
    Array,
    Boolean,
    Deferred,
    Integer,
    Null,
    Number,
    Object,
    String,
    Type,
    intersect,
    options,
    union,
)


def from_schema(schema: JsonValue) -> Type:
    """The type of every value that `schema` allows, whatever the schema holds."""
    return _Reader(schema).read(schema, 0)


_DEEPEST = 40
_OLD_DRAFTS = ("draft-03", "draft-04", "draft-06", "draft-07")
_OBJECT_WORDS = ("properties", "required", "additionalProperties", "patternProperties")
_ARRAY_WORDS = ("items", "prefixItems", "additionalItems")
_CONDITIONS = (
    *("if", "not", "minProperties"),
    *("dependencies", "dependentRequired", "dependentSchemas"),
)
"""Words that may require a field in ways not read here: then none is said to be missing."""


class _Reader:
    """Reads one schema; remembers what each `$ref` leads to, so that loops close."""

    def __init__(self, root: JsonValue) -> None:
        self._root = root
        self._references: dict[int, Deferred] = {}
        draft = root.get("$schema") if isinstance(root, Mapping) else None
        self._is_old = isinstance(draft, str) and any(each in draft for each in _OLD_DRAFTS)

    def read(self, schema: JsonValue, depth: int) -> Type:
        if not isinstance(schema, Mapping):
            return NOTHING if schema is False else Anything()
        if depth > _DEEPEST:
            return Deferred(lambda at: self.read(schema, at))
        if "$id" in schema and schema is not self._root:
            return Anything()
        if "$ref" in schema and self._is_old:
            return self._reference(schema["$ref"])
        met = reduce(lambda one, other: intersect(one, other, depth), self._parts(schema, depth))
        return self._as_a_whole(met, schema)

    def _parts(self, schema: Mapping[str, JsonValue], depth: int) -> list[Type]:
        """What each of the schema's words says by itself; a value has all of these types."""
        parts = [self._own(schema, depth)]
        if "enum" in schema:
            parts.append(union(_of_value(each, 0) for each in _list(schema["enum"])))
        if "const" in schema:
            parts.append(_of_value(schema["const"], 0))
        if "$ref" in schema:
            parts.append(self._reference(schema["$ref"]))
        parts += [self.read(each, depth + 1) for each in _list(schema.get("allOf"))]
        for word in ("anyOf", "oneOf"):
            if choices := _list(schema.get(word)):
                parts.append(union(self.read(each, depth + 1) for each in choices))
        return parts

    def _own(self, schema: Mapping[str, JsonValue], depth: int) -> Type:
        named = schema.get("type")
        names = [named] if isinstance(named, str) else [*_list(named)]
        if not names:
            words = (("object", _OBJECT_WORDS), ("array", _ARRAY_WORDS))
            names = [name for name, some in words if any(each in schema for each in some)]
        known = [self._of_kind(name, schema, depth) for name in names]
        return union(known) if known else Anything()

    def _of_kind(self, name: JsonValue, schema: Mapping[str, JsonValue], depth: int) -> Type:
        if name == "object":
            return self._object(schema, depth)
        if name == "array":
            return self._array(schema, depth)
        return _SCALARS.get(name, Anything()) if isinstance(name, str) else Anything()

    def _object(self, schema: Mapping[str, JsonValue], depth: int) -> Object:
        fields = {
            name: self.read(each, depth + 1) for name, each in _dict(schema.get("properties"))
        }
        patterns = [
            self.read(each, depth + 1) for _, each in _dict(schema.get("patternProperties"))
        ]
        others = schema.get("additionalProperties", True)
        if others is not False:
            patterns.append(self.read(others, depth + 1))
        extra = union(patterns) if patterns else None
        required = frozenset(x for x in _list(schema.get("required")) if isinstance(x, str))
        if extra is not None:
            fields |= {name: extra for name in sorted(required) if name not in fields}
        is_silent = "additionalProperties" not in schema and "patternProperties" not in schema
        return Object(fields, required, extra, is_silent)

    def _array(self, schema: Mapping[str, JsonValue], depth: int) -> Array:
        items = schema.get("items", True)
        first = _list(schema.get("prefixItems"))
        if isinstance(items, Sequence) and not isinstance(items, str):
            first, items = items, schema.get("additionalItems", True)
        prefix = tuple(self.read(each, depth + 1) for each in first)
        bounds = [len(prefix)] if items is False else []
        if isinstance(most := schema.get("maxItems"), int):
            bounds.append(most)
        return Array(self.read(items, depth + 1), prefix, min(bounds, default=None))

    def _as_a_whole(self, met: Type, schema: Mapping[str, JsonValue]) -> Type:
        """Adds what the words say only together: nothing else is allowed, or more is required."""
        if any(each in schema for each in _CONDITIONS):
            return _changed(met, _conditional)
        if schema.get("unevaluatedProperties") is False:
            return _changed(met, _closed)
        return met

    def _reference(self, pointer: JsonValue) -> Type:
        target = self._target(pointer) if isinstance(pointer, str) else None
        if not isinstance(target, Mapping):
            return Anything()
        known = self._references.get(id(target))
        if known is None:
            known = Deferred(lambda at: self.read(target, at))
            self._references[id(target)] = known
        return known

    def _target(self, pointer: str) -> JsonValue:
        """What the pointer leads to within the schema, or None."""
        found = self._root
        if pointer != "#" and not pointer.startswith("#/"):
            return None
        for part in unquote(pointer).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(name)
            elif isinstance(found, Sequence) and not isinstance(found, str) and name.isdecimal():
                found = found[int(name)] if int(name) < len(found) else None
            else:
                return None
        return found


_SCALARS: Mapping[str, Type] = {
    "null": Null(),
    "boolean": Boolean(),
    "integer": Integer(),
    "number": Number(),
    "string": String(),
}


def _of_value(value: JsonValue, depth: int) -> Type:
    """The type of one constant: its fields and items are known to the last."""
    if depth > _DEEPEST:
        return Anything()
    match value:
        case None:
            return Null()
        case bool():
            return Boolean()
        case int() | float():
            return Number()
        case str():
            return String(frozenset([value]))
        case Mapping():
            fields = {name: _of_value(each, depth + 1) for name, each in value.items()}
            return Object(fields, frozenset(fields), None)
    return Array(NOTHING, tuple(_of_value(each, depth + 1) for each in value), len(value))


def _changed(type_: Type, change: Callable[[Object], Object]) -> Type:
    def made(at: int) -> Type:
        return union(
            change(each) if isinstance(each, Object) else each for each in options(type_, at)
        )

    return Deferred(made)


def _conditional(type_: Object) -> Object:
    return replace(type_, may_require=True)


def _closed(type_: Object) -> Object:
    return replace(type_, extra=None, is_silent=False) if type_.is_silent else type_


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _dict(value: JsonValue) -> Sequence[tuple[str, JsonValue]]:
    return tuple(value.items()) if isinstance(value, Mapping) else ()
