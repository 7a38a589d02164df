from __future__ import annotations

from itertools import combinations
from typing import TypeAlias

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowrun.reports.diagram import Graph, Node
from flowrun.reports.drawing import drawing
from flowrun.reports.text import cell_width


def graph(edges: str, *nodes: Node) -> Graph:
    """A graph from `a,b>c d>e`; nodes that are not given are prompts."""
    given = {node.id: node for node in nodes}
    pairs = []
    for edge in edges.split():
        starts, ends = edge.split(">")
        pairs += [(start, end) for start in starts.split(",") for end in ends.split(",")]
    for name in [name for pair in pairs for name in pair]:
        given.setdefault(name, Node(name, "prompt", name))
    return Graph("g", tuple(given.values()), tuple(pairs))


CASES = {
    "chain": (
        graph("a>b b>c"),
        """
┌───┐
│ a │
└─┬─┘
  │
┌─▼─┐
│ b │
└─┬─┘
  │
┌─▼─┐
│ c │
└───┘
""",
    ),
    "diamond": (
        graph("outline>intro,text,end intro,text,end>page"),
        """
          ┌─────────┐
          │ outline │
          └────┬────┘
    ┌──────────┼─────────┐
    │          │         │
┌───▼───┐  ┌───▼───┐  ┌──▼──┐
│ intro │  │ text  │  │ end │
└───┬───┘  └───┬───┘  └──┬──┘
    └──────────┼─────────┘
               │
           ┌───▼───┐
           │ page  │
           └───────┘
""",
    ),
    "kinds": (
        graph(
            "topic>brief brief>titles,pick titles>page",
            Node("topic", "input", "topic"),
            Node("titles", "prompt", "titles", "fastest", is_foreach=True),
            Node("pick", "prompt", "pick", is_conditional=True),
            Node("page", "output", "page"),
        ),
        """
              ╭───────╮
              │ topic │
              ╰───┬───╯
                  │
              ┌───▼───┐
              │ brief │
              └───┬───┘
        ┌─────────┴────┐
        │              │
╔═══════▼═══════╗  ┌╌╌╌▼╌╌╌┐
║    titles     ║  ┆ pick  ┆
║ fastest, each ║  ┆  if   ┆
╚═══════╤═══════╝  └╌╌╌╌╌╌╌┘
        │
    ╭───▼───╮
    │ page  │
    ╰───────╯
""",
    ),
    "every one needs every one": (
        graph("a,b>c,d c,d>e"),
        """
┌───┐  ┌───┐
│ a │  │ b │
└─┬─┘  └─┬─┘
  ├──────┤
  │      │
┌─▼─┐  ┌─▼─┐
│ c │  │ d │
└─┬─┘  └─┬─┘
  └───┬──┘
      │
    ┌─▼─┐
    │ e │
    └───┘
""",
    ),
    "past a layer": (
        graph("a>b b>c a>c"),
        """
   ┌───┐
   │ a │
   └─┬─┘
  ┌──┴─┐
  │    │
┌─▼─┐  │
│ b │  │
└─┬─┘  │
  └──┬─┘
     │
   ┌─▼─┐
   │ c │
   └───┘
""",
    ),
    "apart": (
        graph("a>b x>y", Node("alone", "value", "alone")),
        """
╭───────╮    ┌───┐    ┌───┐
│ alone │    │ a │    │ x │
╰───────╯    └─┬─┘    └─┬─┘
               │        │
             ┌─▼─┐    ┌─▼─┐
             │ b │    │ y │
             └───┘    └───┘
""",
    ),
    "crossing": (
        graph("b>x a>x,y c>y,z"),
        """
┌───┐  ┌───┐  ┌───┐
│ b │  │ a │  │ c │
└─┬─┘  └─┬─┘  └─┬─┘
  └┐ ┌───┴┐ ┌───┴─┐
   │ │    │ │     │
  ┌▼─▼┐  ┌▼─▼┐  ┌─▼─┐
  │ x │  │ y │  │ z │
  └───┘  └───┘  └───┘
""",
    ),
    "wide characters": (
        graph("a>b", Node("b", "prompt", "自転車")),
        """
   ┌───┐
   │ a │
   └─┬─┘
     │
┌────▼────┐
│ 自転車  │
└─────────┘
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_boxes(name: str) -> None:
    drawn, expected = CASES[name]
    assert drawing(drawn, 80) == expected.lstrip("\n")


def test_what_hangs_apart_goes_below_where_there_is_no_room_beside() -> None:
    assert drawing(graph("a>b x>y"), 10) == (
        "┌───┐\n│ a │\n└─┬─┘\n  │\n┌─▼─┐\n│ b │\n└───┘\n"
        "\n"
        "┌───┐\n│ x │\n└─┬─┘\n  │\n┌─▼─┐\n│ y │\n└───┘\n"
    )


def test_long_names_are_cut_to_fit() -> None:
    found = drawing(graph("a_very_long_name_of_a_step>b,another_very_long_name_of_a_step"), 40)
    assert "│ a_very_long_name_of_a_s…  │" in found


def test_what_does_not_fit_is_a_list() -> None:
    nodes = (Node("b", "prompt", "b", "fastest", is_foreach=True),)
    found = drawing(graph("a>b,c,d b,c,d>the_last the_last>z", *nodes), 20)
    assert found == (
        "a\n"
        "  b (fastest,\n"
        "      each) ← a\n"
        "  c ← a\n"
        "  d ← a\n"
        "    the_last ←\n"
        "        b, c, d\n"
        "      z ←\n"
        "          the_last\n"
    )


def test_a_circle_is_a_list() -> None:
    assert drawing(graph("a>b b>a"), 80) == "a ← b\nb ← a\n"


def test_very_many_steps_are_a_list() -> None:
    found = drawing(graph(" ".join(f"s{number}>s{number + 1}" for number in range(5_000))), 80)
    assert found.count("\n") == 5_001


def test_a_tangle_is_a_list() -> None:
    found = drawing(graph(" ".join(f"{a}>{b}" for a, b in combinations("abcdefghijkl", 2))), 200)
    assert "┌" not in found


def steps(count: int) -> list[Node]:
    return [Node(f"s{number}", "prompt", f"s{number}") for number in range(count)]


def test_a_line_above_a_foreign_port_moves_aside() -> None:
    found = drawing(graph("s0>s2,s4 s1>s3,s6 s2>s6 s3>s4", *steps(7)), 80)
    assert (
        found
        == """
   ┌─────┐  ┌─────┐        ┌─────┐
   │ s0  │  │ s1  │        │ s5  │
   └──┬──┘  └──┬──┘        └─────┘
      │┌───────┴──────┐
 ┌────┴│────────┐     │
 │     │        │     │
 │  ┌──▼──┐  ┌──▼──┐  │
 │  │ s3  │  │ s2  │  │
 │  └──┬──┘  └──┬──┘  │
 └─┬───┘        └─┬───┘
   │              │
┌──▼──┐        ┌──▼──┐
│ s4  │        │ s6  │
└─────┘        └─────┘
""".lstrip("\n")
    )


def test_lines_without_a_way_are_a_list() -> None:
    found = drawing(graph("s0>s2,s4,s5 s1>s4,s5 s2>s4,s5 s3>s4 s4>s5", *steps(6)), 80)
    assert "┌" not in found


def test_many_crossings_are_a_list() -> None:
    edges = "s0>s6,s9,s11 s1>s6,s10 s2>s6,s8,s10 s3>s7,s9,s11 s4>s10,s11"
    assert "┌" not in drawing(graph(edges, *steps(12)), 200)


def test_an_empty_graph_is_an_empty_line() -> None:
    assert drawing(Graph("g", (), ()), 80) == "\n"


def test_edges_to_nowhere_and_to_oneself_are_left_out() -> None:
    nodes = (Node("a", "prompt", "a"),)
    assert drawing(Graph("g", nodes, (("a", "a"), ("a", "x"), ("x", "a"))), 80) == (
        "┌───┐\n│ a │\n└───┘\n"
    )


def test_nothing_in_a_name_is_obeyed() -> None:
    node = Node("a", "prompt", "\x1b[2J\nname", "mod\x07el")
    assert "│ name  │\n│ model │" in drawing(Graph("g", (node,), ()), 80)


Plan: TypeAlias = tuple[list[str], set[tuple[str, str]]]

# Where a line leads on from a sign: left, right, down.
_WAYS = {
    "─": "lr", "┌": "rd", "┐": "ld", "└": "r", "┘": "l",
    "├": "rd", "┤": "ld", "┬": "lrd", "┴": "lr", "┼": "lrd",
}  # fmt: skip
_BACK = {"l": "r", "r": "l", "d": ""}


def followed(lines: list[str], row: int, column: int) -> set[tuple[int, int]]:
    """Every arrow head that the line from this port leads to; `│` is passed straight on."""
    found: set[tuple[int, int]] = set()
    seen: set[tuple[int, int, str]] = set()
    walks = [(row + 1, column, "d")]
    while walks:
        row, column, way = walks.pop()
        sign = lines[row][column]
        if sign == "▼":
            found.add((row, column))
        elif (row, column, way) not in seen:
            seen.add((row, column, way))
            ways = way if sign == "│" else _WAYS[sign].replace(_BACK[way], "")
            to = {"l": (row, column - 1), "r": (row, column + 1), "d": (row + 1, column)}
            walks += [(*to[each], each) for each in ways]
    return found


def edges_drawn(drawn: str, names: list[str]) -> set[tuple[str, str]]:
    """Follows the lines from the ports below each box."""
    lines = drawn.split("\n")
    width = max(map(len, lines)) + 1
    lines = [line.ljust(width) for line in lines]
    spans = {}
    for name in names:
        row = next(row for row, line in enumerate(lines) if f"│ {name} " in line)
        left = lines[row].index(f"│ {name} ")
        spans[name] = (row, range(left, lines[row].index("│", left + 1)))
    found = set()
    for name, (row, columns) in spans.items():
        for column in [each for each in columns if lines[row + 1][each] == "┬"]:
            for at, end in followed(lines, row + 1, column):
                found |= {
                    (name, other)
                    for other, (r, span) in spans.items()
                    if r == at + 1 and end in span
                }
    return found


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Names, and edges from earlier ones to later ones."""
    names = [f"step{number}" for number in range(draw(st.integers(2, 10)))]
    return names, draw(st.sets(st.sampled_from(list(combinations(names, 2))), max_size=16))


@settings(max_examples=300, deadline=None)
@given(plans())
def test_the_lines_say_exactly_what_needs_what(
    plan: tuple[list[str], set[tuple[str, str]]],
) -> None:
    names, edges = plan
    nodes = tuple(Node(name, "prompt", name) for name in names)
    found = drawing(Graph("g", nodes, tuple(sorted(edges))), 120)
    assert max(cell_width(line) for line in found.split("\n")) <= 120
    assume("┌" in found)
    assert edges_drawn(found, names) == edges, found


def test_what_is_inside_is_drawn_below_under_its_name() -> None:
    inner = Graph("checked", (Node("read", "call", "read", "log"),), ())
    nodes = (
        Node("a", "prompt", "a", "m", tools=("search", "refund")),
        Node(
            "b",
            "block",
            "b",
            is_foreach=True,
            inside=Graph(
                "b",
                (Node("c", "value", "c"), Node("d", "uses", "d", "x.yaml", inside=inner)),
                (("c", "d"),),
            ),
        ),
    )
    assert drawing(Graph("p", nodes, (("a", "b"),)), 80) == (
        "┌───────────────────────┐\n"
        "│           a           │\n"
        "│           m           │\n"
        "│ tools: search, refund │\n"
        "└───────────┬───────────┘\n"
        "            │\n"
        "        ╔═══▼═══╗\n"
        "        ║  b ▾  ║\n"
        "        ║ each  ║\n"
        "        ╚═══════╝\n"
        "\n"
        "b: each\n"
        "│    ╭───╮\n"
        "│    │ c │\n"
        "│    ╰─┬─╯\n"
        "│      │\n"
        "│ ┌────▼────┐\n"
        "│ │   d ▾   │\n"
        "│ │ x.yaml  │\n"
        "│ └─────────┘\n"
        "\n"
        "b.d: x.yaml\n"
        "│ ╭───────╮\n"
        "│ │ read  │\n"
        "│ │  log  │\n"
        "│ ╰───────╯\n"
    )


@pytest.mark.parametrize("width", [12, 20, 40])
def test_what_is_inside_keeps_to_the_width(width: int) -> None:
    inner = Graph("b", tuple(Node(f"a_step_{n}", "value", f"a_step_{n}") for n in range(9)), ())
    graph = Graph("p", (Node("a_long_name", "block", "a_long_name", inside=inner),), ())
    assert max(map(len, drawing(graph, width).splitlines())) <= width
