"""Plain data and the place of every part of it, built from YAML's events one by one."""

from __future__ import annotations

import re
from dataclasses import field
from typing import NamedTuple, NoReturn, Protocol

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document import refusals, scalars
from flowrun.document.marks import Misprint, Places

_CORE = "tag:yaml.org,2002:"
_BROKEN = "*"
_PROPERTY = re.compile(r"[&!]\S*\s*(?:#[^\r\n]*\s+)*")


class Node(NamedTuple):
    """Where a value stands: its first character, the end of a scalar, and how it is quoted.

    `entries` of a mapping hold where each key stands, and its value. A tuple, for speed.
    """

    start: int
    end: int
    style: str = ""
    items: list[Node] | None = None
    entries: dict[str, tuple[int, Node]] | None = None

    def child(self, part: str | int) -> tuple[int, Node] | None:
        """Where the key of a part stands and the part itself, or nothing."""
        if self.entries is not None and isinstance(part, str):
            return self.entries.get(part)
        if self.items and isinstance(part, int) and 0 <= part < len(self.items):
            return self.items[part].start, self.items[part]
        return None


class Place(Protocol):
    """A place as the YAML library counts it, in characters from 0."""

    index: int


class Event(Protocol):
    """What the YAML library says of a value, or of its start."""

    anchor: str | None
    tag: str | None
    start_mark: Place
    end_mark: Place


class ScalarEvent(Event, Protocol):
    """A scalar, decoded; `style` is the mark that opens it."""

    value: str
    style: str | None


class BeyondBoundsError(Exception):
    """Reading on would be unsafe or of no use; the faults found so far say why."""


@dataclass(slots=True)
class _Size:
    """How much there is when every alias is written out."""

    nodes: int = 0
    characters: int = 0


@dataclass(slots=True)
class _List:
    """A list whose end has not come yet; `height` is how deep its items go so far."""

    start: int
    anchor: str | None
    before: _Size
    value: list[JsonValue] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    height: int = 1

    def node(self) -> Node:
        return Node(self.start, self.start, items=self.items)


@dataclass(slots=True)
class _Mapping:
    """A mapping whose end has not come yet; `key` waits for its value, None if it was refused.

    `merged` are the keys that came through `<<`, which stands at `merge_at`.
    """

    start: int
    anchor: str | None
    before: _Size
    value: dict[str, JsonValue] = field(default_factory=dict)
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)
    height: int = 1
    has_key: bool = False
    key: str | None = None
    key_at: int = 0
    is_merge: bool = False
    merge_at: int | None = None
    merged: set[str] = field(default_factory=set)

    def node(self) -> Node:
        return Node(self.start, self.start, entries=self.entries)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value that aliases may name, and how much each of them adds."""

    value: JsonValue
    node: Node
    size: _Size
    height: int


class Builder:
    """Takes the events of a file in order; holds its value, its places and its faults.

    Each method raises BeyondBoundsError when there is no use in going on.
    """

    def __init__(self, places: Places) -> None:
        self.value: JsonValue = None
        self.node: Node | None = None
        self.misprints: list[Misprint] = []
        self._places = places
        self._open: list[_List | _Mapping] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._size = _Size()

    def document(self, event: Event) -> None:
        """A document starts, of which there may be one."""
        if self.node is not None:
            first = self._places.mark(self.node.start)
            self._stop(refusals.second_document(event.start_mark.index, first))

    def scalar(self, event: ScalarEvent) -> None:
        """A scalar stands here."""
        start, end = event.start_mark.index, event.end_mark.index
        self._count(1, len(event.value), start)
        node = Node(self._content(event), end, event.style or "")
        value = self._scalar_value(event, node)
        if event.anchor:
            size = _Size(1, len(event.value))
            self._anchors[event.anchor] = _Anchored(value, node, size, 0)
        self._put(value, node, node.start, 0)

    def open_list(self, event: Event) -> None:
        """A list starts here."""
        before = self._enter(event, "seq")
        self._open.append(_List(self._content(event), event.anchor, before))

    def open_mapping(self, event: Event) -> None:
        """A mapping starts here."""
        before = self._enter(event, "map")
        self._open.append(_Mapping(self._content(event), event.anchor, before))

    def close(self, _event: object) -> None:
        """The collection that was opened last ends."""
        ended = self._open.pop()
        node = ended.node()
        if ended.anchor and self._anchors[ended.anchor] is None:
            size = _Size(
                self._size.nodes - ended.before.nodes,
                self._size.characters - ended.before.characters,
            )
            self._anchors[ended.anchor] = _Anchored(ended.value, node, size, ended.height)
        self._put(ended.value, node, node.start, ended.height)

    def alias(self, event: Event) -> None:
        """A value that stands elsewhere is named here."""
        at, name = event.start_mark.index, event.anchor or ""
        anchored = self._anchors.get(name)
        if anchored is None:
            is_open = name in self._anchors
            self.report(refusals.alias(at, name, is_open=is_open, known=list(self._anchors)))
            self._put(None, Node(at, event.end_mark.index, _BROKEN), at, 0)
            return
        self._count(anchored.size.nodes, anchored.size.characters, at)
        if len(self._open) + anchored.height > refusals.MAX_DEPTH:
            self._stop(refusals.too_deep(at))
        self._put(anchored.value, anchored.node, at, anchored.height)

    def report(self, misprint: Misprint) -> None:
        """Notes a fault."""
        self.misprints.append(misprint)
        if len(self.misprints) >= refusals.MOST_FAULTS:
            raise BeyondBoundsError

    def _stop(self, misprint: Misprint) -> NoReturn:
        self.misprints.append(misprint)
        raise BeyondBoundsError

    def _count(self, nodes: int, characters: int, at: int) -> None:
        size = self._size
        size.nodes += nodes
        size.characters += characters
        if size.nodes > refusals.MAX_NODES or size.characters > refusals.MAX_CHARACTERS:
            self._stop(refusals.too_much(at, size.nodes, size.characters))

    def _enter(self, event: Event, kind: str) -> _Size:
        """Checks that a collection may start; the size of all that came before it."""
        before = _Size(self._size.nodes, self._size.characters)
        at = event.start_mark.index
        self._count(1, 0, at)
        if len(self._open) >= refusals.MAX_DEPTH:
            self._stop(refusals.too_deep(at))
        if event.tag and event.tag not in ("!", _CORE + kind):
            self.report(refusals.tag(at, event.tag.replace(_CORE, "!!")))
        if event.anchor:
            self._anchors[event.anchor] = None
        return before

    def _content(self, event: Event) -> int:
        """Where the value itself starts, behind its anchor and its tag."""
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor or event.tag:
            while found := _PROPERTY.match(self._places.text, start, end):
                start = found.end()
        return start

    def _scalar_value(self, event: ScalarEvent, node: Node) -> JsonValue:
        tag, text = event.tag, event.value
        try:
            if tag is None:
                return scalars.quoted(text) if node.style else scalars.plain(text)
            if tag == "!":
                return text
            kind = tag.removeprefix(_CORE)
            if kind != tag and kind in scalars.KINDS:
                return scalars.tagged(kind, text)
        except ValueError as error:
            self.report(refusals.scalar(node.start, node.end, str(error), node.style))
        else:
            self.report(refusals.tag(event.start_mark.index, tag.replace(_CORE, "!!")))
        return text

    def _put(self, value: JsonValue, node: Node, at: int, height: int) -> None:
        """Gives a whole value to the collection that is open."""
        if not self._open:
            self.value, self.node = value, node
            return
        top = self._open[-1]
        top.height = max(top.height, height + 1)
        if isinstance(top, _List):
            top.value.append(value)
            top.items.append(node)
        elif not top.has_key:
            self._put_key(top, value, node, at)
        else:
            top.has_key = False
            if top.key is not None:
                self._put_value(top, top.key, value, node)

    def _put_key(self, mapping: _Mapping, value: JsonValue, node: Node, at: int) -> None:
        mapping.has_key, mapping.key, mapping.key_at = True, None, at
        mapping.is_merge = value == "<<" and not node.style
        if not isinstance(value, str):
            if node.style != _BROKEN:
                self.report(refusals.key(self._places.text, node.start, node.end, value))
            return
        first = mapping.merge_at if mapping.is_merge else None
        if value in mapping.entries and value not in mapping.merged:
            first = mapping.entries[value][0]
        if first is None:
            mapping.key = value
        else:
            length = node.end - node.start if at == node.start else 1
            self.report(refusals.duplicate(at, value, self._places.mark(first), length))

    def _put_value(self, mapping: _Mapping, key: str, value: JsonValue, node: Node) -> None:
        if mapping.is_merge:
            mapping.merge_at = mapping.key_at
            self._merge(mapping, value, node)
            return
        mapping.value[key] = value
        mapping.entries[key] = (mapping.key_at, node)
        mapping.merged.discard(key)

    def _merge(self, mapping: _Mapping, value: JsonValue, node: Node) -> None:
        """Takes over what other mappings have, but for the keys that are there already."""
        values, nodes = (value, node.items) if isinstance(value, list) else ([value], [node])
        for each, its in zip(values, nodes or (), strict=True):
            if isinstance(each, dict) and its.entries is not None:
                for key, item in each.items():
                    if key not in mapping.value:
                        mapping.value[key] = item
                        mapping.entries[key] = its.entries[key]
                        mapping.merged.add(key)
            elif its.style != _BROKEN:
                self.report(refusals.merge(mapping.key_at))
