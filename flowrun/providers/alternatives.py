"""A JSON Schema taken apart: the plain schemas, free of references, of which one must hold.

`$ref`, `allOf`, `anyOf` and `oneOf` are written out, so that what a value may be stands in one
place. A schema that contains itself is written out a few times and then allows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue

Schema: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Plain:
    """A schema without references and combinators; `path` holds the references that led to it."""

    schema: Schema
    path: tuple[str, ...]


class Alternatives:
    """Takes the parts of one schema apart; `nesting` bounds how often it may contain itself."""

    def __init__(self, root: Schema, *, nesting: int) -> None:
        self._root = root
        self._nesting = nesting
        self._written = 0

    def of(self, schema: JsonValue, path: tuple[str, ...]) -> list[Plain]:
        """The plain schemas of which a value must satisfy one; none if nothing satisfies.

        Raises: ValueError for a reference to nowhere and for a schema too large to write out.
        """
        self._written += 1
        if self._written > _MAX_SCHEMAS:
            raise ValueError("the schema is too large to write out")
        if not isinstance(schema, Mapping):
            return [] if schema is False else [Plain({}, path)]
        plain = {name: value for name, value in schema.items() if name not in _WRITTEN_OUT}
        if "const" in schema:
            plain["enum"] = [schema["const"]]
        found = [Plain(plain, path)]
        if isinstance(ref := schema.get("$ref"), str):
            if path.count(ref) >= self._nesting:
                return []
            found = _both(found, self.of(self._at(ref), (*path, ref)), len(path))
        for each in as_list(schema.get("allOf")):
            found = _both(found, self.of(each, path), len(path))
        for name in ("anyOf", "oneOf"):
            if branches := as_list(schema.get(name)):
                either = [one for each in branches for one in self.of(each, path)]
                found = _both(found, either, len(path))
        return found

    def _at(self, ref: str) -> JsonValue:
        """What a JSON pointer of this schema points to."""
        if not ref.startswith("#"):
            raise ValueError(f'the schema refers outside itself: "{ref}"')
        found: JsonValue = self._root
        for name in ref.split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                raise ValueError(f'the schema refers to what it does not have: "{ref}"')
            found = found[key]
        return found


_MAX_SCHEMAS = 2000
_MAX_PLAIN = 500
_WRITTEN_OUT = frozenset(("$ref", "allOf", "anyOf", "oneOf", "const"))


def _both(left: list[Plain], right: list[Plain], shared: int) -> list[Plain]:
    """Every pair as one schema that demands both; `shared` references led to either."""
    if len(left) * len(right) > _MAX_PLAIN:
        raise ValueError("the schema has too many alternatives to write out")
    return [
        Plain(_merged(one.schema, two.schema), (*one.path, *two.path[shared:]))
        for one, two in product(left, right)
    ]


def _merged(one: Schema, two: Schema) -> Schema:
    """The keywords of both schemas; where both have one, the narrower."""
    found = dict(one)
    for name, theirs in two.items():
        found[name] = _narrower(name, found[name], theirs) if name in found else theirs
    return found


def _narrower(name: str, ours: JsonValue, theirs: JsonValue) -> JsonValue:
    match name:
        case "properties":
            left, right = as_schema(ours), as_schema(theirs)
            shared = {each: {"allOf": [left[each], right[each]]} for each in left if each in right}
            return {**left, **right, **shared}
        case "required":
            return list(dict.fromkeys([*as_list(ours), *as_list(theirs)]))
        case "enum":
            return [each for each in as_list(ours) if each in as_list(theirs)]
        case "items" | "additionalProperties":
            return {"allOf": [ours, theirs]}
        case "type":
            return _shared_types(ours, theirs)
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        is_lower_bound = name.startswith("min") or name == "exclusiveMinimum"
        return max(ours, theirs) if is_lower_bound else min(ours, theirs)
    return ours


def _shared_types(ours: JsonValue, theirs: JsonValue) -> list[JsonValue]:
    left, right = (list(each) if isinstance(each, list) else [each] for each in (ours, theirs))
    for one, two in ((left, right), (right, left)):
        if "number" in one and "number" not in two and "integer" in two:
            one.append("integer")
    return list(dict.fromkeys(each for each in left if each in right))


def as_schema(value: JsonValue) -> Schema:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: JsonValue) -> list[JsonValue]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
