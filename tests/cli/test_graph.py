from __future__ import annotations

import pytest

from flowrun.api import load
from flowrun.cli.graph import graph_of
from flowrun.reports.diagram import Graph, Node
from tests.cli.command import flowrun, write

PIPELINE = """
    name: tree
    inputs: {words: {type: array, items: {type: string}, default: [a]}}
    steps:
      one: {model: fake/echo, prompt: hello}
      all: {model: fake/echo, foreach: inputs.words, prompt: "{{ item }} {{ one }}"}
      last: {if: one == "x", value: "{{ all }}", needs: [one]}
"""
DRAWN = """\
           ┌───────────┐
           │    one    │
           │ fake/echo │
           └─────┬─────┘
"""


@pytest.fixture(autouse=True)
def _file() -> None:
    write("tree.yaml", PIPELINE)


def test_a_graph_holds_steps_and_who_needs_whom() -> None:
    assert graph_of(load("tree.yaml").plan) == Graph(
        "tree",
        (
            Node("one", "prompt", "one", "fake/echo"),
            Node("all", "prompt", "all", "fake/echo", is_foreach=True),
            Node("last", "value", "last", is_conditional=True),
        ),
        (("one", "all"), ("one", "last"), ("all", "last")),
    )


INSIDE = """
    tools:
      search: {shell: [ls]}
      docs: {mcp: {command: [docs]}}
      refund: {}
    steps:
      a: {model: fake/echo, prompt: x, tools: [search, docs.one, docs.two, refund]}
      b:
        foreach: "[1]"
        steps:
          c: {value: "{{ a }}"}
          d: {call: docs.one, needs: [c]}
      e: {uses: child.yaml, repeat: {until: true, max: 2}}
"""


def test_a_graph_holds_what_blocks_and_pipelines_that_are_used_are_made_of() -> None:
    write("child.yaml", "steps: {f: {value: x}}")
    write("inside.yaml", INSIDE)
    assert graph_of(load("inside.yaml").plan) == Graph(
        "inside",
        (
            Node("a", "prompt", "a", "fake/echo", tools=("search", "docs", "refund")),
            Node(
                *("b", "block", "b"),
                is_foreach=True,
                inside=Graph(
                    "b",
                    (Node("c", "value", "c"), Node("d", "call", "d", "docs.one")),
                    (("c", "d"),),
                ),
            ),
            Node(
                *("e", "uses", "e", "child.yaml"),
                is_repeated=True,
                inside=Graph("e", (Node("f", "value", "f"),), ()),
            ),
        ),
        (("a", "b"),),
    )


def test_a_pipeline_of_very_many_steps_is_drawn_without_those_that_it_uses() -> None:
    write("child.yaml", f"steps: {{{', '.join(f's{n}: {{value: x}}' for n in range(500))}}}")
    write("wide.yaml", "steps: {a: {uses: child.yaml}, b: {steps: {c: {value: x}}}}")
    a, b = graph_of(load("wide.yaml").plan).nodes
    assert a == Node("a", "uses", "a", "child.yaml")
    assert b.inside is not None


def test_a_model_that_a_template_names_is_not_shown() -> None:
    write("late.yaml", 'steps:\n  a: {model: "{{ run.b.model }}", prompt: x, needs: [b]}\n'
                       '  b: {model: fake/echo, prompt: y}\n')  # fmt: skip
    assert [each.detail for each in graph_of(load("late.yaml").plan).nodes] == ["fake/echo", ""]


@pytest.mark.parametrize("words", [[], ["-f", "text"], ["--format", "text"]])
def test_the_drawing_is_for_the_terminal(words: list[str]) -> None:
    done = flowrun("graph", "tree.yaml", *words)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(DRAWN)
    assert done.out.endswith("└╌╌╌╌╌╌╌┘\n")


def test_the_drawing_keeps_to_the_width() -> None:
    narrow = flowrun("graph", "tree.yaml", env={"COLUMNS": "18"})
    assert max(map(len, narrow.out.splitlines())) <= 18


@pytest.mark.parametrize(
    ("form", "first"), [("mermaid", "---\ntitle: "), ("dot", 'digraph "tree" {\n')]
)
def test_other_forms_are_for_other_programs(form: str, first: str) -> None:
    done = flowrun("graph", "tree.yaml", "-f", form)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(first)
    assert done.out.count("->" if form == "dot" else "-->") == 3


def test_an_unknown_form_is_refused() -> None:
    done = flowrun("graph", "tree.yaml", "-f", "svg")
    assert done.code == 2
    assert done.errors[-1].endswith("'svg' is not one of 'text', 'mermaid', 'dot'.")


def test_a_faulty_file_has_no_graph() -> None:
    write("faulty.yaml", 'steps:\n  one: {value: "{{ two }}"}\n')
    done = flowrun("graph", "faulty.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.errors[0] == 'faulty.yaml:2:20: unknown step "two" [unknown-step]'
