"""A JSON Schema in the words that Anthropic's structured outputs enforce.

What they do not know, such as `minimum`, goes into the description, where the model reads it;
the reply is judged by the whole schema anyway. A schema that would mean something else then has
no such form: objects with free keys, values of any kind, tuples, `allOf`, and recursion.
Source: platform.claude.com/docs, Structured outputs, and the transform of its Python client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from flowrun.digest import JsonValue

_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_IGNORED = frozenset({"$schema", "$id", "$comment"})
_FREE = frozenset(
    {"allOf", "prefixItems", "patternProperties", "unevaluatedProperties", "$dynamicRef"}
    | {"definitions", "$anchor", "propertyNames"}
)
_DEFINED = "#/$defs/"


class _NoFormError(Exception):
    """The schema cannot be said."""


def wire_schema(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """The schema as it can be enforced; None if it cannot."""
    try:
        _refuse_rings(schema)
        return _said(schema)
    except (_NoFormError, RecursionError):
        return None


def _said(schema: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(schema, Mapping) or schema.keys() & _FREE:
        raise _NoFormError
    rest = {name: value for name, value in schema.items() if name not in _IGNORED}
    found: dict[str, JsonValue] = {}
    if (defined := rest.pop("$defs", None)) is not None:
        found["$defs"] = {name: _said(each) for name, each in _mapping(defined).items()}
    if (ref := rest.pop("$ref", None)) is not None:
        if not isinstance(ref, str) or not ref.startswith(_DEFINED):
            raise _NoFormError
        return {**found, "$ref": ref}
    for name in ("title", "description"):
        if name in rest:
            found[name] = rest.pop(name)
    found |= _kind(rest)
    if rest:
        words = ", ".join(f"{name}: {json.dumps(value)}" for name, value in rest.items())
        before = f"{found['description']}\n\n" if "description" in found else ""
        found["description"] = f"{before}{{{words}}}"
    return found


def _kind(rest: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What kind of value it is; takes that out of the rest."""
    for name in ("anyOf", "oneOf"):
        if (branches := rest.pop(name, None)) is not None:
            if not isinstance(branches, list) or rest.keys() & {"type", "properties", "anyOf"}:
                raise _NoFormError
            return {"anyOf": [_said(each) for each in branches]}
    if literals := _literals(rest):
        rest.pop("type", None)
        return literals
    kind = rest.pop("type", None)
    if isinstance(kind, list):
        shared = dict(rest)
        rest.clear()
        return {"anyOf": [_said({**_fitting(shared, each), "type": each}) for each in kind]}
    if kind == "object":
        return _object(rest)
    if kind == "array":
        return _array(rest)
    if kind not in _SCALARS:
        raise _NoFormError
    if kind == "string" and rest.get("format") in _FORMATS:
        return {"type": kind, "format": rest.pop("format")}
    return {"type": kind}


def _fitting(shared: Mapping[str, JsonValue], kind: JsonValue) -> Mapping[str, JsonValue]:
    """Of the keywords of several kinds, those that can be said of one; null needs none."""
    return {} if kind == "null" else shared


def _literals(rest: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for name in ("enum", "const"):
        if name in rest:
            value = rest.pop(name)
            each_one = value if name == "enum" else [value]
            if not isinstance(each_one, list) or not each_one:
                raise _NoFormError
            if any(isinstance(each, list | Mapping) for each in each_one):
                raise _NoFormError
            return {name: value}
    return {}


def _object(rest: dict[str, JsonValue]) -> dict[str, JsonValue]:
    properties = _mapping(rest.pop("properties", {}))
    others = rest.pop("additionalProperties", None)
    if isinstance(others, Mapping) or (not properties and others is not False):
        raise _NoFormError
    found: dict[str, JsonValue] = {
        "type": "object",
        "properties": {name: _said(each) for name, each in properties.items()},
        "additionalProperties": False,
    }
    if "required" in rest:
        found["required"] = rest.pop("required")
    return found


def _array(rest: dict[str, JsonValue]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {"type": "array", "items": _said(rest.pop("items", None))}
    if rest.get("minItems") in (0, 1):
        found["minItems"] = rest.pop("minItems")
    return found


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise _NoFormError
    return value


def _refuse_rings(schema: Mapping[str, JsonValue]) -> None:
    """Raises: _NoFormError if a definition leads back to itself, or to nowhere."""
    defined = _mapping(schema.get("$defs", {}))
    leads = {name: _refs(each) for name, each in defined.items()}
    if _refs(schema) - leads.keys():
        raise _NoFormError
    for name in leads:
        seen: set[str] = set()
        ahead = set(leads[name])
        while ahead:
            each = ahead.pop()
            if each == name:
                raise _NoFormError
            seen.add(each)
            ahead |= leads[each] - seen


def _refs(schema: JsonValue) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, Mapping):
        ref = schema.get("$ref")
        own = {ref.removeprefix(_DEFINED)} if isinstance(ref, str) else set()
        return own.union(*(_refs(each) for each in schema.values()))
    if isinstance(schema, list):
        return set().union(*(_refs(each) for each in schema))
    return set()
