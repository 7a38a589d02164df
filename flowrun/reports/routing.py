"""How the lines between two layers of a drawing run: ports, buses and tracks.

Boxes that lead to the same boxes share a bus, so that six times six edges are one line:

    └──┬──┘   └──┬──┘     sources' ports
       └────┬────┘        the bus, on a track of its own where it would meet another
       ┌────┴────┐
    ┌──▼──┐   ┌──▼──┐     targets' ports

A line that goes over another one interrupts it; where lines join there is a joint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.reports.layout import Layout

Cells: TypeAlias = dict[tuple[int, int], str]
"""Characters by row and column."""

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_SIGNS = {
    _LEFT | _RIGHT: "─",
    _UP | _LEFT: "┘",
    _UP | _RIGHT: "└",
    _DOWN | _LEFT: "┐",
    _DOWN | _RIGHT: "┌",
    _UP | _DOWN | _LEFT: "┤",
    _UP | _DOWN | _RIGHT: "├",
    _LEFT | _RIGHT | _UP: "┴",
    _LEFT | _RIGHT | _DOWN: "┬",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}
_FORBIDDEN = 1_000


@dataclass(slots=True)
class Bus:
    """Lines from all of `sources` to all of `targets`, drawn as one."""

    sources: tuple[int, ...]
    targets: tuple[int, ...]
    starts: dict[int, int] = field(default_factory=dict)  # column of each source's port
    ends: dict[int, int] = field(default_factory=dict)
    track: int = 0

    @property
    def span(self) -> tuple[int, int]:
        """The leftmost and the rightmost column."""
        columns = [*self.starts.values(), *self.ends.values()]
        return min(columns), max(columns)


@dataclass(frozen=True, slots=True)
class Channel:
    """The lines between two layers: `cells` in `height` rows, `crossings` of them."""

    cells: Cells
    height: int
    starts: frozenset[int]
    ends: frozenset[int]
    crossings: int


def route(layout: Layout, upper: Sequence[int], lower: Sequence[int]) -> Channel | None:
    """The best way to draw the lines from one layer to the next; None if there is none."""
    by_source = _shared({box: layout.below[box] for box in upper if layout.below[box]})
    by_target = _shared({box: layout.above[box] for box in lower if layout.above[box]})
    choices = [
        [Bus(boxes, near) for near, boxes in by_source.items()],
        [Bus(near, boxes) for near, boxes in by_target.items()],
    ]
    drawn = [_drawn(layout, buses) for buses in choices]
    found = [each for each in drawn if each is not None]
    return min(found, key=lambda each: (each.crossings, each.height), default=None)


def _shared(near: Mapping[int, Sequence[int]]) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Boxes with the same neighbours, by these neighbours."""
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for box, others in near.items():
        key = tuple(sorted(others))
        found[key] = (*found.get(key, ()), box)
    return found


def _drawn(layout: Layout, buses: list[Bus]) -> Channel | None:
    is_placed = _give_ports(layout, buses, is_start=True) and _give_ports(
        layout, buses, is_start=False
    )
    if not is_placed:
        return None
    for bus in buses:
        _straighten(layout, buses, bus)
    level = [bus for bus in buses if bus.span[0] != bus.span[1]]
    straight = [bus for bus in buses if bus.span[0] == bus.span[1]]
    ordered = _ordered(level)
    cost = sum(_cost(a, b) for index, a in enumerate(ordered) for b in ordered[index + 1 :])
    if cost >= _FORBIDDEN:
        return None
    _give_tracks(ordered)
    height = max((bus.track for bus in level), default=-1) + 2
    cost += sum(a.span[0] < b.span[0] < a.span[1] for a in level for b in straight)
    return Channel(
        _painted(level, straight, height),
        height,
        frozenset(column for bus in buses for column in bus.starts.values()),
        frozenset(column for bus in buses for column in bus.ends.values()),
        cost,
    )


def _give_ports(layout: Layout, buses: Sequence[Bus], *, is_start: bool) -> bool:
    """Spreads the ends of the buses at each box around its middle; False if one has no room."""
    at: dict[int, list[Bus]] = {}
    for bus in buses:
        for box in bus.sources if is_start else bus.targets:
            at.setdefault(box, []).append(bus)
    for box, here in at.items():
        room = layout.widths[box] // 2
        if len(here) > max(room, 1):
            return False
        here.sort(key=lambda bus: _middle(layout, bus.targets if is_start else bus.sources))
        step = min(4, 2 * (room // len(here))) if len(here) > 1 else 0
        first = layout.centres[box] - step * (len(here) - 1) // 2
        for index, bus in enumerate(here):
            (bus.starts if is_start else bus.ends)[box] = first + step * index
    return True


def _middle(layout: Layout, boxes: Sequence[int]) -> float:
    return sum(layout.centres[box] for box in boxes) / len(boxes)


def _straighten(layout: Layout, buses: Sequence[Bus], bus: Bus) -> None:
    """Makes a single line straight where its two boxes overlap and have no other port there."""
    if len(bus.sources) > 1 or len(bus.targets) > 1:
        return
    upper, lower = bus.sources[0], bus.targets[0]
    is_alone = not any(
        other is not bus and (upper in other.starts or lower in other.ends) for other in buses
    )
    left = max(_inside(layout, upper)[0], _inside(layout, lower)[0])
    right = min(_inside(layout, upper)[1], _inside(layout, lower)[1])
    if is_alone and left <= right:
        wished = (bus.starts[upper] + bus.ends[lower]) // 2
        bus.starts[upper] = bus.ends[lower] = min(max(wished, left), right)


def _inside(layout: Layout, box: int) -> tuple[int, int]:
    half = max(layout.widths[box] // 2 - 1, 0)
    return layout.centres[box] - half, layout.centres[box] + half


def _ordered(buses: Sequence[Bus]) -> list[Bus]:
    """Puts each bus where it crosses the others least, from top to bottom."""
    found: list[Bus] = []
    for bus in sorted(buses, key=lambda each: each.span):
        costs = [
            sum(_cost(each, bus) for each in found[:place])
            + sum(_cost(bus, each) for each in found[place:])
            for place in range(len(found) + 1)
        ]
        found.insert(costs.index(min(costs)), bus)
    return found


def _cost(upper: Bus, lower: Bus) -> int:
    """How often two buses cross, or more than that where their lines would run into another."""
    (left, right), (low, high) = upper.span, lower.span
    ends, starts = upper.ends.values(), lower.starts.values()
    crossed = sum(low < each < high for each in ends) + sum(left < each < right for each in starts)
    touched = set(ends) & {*starts, low, high} or set(starts) & {left, right}
    touched |= set(ends) & set(lower.ends.values()) | set(starts) & set(upper.starts.values())
    return _FORBIDDEN if touched else crossed


def _give_tracks(ordered: Sequence[Bus]) -> None:
    for index, bus in enumerate(ordered):
        left, right = bus.span
        over = [
            each.track
            for each in ordered[:index]
            if each.span[0] <= right + 1 and left <= each.span[1] + 1
        ]
        bus.track = max(over, default=-1) + 1


def _painted(level: Sequence[Bus], straight: Sequence[Bus], height: int) -> Cells:
    cells: Cells = {}
    for bus in level:
        for column, sign in _joints(bus):
            cells[bus.track, column] = sign
    for bus in level:
        for column in bus.starts.values():
            cells |= {(row, column): "│" for row in range(bus.track)}
        for column in bus.ends.values():
            cells |= {(row, column): "│" for row in range(bus.track + 1, height)}
    for bus in straight:
        cells |= {(row, bus.span[0]): "│" for row in range(height)}
    return cells


def _joints(bus: Bus) -> Iterator[tuple[int, str]]:
    left, right = bus.span
    starts, ends = set(bus.starts.values()), set(bus.ends.values())
    for column in range(left, right + 1):
        ways = _UP * (column in starts) | _DOWN * (column in ends)
        yield column, _SIGNS[ways | _LEFT * (column > left) | _RIGHT * (column < right)]
