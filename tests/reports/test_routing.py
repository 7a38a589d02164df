from __future__ import annotations

from flowrun.reports.layout import Edge, Layout
from flowrun.reports.routing import Channel, route


def routed(
    upper: list[int], lower: list[int], edges: list[Edge], *, width: int = 5
) -> Channel | None:
    """The channel between boxes at these columns; boxes are numbered from left to right."""
    count = len(upper) + len(lower)
    boxes = list(range(count))
    layers = [boxes[: len(upper)], boxes[len(upper) :]]
    above: list[list[int]] = [[] for _ in boxes]
    below: list[list[int]] = [[] for _ in boxes]
    for start, end in edges:
        below[start].append(end)
        above[end].append(start)
    layout = Layout(layers, [width] * count, [*upper, *lower], above, below, count)
    return route(layout, *layers)


def picture(channel: Channel | None) -> list[str]:
    assert channel is not None
    width = max(column for _, column in channel.cells) + 1
    return [
        "".join(channel.cells.get((row, column), " ") for column in range(width)).rstrip()
        for row in range(channel.height)
    ]


def test_boxes_above_each_other_are_joined_by_a_straight_line() -> None:
    assert picture(routed([2], [2], [(0, 1)])) == ["  │"]


def test_a_line_between_boxes_that_overlap_is_straight() -> None:
    assert picture(routed([2], [4], [(0, 1)])) == ["   │"]


def test_a_line_to_the_side_has_a_track() -> None:
    assert picture(routed([2], [9], [(0, 1)])) == ["  └──────┐", "         │"]


def test_boxes_with_the_same_needs_share_a_bus() -> None:
    every = [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert picture(routed([2, 9], [2, 9], every)) == ["  ├──────┤", "  │      │"]


def test_lines_that_cross_interrupt_each_other() -> None:
    channel = routed([2, 9], [3, 12], [(0, 3), (1, 2)])
    assert channel is not None
    assert channel.crossings == 1
    assert picture(channel) == ["  │┌─────┘", "  └│────────┐", "   │        │"]


def test_a_port_above_a_foreign_one_has_no_way() -> None:
    assert routed([2, 9], [2, 9], [(0, 3), (1, 2)]) is None


def test_a_box_has_no_more_ports_than_room() -> None:
    starts = [10 * at for at in range(6)]
    ends = [10 * at for at in range(7)]
    edges = [(at, 6 + 6) for at in range(6)] + [(at, 6 + at) for at in range(6)]
    assert routed(starts, ends, edges, width=3) is None
