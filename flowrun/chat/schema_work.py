"""How much work a JSON Schema makes, estimated before a validator does it.

Schemas that apply to one value at once multiply: a chain of `anyOf` of two references doubles
with each link, and so does the report on a value that lies deep in such alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeAlias
from urllib.parse import urldefrag, urljoin

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue

_Label: TypeAlias = str | int | None
"""The key or number of what a schema is for, None for all that a value holds."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_SAME = ("not", "if", "then", "else")
_SAME_BY_NAME = ("dependentSchemas", "dependencies")
_ALL = ("items", "additionalProperties", "additionalItems", "contains", "propertyNames")
_ALL_TOO = ("unevaluatedItems", "unevaluatedProperties")
_HEAVY = 5
"""A failure within alternatives is told as part of them, which costs that much more."""


@dataclass(slots=True)
class _Node:
    """A schema: what it applies to the same value, and what to the values in it."""

    plain: list[int] = field(default_factory=list)
    alternatives: list[int] = field(default_factory=list)
    below: list[tuple[_Label, int]] = field(default_factory=list)

    @property
    def same(self) -> list[int]:
        return self.plain + self.alternatives


class Work:
    """The schemas within one schema, and which applies which."""

    __slots__ = ("_nodes", "is_recursive", "spread")

    def __init__(self, schema: JsonValue) -> None:
        self._nodes = _Graph(schema).nodes
        group = _groups(self._nodes)
        self.is_recursive = any(
            group[number] == group[other]
            for number, node in enumerate(self._nodes)
            for other in (*node.same, *(each for _, each in node.below))
        )
        self.spread = _spread(self._nodes, group)
        """How often schemas apply along one way into a value, at most."""

    def exceeds(self, value: JsonValue, bound: int) -> bool:
        """Whether telling what is wrong with `value` takes more than `bound` steps."""
        done = 0
        waiting: list[tuple[int, JsonValue, int]] = [(0, value, 1)]
        while waiting and done <= bound:
            number, each, weight = waiting.pop()
            done += weight
            node = self._nodes[number]
            waiting += ((other, each, weight) for other in node.plain)
            waiting += ((other, each, _HEAVY) for other in node.alternatives)
            for label, other in node.below:
                held = _held(each, label)
                if done + len(waiting) + len(held) > bound:
                    return True
                waiting += ((other, inner, weight) for inner in held)
        return done > bound


def _held(value: JsonValue, label: _Label) -> Sequence[JsonValue]:
    if isinstance(value, Mapping):
        if label is None:
            return list(value.values())
        return [value[label]] if isinstance(label, str) and label in value else []
    if isinstance(value, list):
        if label is None:
            return value
        return value[label : label + 1] if isinstance(label, int) else []
    return []


class _Graph:
    """The schemas of a schema by number, the root first; references lead to their targets.

    A reference to a published draft leads nowhere here.
    """

    def __init__(self, schema: JsonValue) -> None:
        self.nodes: list[_Node] = []
        self._root = schema
        self._bases: dict[int, str] = {}
        self._named: dict[str, JsonValue] = {"": schema}
        self._numbers: dict[int, int] = {}
        self._waiting: list[Mapping[str, JsonValue]] = []
        self._name(schema, "")
        self._number(schema)
        while self._waiting:
            each = self._waiting.pop()
            self._connect(self.nodes[self._numbers[id(each)]], each)

    def _name(self, schema: JsonValue, base: str) -> None:
        waiting: list[tuple[JsonValue, str]] = [(schema, base)]
        while waiting:
            each, base = waiting.pop()
            if isinstance(each, list):
                waiting += ((inner, base) for inner in each)
            if not isinstance(each, Mapping):
                continue
            identity = each.get("$id", each.get("id"))
            if isinstance(identity, str):
                base = _joined(base, identity)
                self._named.setdefault(base.removesuffix("#"), each)
            for word in _ANCHORS:
                if isinstance(name := each.get(word), str):
                    self._named.setdefault(f"{base.removesuffix('#')}#{name}", each)
            self._bases[id(each)] = base
            waiting += ((inner, base) for inner in each.values())

    def _number(self, schema: JsonValue) -> int | None:
        if not isinstance(schema, Mapping):
            if not self.nodes:
                self.nodes.append(_Node())
            return None
        if id(schema) not in self._numbers:
            self._numbers[id(schema)] = len(self.nodes)
            self.nodes.append(_Node())
            self._waiting.append(schema)
        return self._numbers[id(schema)]

    def _connect(self, node: _Node, schema: Mapping[str, JsonValue]) -> None:
        for target in (self._target(schema, word) for word in _REFERENCES):
            node.plain += self._numbered([target])
        for word in _SAME:
            node.plain += self._numbered([schema.get(word)])
        for word in _SAME_BY_NAME:
            node.plain += self._numbered(each for _, each in _pairs(schema.get(word)))
        for word in _ALTERNATIVES:
            node.alternatives += self._numbered(each for _, each in _pairs(schema.get(word)))
        for label, each in _inner(schema):
            node.below += ((label, number) for number in self._numbered([each]))

    def _numbered(self, schemas: Iterator[JsonValue] | Sequence[JsonValue]) -> list[int]:
        numbers = (self._number(each) for each in schemas if isinstance(each, Mapping))
        return [number for number in numbers if number is not None]

    def _target(self, schema: Mapping[str, JsonValue], word: str) -> JsonValue:
        reference = schema.get(word)
        if not isinstance(reference, str):
            return None
        address, fragment = urldefrag(_joined(self._bases[id(schema)], reference))
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"{address}#{fragment}")
        found = self._named.get(address)
        for part in fragment.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            found = dict(_pairs(found)).get(int(part) if _is_place(found, part) else part)
        return found


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _is_place(value: JsonValue, part: str) -> bool:
    return isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 9


def _pairs(value: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _inner(schema: Mapping[str, JsonValue]) -> Iterator[tuple[_Label, JsonValue]]:
    yield from _pairs(schema.get("properties"))
    yield from _pairs(schema.get("prefixItems"))
    yield from ((None, each) for _, each in _pairs(schema.get("patternProperties")))
    items = schema.get("items")
    if isinstance(items, list):
        yield from enumerate(items)
    yield from ((None, schema.get(word)) for word in (*_ALL, *_ALL_TOO))


def _groups(nodes: Sequence[_Node]) -> list[int]:
    """For each schema a number that it shares with those that it reaches and that reach it.

    Tarjan's algorithm, without recursion. A schema that reaches none but others is alone.
    """
    edges = [[*node.same, *(each for _, each in node.below)] for node in nodes]
    order, low, group = [-1] * len(nodes), [0] * len(nodes), [-1] * len(nodes)
    opened: list[int] = []
    count = 0
    path = [(0, iter(edges[0]))]
    while path:
        number, rest = path[-1]
        if order[number] < 0:
            order[number] = low[number] = count
            count += 1
            opened.append(number)
        for other in rest:
            if order[other] < 0:
                path.append((other, iter(edges[other])))
                break
            if group[other] < 0:
                low[number] = min(low[number], order[other])
        else:
            path.pop()
            _close(number, order, low, group, opened)
            if path:
                above = path[-1][0]
                low[above] = min(low[above], low[number])
    return group


def _close(
    number: int, order: list[int], low: list[int], group: list[int], opened: list[int]
) -> None:
    if low[number] < order[number]:
        return
    while group[number] < 0:
        group[opened.pop()] = number


def _spread(nodes: Sequence[_Node], group: Sequence[int]) -> int:
    """Counts each path on which schemas apply to one value, and of what lies below the worst.

    What recurs through the values below counts once: the validator remembers what it found.
    """
    known: dict[int, int] = {}
    begun: set[int] = set()
    waiting = [0]
    while waiting:
        number = waiting[-1]
        node = nodes[number]
        below = [each for _, each in node.below if group[each] != group[number]]
        if number in begun:
            waiting.pop()
            worst = max((known.get(each, 1) for each in below), default=0)
            known.setdefault(number, 1 + sum(known.get(each, 1) for each in node.same) + worst)
        else:
            begun.add(number)
            waiting += (each for each in (*node.same, *below) if each not in begun)
    return known[0]
