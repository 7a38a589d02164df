"""A JSON Schema made finite: whatever it allows, the original allows too, and it ends.

A grammar holds a model to a schema, but not to an end: texts, lists, maps, digits and nesting
without a bound run until the window is full, and a cut reply is no JSON. So every part of the
schema is closed with bounds, which are tightened until the longest reply fits. Keywords that the
grammar does not know are left out: a reply is still to be validated against the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.providers.alternatives import Alternatives, Plain, Schema, as_list, as_schema

_Closed: TypeAlias = dict[str, JsonValue] | None
"""A finite schema; None allows nothing."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """Bounds where a schema has none, and the cap on those that it has."""

    text: int
    items: int
    nesting: int
    cap: int


_LIMITS = (
    _Limits(400, 8, 3, 10**9),
    _Limits(200, 8, 3, 10**9),
    _Limits(100, 6, 3, 10**9),
    _Limits(60, 4, 2, 10**9),
    _Limits(60, 4, 2, 1000),
    _Limits(60, 4, 2, 300),
    _Limits(40, 3, 2, 100),
    _Limits(20, 2, 1, 40),
)


def bounded(
    schema: Schema, *, characters: int, counts_patterns: bool = True
) -> dict[str, JsonValue]:
    """A schema whose longest reply has at most `characters`, or as few as can be.

    A grammar that counts the letters of a text with a pattern can grow beyond what an engine
    takes; without `counts_patterns` such a text has no length, and no end but its pattern's.

    Raises: ValueError if it allows nothing, refers outside itself, or is too large to write out.
    """
    closed: _Closed = None
    for limits in _LIMITS:
        tighter = _Bounds(schema, limits, counts_patterns).closed(schema, ())
        if tighter is None:
            break
        closed = tighter
        if longest(closed) <= characters:
            break
    if closed is None:
        raise ValueError("the schema allows nothing that ends")
    return closed


def longest(closed: Schema) -> int:
    """The characters of the longest reply that a finite schema allows, roughly."""
    if values := as_list(closed.get("enum")):
        return max(len(repr(value)) for value in values)
    if branches := as_list(closed.get("anyOf")):
        return max(longest(as_schema(branch)) for branch in branches)
    match closed.get("type"):
        case "string":
            return 2 + _whole(closed.get("maxLength"), 40)
        case "array":
            first = as_list(closed.get("prefixItems"))
            more = max(0, _whole(closed.get("maxItems"), 0) - len(first))
            rest = more * (1 + longest(as_schema(closed.get("items")))) if more else 0
            return 2 + sum(1 + longest(as_schema(each)) for each in first) + rest
        case "object":
            named = as_schema(closed.get("properties"))
            size = sum(len(name) + 4 + longest(as_schema(each)) for name, each in named.items())
            for each in as_schema(closed.get("patternProperties")).values():
                more = _whole(closed.get("maxProperties"), len(named)) - len(named)
                size += more * (_MAX_NAME + 4 + longest(as_schema(each)))
            return 2 + size
        case _:
            return 12


_MAX_NAME = 24
_MAX_FORMATTED = 80
_NAME = f"^[A-Za-z_][A-Za-z0-9_ -]{{0,{_MAX_NAME - 1}}}$"
_FORMATS_WITH_END = frozenset(("date-time", "time", "date", "duration", "ipv4", "ipv6", "uuid"))
_FORMATS_WITHOUT_END = frozenset(("email", "hostname", "uri"))


class _Bounds:
    """One way through a schema with one set of limits."""

    def __init__(self, root: Schema, limits: _Limits, counts_patterns: bool) -> None:
        self._alternatives = Alternatives(root, nesting=limits.nesting)
        self._limits = limits
        self._counts_patterns = counts_patterns

    def closed(self, schema: JsonValue, path: tuple[str, ...]) -> _Closed:
        """`schema` with an end; `path` holds the references that led to it."""
        found: list[JsonValue] = [
            closed
            for plain in self._alternatives.of(schema, path)
            for closed in self._plain(plain)
            if closed is not None
        ]
        if len(found) < 2:
            return dict(as_schema(found[0])) if found else None
        return {"anyOf": found}

    def _plain(self, plain: Plain) -> Iterator[_Closed]:
        """A plain schema as finite ones, one for each of its types."""
        schema = plain.schema
        if "enum" in schema:
            kinds = _types(schema) if "type" in schema else None
            values = [each for each in as_list(schema["enum"]) if _is_one_of(each, kinds)]
            yield {"enum": values} if values else None
            return
        for kind in _types(schema):
            match kind:
                case "object":
                    yield self._object(schema, plain.path)
                case "array":
                    yield self._array(schema, plain.path)
                case "string":
                    yield self._string(schema)
                case "number" | "integer":
                    yield _number(schema, kind)
                case _:
                    yield {"type": kind}

    def _string(self, schema: Schema) -> _Closed:
        found: dict[str, JsonValue] = {"type": "string"}
        if isinstance(pattern := schema.get("pattern"), str):
            found["pattern"] = pattern
            if not self._counts_patterns:
                return found
        elif (form := schema.get("format")) in _FORMATS_WITH_END:
            return {**found, "format": form}
        elif form in _FORMATS_WITHOUT_END:
            found["format"] = form
        least = _whole(schema.get("minLength"), 0)
        usual = _MAX_FORMATTED if "format" in found else self._limits.text
        most = _whole(schema.get("maxLength"), least + min(usual, self._limits.text))
        if least > most:
            return None
        return {**found, "minLength": least, "maxLength": max(least, min(most, self._limits.cap))}

    def _array(self, schema: Schema, path: tuple[str, ...]) -> _Closed:
        first = as_list(schema.get("prefixItems"))
        rest = schema.get("items", not first)
        least = _whole(schema.get("minItems"), 0)
        most = _whole(schema.get("maxItems"), max(least, len(first) + self._limits.items))
        most = min(most, max(least, len(first), self._limits.cap))
        closed = [self.closed(each, path) for each in first[:most]]
        items = self.closed(rest, path) if most > len(first) else None
        if None in closed:
            closed = closed[: closed.index(None)]
            items = None
        if items is None:
            most = min(most, len(closed))
        if least > most:
            return None
        return {
            "type": "array",
            "prefixItems": [*closed],
            "items": False if items is None else items,
            "minItems": least,
            "maxItems": most,
        }

    def _object(self, schema: Schema, path: tuple[str, ...]) -> _Closed:
        named = dict(as_schema(schema.get("properties")))
        required = [name for name in as_list(schema.get("required")) if isinstance(name, str)]
        others = schema.get("additionalProperties", True)
        named |= {name: others for name in required if name not in named}
        if others is True and "properties" in schema:
            others = False
        closed = {name: self.closed(each, path) for name, each in named.items()}
        if any(closed[name] is None for name in required):
            return None
        properties = {name: each for name, each in closed.items() if each is not None}
        found: dict[str, JsonValue] = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        if set(properties) <= set(required):
            return {**found, **self._entries(schema, self.closed(others, path), len(properties))}
        # The grammar can count entries only where all named ones are required.
        return found

    def _entries(self, schema: Schema, others: _Closed, named: int) -> dict[str, JsonValue]:
        """The bounds of a map: how many entries there are beside the named ones."""
        if others is None:
            return {}
        least = _whole(schema.get("minProperties"), 0)
        most = _whole(schema.get("maxProperties"), max(least, named + self._limits.items))
        return {
            "patternProperties": {_NAME: others},
            "minProperties": least,
            "maxProperties": max(least, named, min(most, self._limits.cap)),
        }


_WIDE = 999_999.0


def _number(schema: Schema, kind: str) -> _Closed:
    """A number between two bounds with a fixed number of decimals."""
    lows = {name: schema[name] for name in ("minimum", "exclusiveMinimum") if _has(schema, name)}
    highs = {name: schema[name] for name in ("maximum", "exclusiveMaximum") if _has(schema, name)}
    low = max(map(_float, lows.values()), default=None)
    high = min(map(_float, highs.values()), default=None)
    if low is None:
        low = -_WIDE if high is None else min(-_WIDE, high - _WIDE)
        lows = {"minimum": int(low)}
    if high is None:
        high = max(_WIDE, low + _WIDE)
        highs = {"maximum": int(high)}
    if low > high:
        return None
    found: dict[str, JsonValue] = {"type": kind, **lows, **highs}
    if _has(schema, "multipleOf"):
        found["multipleOf"] = schema["multipleOf"]
    elif kind == "number":
        found["multipleOf"] = _step(high - low)
    return found


def _step(span: float) -> float:
    """A power of ten that leaves at least ten steps in `span`, and is at most 0.01."""
    decimals = 2
    while decimals < 12 and 10 * 10.0**-decimals > span:
        decimals += 1
    return float(f"1e-{decimals}")


_KEYWORDS = {
    "object": frozenset(("properties", "required", "additionalProperties", "maxProperties")),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems")),
    "string": frozenset(("pattern", "minLength", "maxLength", "format")),
    "number": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
}


def _types(schema: Schema) -> Sequence[str]:
    """The types that a plain schema allows: those it names, or those its keywords speak of."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return (kind,)
    if isinstance(kind, list):
        return [each for each in kind if isinstance(each, str)]
    spoken = [name for name, keywords in _KEYWORDS.items() if not keywords.isdisjoint(schema)]
    return spoken or ("string", "number", "boolean", "null")


def _is_one_of(value: JsonValue, kinds: Sequence[str] | None) -> bool:
    """Whether a value has one of the types; None allows every type."""
    match value:
        case None:
            names = {"null"}
        case bool():
            names = {"boolean"}
        case int():
            names = {"integer", "number"}
        case float():
            names = {"number", "integer"} if value.is_integer() else {"number"}
        case str():
            names = {"string"}
        case Mapping():
            names = {"object"}
        case _:
            names = {"array"}
    return kinds is None or not names.isdisjoint(kinds)


def _whole(value: JsonValue, default: int) -> int:
    return int(_float(value)) if isinstance(value, int | float) else default


def _has(schema: Schema, name: str) -> bool:
    return isinstance(value := schema.get(name), int | float) and not isinstance(value, bool)


def _float(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
