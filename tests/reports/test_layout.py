from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.reports.layout import GAP, Edge, components, lay_out, layers_of


def test_a_box_stands_below_all_that_it_needs() -> None:
    assert layers_of(4, [(0, 1), (1, 2), (0, 2), (2, 3)]) == [0, 1, 2, 3]


def test_a_box_that_needs_nothing_stands_right_above_what_needs_it() -> None:
    assert layers_of(4, [(0, 1), (1, 2), (3, 2)]) == [0, 1, 2, 1]


def test_a_circle_has_no_layers() -> None:
    assert layers_of(3, [(0, 1), (1, 2), (2, 1)]) is None


def test_what_hangs_together_is_found() -> None:
    assert components(6, [(0, 3), (4, 1), (3, 5)]) == [[0, 3, 5], [1, 4], [2]]


def test_a_long_edge_is_cut_into_joints_that_are_shared() -> None:
    layout = lay_out([5] * 5, [(0, 1), (1, 2), (2, 3), (2, 4), (0, 3), (0, 4)], [0, 1, 2, 3, 3])
    assert [len(row) for row in layout.layers] == [1, 2, 2, 2]
    assert layout.widths[layout.joints_from :] == [1, 1]


def test_layers_are_ordered_so_that_lines_do_not_cross() -> None:
    layout = lay_out([5] * 6, [(0, 5), (1, 4), (2, 3)], [0, 0, 0, 1, 1, 1])
    place = [row.index for row in layout.layers]
    assert [place[1](5 - box) for box in range(3)] == [place[0](box) for box in range(3)]


def test_a_chain_is_straight() -> None:
    assert len(set(lay_out([5, 9, 31], [(0, 1), (1, 2)], [0, 1, 2]).centres)) == 1


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[int], list[Edge]]:
    """Odd widths, and edges from earlier boxes to later ones."""
    widths = draw(
        st.lists(st.integers(2, 9).map(lambda half: 2 * half + 1), min_size=2, max_size=12)
    )
    every = [(a, b) for b in range(len(widths)) for a in range(b)]
    return widths, sorted(draw(st.sets(st.sampled_from(every), max_size=20)))


@settings(deadline=None)
@given(plans())
def test_boxes_keep_their_distance_and_edges_go_down_by_one(
    plan: tuple[list[int], list[Edge]],
) -> None:
    widths, edges = plan
    layers = layers_of(len(widths), edges)
    assert layers is not None
    layout = lay_out(widths, edges, layers)
    for row in layout.layers:
        for left, right in pairwise(row):
            room = (layout.widths[left] + layout.widths[right]) // 2 + GAP
            assert layout.centres[right] - layout.centres[left] >= room
    depth = {box: index for index, row in enumerate(layout.layers) for box in row}
    assert all(
        depth[lower] == depth[upper] + 1
        for upper, below in enumerate(layout.below)
        for lower in below
    )
