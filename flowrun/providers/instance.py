"""A small instance of a JSON Schema, always the same for the same seed.

For fakes: the data fits the schema and says nothing. Optional properties are left out, arrays
are as short as they may be. What it cannot make it refuses rather than to guess: a `pattern`,
`not`, `if`, and references that lead into themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import ceil

from flowrun.digest import JsonValue
from flowrun.errors import Unsupported

_DEPTH = 32
_REFUSED = ("pattern", "not", "if", "$dynamicRef", "contains", "dependentSchemas")
_FORMATS: Mapping[str, str] = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "someone@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: Mapping[str, JsonValue], seed: str) -> JsonValue:
    """Data that fits the schema. Raises: Unsupported if this cannot make any."""
    return _Maker(schema, seed).make(schema, "", _DEPTH)


class _Maker:
    def __init__(self, root: Mapping[str, JsonValue], seed: str) -> None:
        self._root = root
        self._seed = seed

    def make(self, schema: JsonValue, path: str, depth: int) -> JsonValue:
        if schema is True:
            return self._word(path)
        whole = self._resolved(schema, path, depth)
        if "const" in whole:
            return whole["const"]
        choices = whole.get("enum")
        if isinstance(choices, list) and choices:
            chosen: JsonValue = choices[self._number(path) % len(choices)]
            return chosen
        for key in ("anyOf", "oneOf"):
            options = whole.get(key)
            if isinstance(options, list) and options:
                rest = {name: value for name, value in whole.items() if name != key}
                first = self._resolved(options[0], path, depth - 1)
                return self.make(_both(rest, first), path, depth - 1)
        return self._of_type(_type(whole), whole, path, depth)

    def _of_type(
        self, kind: str, schema: Mapping[str, JsonValue], path: str, depth: int
    ) -> JsonValue:
        match kind:
            case "object":
                return self._object(schema, path, depth)
            case "array":
                return self._array(schema, path, depth)
            case "string":
                return self._string(schema, path)
            case "integer" | "number":
                return self._amount(schema, path, is_whole=kind == "integer")
            case "boolean":
                return self._number(path) % 2 == 0
            case "null":
                return None
            case _:
                raise _unable(path, f'the type "{kind}"')

    def _object(
        self, schema: Mapping[str, JsonValue], path: str, depth: int
    ) -> Mapping[str, JsonValue]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = [str(name) for name in required] if isinstance(required, list) else []
        found = {
            name: self.make(known.get(name, True), f"{path}/{name}", depth - 1) for name in names
        }
        if len(found) < _whole(schema, "minProperties", 0):
            raise _unable(path, '"minProperties" above what is required')
        return found

    def _array(self, schema: Mapping[str, JsonValue], path: str, depth: int) -> list[JsonValue]:
        first = schema.get("prefixItems")
        prefix = first if isinstance(first, list) else []
        items = schema.get("items", True)
        found = [
            self.make(prefix[index] if index < len(prefix) else items, f"{path}/{index}", depth - 1)
            for index in range(_whole(schema, "minItems", len(prefix)))
        ]
        if schema.get("uniqueItems") is True and any(found.count(each) > 1 for each in found):
            raise _unable(path, "items that all differ")
        return found

    def _string(self, schema: Mapping[str, JsonValue], path: str) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            return _FORMATS[form]
        word = self._word(path)
        least = _whole(schema, "minLength", 0)
        most = _whole(schema, "maxLength", max(least, len(word)))
        return (word * (least // len(word) + 1))[: max(least, min(len(word), most))]

    def _amount(self, schema: Mapping[str, JsonValue], path: str, *, is_whole: bool) -> JsonValue:
        low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
        step = _bound(schema, "multipleOf") or (1.0 if is_whole else None)
        margin = step or 2.0**-10
        above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
        if above is not None:
            low = max(above + margin, low if low is not None else above + margin)
        if below is not None:
            high = min(below - margin, high if high is not None else below - margin)
        if low is None:
            low = 0.0 if high is None or high >= 0 else high
        found = ceil(low / step) * step if step else low
        if high is not None and found > high:
            raise _unable(path, "a number within its bounds")
        return int(found) if is_whole or found == int(found) else found

    def _resolved(self, schema: JsonValue, path: str, depth: int) -> Mapping[str, JsonValue]:
        """The schema with its reference and `allOf` put into it."""
        if not isinstance(schema, Mapping):
            raise _unable(path, "what it forbids")
        if depth <= 0:
            raise _unable(path, "a schema that leads into itself")
        for key in _REFUSED:
            if key in schema:
                raise _unable(path, f'"{key}"')
        found = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        parts = schema.get("allOf")
        inner = list(parts) if isinstance(parts, list) else []
        if "$ref" in schema:
            inner.append(self._referred(schema["$ref"], path))
        for part in inner:
            found = _both(self._resolved(part, path, depth - 1), found)
        return found

    def _referred(self, reference: JsonValue, path: str) -> JsonValue:
        steps = str(reference).split("/")
        if steps[0] != "#":
            raise _unable(path, f'the reference "{reference}"')
        found: JsonValue = self._root
        for step in steps[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise _unable(path, f'the reference "{reference}"')
            found = found[name]
        return found

    def _number(self, path: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed}\0{path}".encode()).digest()[:4])

    def _word(self, path: str) -> str:
        return f"echo-{self._number(path) % 10_000:04}"


def _both(first: Mapping[str, JsonValue], second: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Two schemas that must both hold: their properties and requirements together."""
    found = {**first, **second}
    ours, theirs = first.get("properties"), second.get("properties")
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        found["properties"] = {**ours, **theirs}
    mine, others = first.get("required"), second.get("required")
    if isinstance(mine, list) and isinstance(others, list):
        found["required"] = list(dict.fromkeys([*mine, *others]))
    return found


def _type(schema: Mapping[str, JsonValue]) -> str:
    said = schema.get("type")
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, str):
        return said
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _whole(schema: Mapping[str, JsonValue], key: str, default: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else default


def _bound(schema: Mapping[str, JsonValue], key: str) -> float | None:
    value = schema.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _unable(path: str, what: str) -> Unsupported:
    place = f" at {json.dumps(path)}" if path else ""
    return Unsupported(f"fake cannot make {what}{place}")
