"""Where the boxes of a layered drawing stand: layers, their order, and columns.

  a         layer 0    Every edge goes down. One that passes a layer by is cut into pieces
┌─┴─┐                  that lead from layer to layer through joints: boxes without content,
b   │       layer 1    one column wide. All long edges of one box share their joints.
└─┬─┘
  c         layer 2
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from flowrun.dataclass import dataclass

Edge: TypeAlias = tuple[int, int]

GAP = 2
_SWEEPS = 8
_JOINT_WEIGHT = 4.0


@dataclass(slots=True)
class Layout:
    """Boxes by layer, in order; `widths` are odd, so that `centres` are whole columns.

    Boxes from `joints_from` on are joints. `above` and `below` are each box's neighbours.
    """

    layers: list[list[int]]
    widths: list[int]
    centres: list[int]
    above: list[list[int]]
    below: list[list[int]]
    joints_from: int


def layers_of(count: int, edges: Sequence[Edge]) -> list[int] | None:
    """The layer of each of `count` boxes, None if the edges go round in a circle.

    A box stands below all that it needs; one that needs nothing, right above what needs it.
    """
    below: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for start, end in edges:
        below[start].append(end)
        missing[end] += 1
    is_first = [not each for each in missing]
    layers = [0] * count
    ready = [box for box in range(count) if is_first[box]]
    for box in ready:
        for other in below[box]:
            layers[other] = max(layers[other], layers[box] + 1)
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(ready) < count:
        return None
    for box in range(count):
        if is_first[box] and below[box]:
            layers[box] = min(layers[other] for other in below[box]) - 1
    return layers


def lay_out(widths: Sequence[int], edges: Sequence[Edge], layers: Sequence[int]) -> Layout:
    """Places boxes of these widths so that few edges cross and most are straight."""
    layout = _with_joints(widths, edges, layers)
    _order(layout)
    _place(layout)
    return layout


def components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """The boxes that hang together, each group and the groups in the order of the boxes."""
    group = list(range(count))

    def root(box: int) -> int:
        while group[box] != box:
            group[box] = group[group[box]]
            box = group[box]
        return box

    for start, end in edges:
        group[max(root(start), root(end))] = min(root(start), root(end))
    found: dict[int, list[int]] = {}
    for box in range(count):
        found.setdefault(root(box), []).append(box)
    return list(found.values())


def _with_joints(widths: Sequence[int], edges: Sequence[Edge], layers: Sequence[int]) -> Layout:
    count = len(widths)
    rows: list[list[int]] = [[] for _ in range(max(layers, default=0) + 1)]
    for box in range(count):
        rows[layers[box]].append(box)
    layout = Layout(
        rows, list(widths), [0] * count, [[] for _ in widths], [[] for _ in widths], count
    )
    joints: dict[Edge, int] = {}
    for start, end in sorted(edges, key=lambda edge: (edge[0], layers[edge[1]])):
        upper = start
        for layer in range(layers[start] + 1, layers[end]):
            if (start, layer) not in joints:
                joints[start, layer] = _add_joint(layout, layer, upper)
            upper = joints[start, layer]
        _connect(layout, upper, end)
    return layout


def _add_joint(layout: Layout, layer: int, upper: int) -> int:
    joint = len(layout.widths)
    layout.widths.append(1)
    layout.centres.append(0)
    layout.above.append([])
    layout.below.append([])
    layout.layers[layer].append(joint)
    _connect(layout, upper, joint)
    return joint


def _connect(layout: Layout, upper: int, lower: int) -> None:
    layout.below[upper].append(lower)
    layout.above[lower].append(upper)


def _order(layout: Layout) -> None:
    """Sorts each layer by the middle of its neighbours, down and up, and keeps the best."""
    best, fewest = [list(row) for row in layout.layers], _crossings(layout)
    for sweep in range(_SWEEPS):
        is_down = sweep % 2 == 0
        near = layout.above if is_down else layout.below
        for fixed, row in pairwise(layout.layers if is_down else layout.layers[::-1]):
            place = {box: float(index) for index, box in enumerate(fixed)}
            middle = {
                box: _mean([place[each] for each in near[box]], index)
                for index, box in enumerate(row)
            }
            row.sort(key=middle.__getitem__)
        crossings = _crossings(layout)
        if crossings < fewest:
            best, fewest = [list(row) for row in layout.layers], crossings
    layout.layers = best


def _crossings(layout: Layout) -> int:
    count = 0
    for upper, lower in pairwise(layout.layers):
        place = {box: index for index, box in enumerate(lower)}
        ends = [sorted(place[each] for each in layout.below[box]) for box in upper]
        for index, left in enumerate(ends):
            for right in ends[index + 1 :]:
                count += sum(1 for a in left for b in right if a > b)
    return count


def _place(layout: Layout) -> None:
    """Moves each box towards the middle of its neighbours, as far as the others let it."""
    for row in layout.layers:
        _settle(layout, row, [0.0] * len(row))
    for _ in range(_SWEEPS):
        for row in layout.layers[1:]:
            _settle(layout, row, [_wished(layout, box, layout.above[box]) for box in row])
        for row in layout.layers[-2::-1]:
            _settle(layout, row, [_wished(layout, box, layout.below[box]) for box in row])
    for row in layout.layers:
        near = [[*layout.above[box], *layout.below[box]] for box in row]
        wished = [_wished(layout, box, each) for box, each in zip(row, near, strict=True)]
        _settle(layout, row, wished)


def _wished(layout: Layout, box: int, near: Sequence[int]) -> float:
    return _mean([layout.centres[each] for each in near], layout.centres[box])


def _settle(layout: Layout, row: Sequence[int], wished: Sequence[float]) -> None:
    """Gives `row` the columns nearest to those wished for that keep its order and gaps.

    Least squares under a chain of minimal distances: isotonic regression by pooling
    neighbours that violate it, on columns less the room that all boxes before one need.
    """
    room, used = [], 0
    for index, box in enumerate(row):
        if index:
            used += (layout.widths[row[index - 1]] + layout.widths[box]) // 2 + GAP
        room.append(used)
    pools: list[tuple[float, float, int]] = []  # mean, weight, boxes
    for index, box in enumerate(row):
        weight = _JOINT_WEIGHT if box >= layout.joints_from else 1.0
        pool = (wished[index] - room[index], weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, before, boxes = pools.pop()
            total = before + pool[1]
            pool = ((mean * before + pool[0] * pool[1]) / total, total, boxes + pool[2])
        pools.append(pool)
    columns = [round(mean) for mean, _, boxes in pools for _ in range(boxes)]
    for box, column, before in zip(row, columns, room, strict=True):
        layout.centres[box] = column + before


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
