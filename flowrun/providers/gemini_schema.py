"""A JSON Schema as Gemini's `parametersJsonSchema` and `responseJsonSchema` take it.

They take any, and enforce a part of it; the rest is ignored, and the reply is judged by the whole
schema anyway. What would be lost although it can be said is said in their words: a `const` is an
`enum` of one, and a `$ref`, beside which nothing may stand, gets a level of its own. Only schemas
are rewritten, never what is named like a keyword: a property, a default, an example.
Source: ai.google.dev, Gemini API, Structured outputs, and GenerationConfig.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.digest import JsonValue

_IGNORED = frozenset({"$schema", "$comment"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONE = frozenset(
    {"items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"}
    | {"unevaluatedProperties", "unevaluatedItems"}
)


def wire_schema(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema as it is sent."""
    found = {name: _keyword(name, value) for name, value in schema.items() if name not in _IGNORED}
    const = found.get("const")
    if isinstance(const, str | int | float) and not isinstance(const, bool):
        del found["const"]
        found.setdefault("enum", [const])
    if "$ref" in found and any(not name.startswith("$") for name in found):
        ref: JsonValue = {"$ref": found.pop("$ref")}
        others = found.get("allOf")
        if "anyOf" in found:
            found["allOf"] = [*others, ref] if isinstance(others, list) else [ref]
        else:
            found["anyOf"] = [ref]
    return found


def _keyword(name: str, value: JsonValue) -> JsonValue:
    """The value of a keyword, with each schema in it rewritten."""
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _schema(each) for key, each in value.items()}
    if name in _LISTED and isinstance(value, list):
        return [_schema(each) for each in value]
    return _schema(value) if name in _ONE else value


def _schema(value: JsonValue) -> JsonValue:
    """A schema rewritten; `true` and `false` are schemas too."""
    return wire_schema(value) if isinstance(value, Mapping) else value
