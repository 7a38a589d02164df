from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.reports.diagram import Graph, Node, dot, mermaid

GRAPH = Graph(
    "product page",
    (
        Node("topic", "input", "topic"),
        Node("brief", "prompt", "brief", "fastest"),
        Node("titles", "prompt", "titles", "fastest", is_foreach=True),
        Node("end", "value", "end", is_conditional=True),
        Node("page", "output", "page"),
    ),
    (("topic", "brief"), ("brief", "titles"), ("titles", "end"), ("end", "page")),
)


def test_mermaid() -> None:
    assert mermaid(GRAPH) == (
        "---\n"
        'title: "product page"\n'
        "---\n"
        "flowchart TD\n"
        '    n0(["topic"])\n'
        '    n1["brief<br/>fastest"]\n'
        '    n2["titles<br/>fastest, each"]\n'
        '    n3("end<br/>if")\n'
        '    n4[/"page"/]\n'
        "    n0 --> n1\n"
        "    n1 --> n2\n"
        "    n2 --> n3\n"
        "    n3 --> n4\n"
        "    classDef each stroke-width:3px\n"
        "    class n2 each\n"
        "    classDef perhaps stroke-dasharray:5 4\n"
        "    class n3 perhaps\n"
    )


def test_dot() -> None:
    assert dot(GRAPH) == (
        'digraph "product page" {\n'
        "    rankdir=TB;\n"
        '    node [fontname="Helvetica"];\n'
        '    "topic" [label="topic", shape=oval];\n'
        '    "brief" [label="brief\\nfastest", shape=box];\n'
        '    "titles" [label="titles\\nfastest, each", shape=box, peripheries=2];\n'
        '    "end" [label="end\\nif", shape=box, style="rounded,dashed"];\n'
        '    "page" [label="page", shape=note];\n'
        '    "topic" -> "brief";\n'
        '    "brief" -> "titles";\n'
        '    "titles" -> "end";\n'
        '    "end" -> "page";\n'
        "}\n"
    )


HOSTILE = 'a "b" [c] {d}\n<script>&#35; `e` **f** \\ \x1b[1m %% ;'


def test_mermaid_takes_a_label_as_text() -> None:
    found = mermaid(Graph(HOSTILE, (Node("x", "prompt", HOSTILE, HOSTILE),), ()))
    text = "a #34;b#34; [c] {d} #60;script#62;#38;#35;35; #96;e#96; #42;#42;f#42;#42; #92; %% ;"
    assert found.split("\n")[4] == f'    n0["{text}<br/>{text}"]'


@given(st.text(st.sampled_from('"\\n\n{}[]<>|;#\x1b a')))
def test_no_text_ends_its_quotes_in_dot(text: str) -> None:
    found = dot(Graph(text, (Node(text, "prompt", text, text),), ((text, text),)))
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", found, flags=re.DOTALL)
    lines = outside.split("\n")
    assert (lines[0], lines[3:]) == (
        "digraph Q {",
        ["    Q [label=Q, shape=box];", "    Q -> Q;", "}", ""],
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_what_is_written() -> None:
    graph = Graph(HOSTILE, (Node(HOSTILE, "value", HOSTILE, HOSTILE, is_conditional=True),), ())
    subprocess.run(["dot", "-Tsvg"], input=dot(graph), text=True, check=True, capture_output=True)


INNER = Graph(
    "kitchen",
    (
        Node("intro", "prompt", "intro", "fastest", tools=("search", "refund")),
        Node(
            "recipes",
            "block",
            "recipes",
            is_foreach=True,
            inside=Graph(
                "recipes",
                (
                    Node("draft", "prompt", "draft", "fastest", is_repeated=True),
                    Node(
                        "checked",
                        "uses",
                        "checked",
                        "review.yaml",
                        is_conditional=True,
                        inside=Graph("checked", (Node("read", "call", "read", "log"),), ()),
                    ),
                ),
                (("draft", "checked"),),
            ),
        ),
        Node("end", "uses", "end", "more.yaml"),
    ),
    (("intro", "recipes"), ("recipes", "end")),
)


def test_mermaid_draws_what_is_inside_as_subgraphs() -> None:
    assert mermaid(INNER) == (
        "---\n"
        'title: "kitchen"\n'
        "---\n"
        "flowchart TD\n"
        '    n0["intro<br/>fastest<br/>tools: search, refund"]\n'
        '    subgraph n1["recipes<br/>each"]\n'
        '        n2["draft<br/>fastest, until"]\n'
        '        subgraph n3["checked<br/>review.yaml, if"]\n'
        '            n4{{"read<br/>log"}}\n'
        "        end\n"
        "        n2 --> n3\n"
        "    end\n"
        '    n5[["end<br/>more.yaml"]]\n'
        "    n0 --> n1\n"
        "    n1 --> n5\n"
        "    classDef each stroke-width:3px\n"
        "    class n1 each\n"
        "    classDef perhaps stroke-dasharray:5 4\n"
        "    class n3 perhaps\n"
    )


def test_dot_draws_what_is_inside_as_clusters() -> None:
    assert dot(INNER) == (
        'digraph "kitchen" {\n'
        "    rankdir=TB;\n"
        '    node [fontname="Helvetica"];\n'
        "    compound=true;\n"
        '    "intro" [label="intro\\nfastest\\ntools: search, refund", shape=box];\n'
        '    subgraph "cluster_recipes" {\n'
        '        label="recipes\\neach";\n'
        '        fontname="Helvetica";\n'
        "        style=solid;\n"
        "        penwidth=2;\n"
        '        "recipes.draft" [label="draft\\nfastest, until", shape=box];\n'
        '        subgraph "cluster_recipes.checked" {\n'
        '            label="checked\\nreview.yaml, if";\n'
        '            fontname="Helvetica";\n'
        "            style=dashed;\n"
        "            penwidth=1;\n"
        '            "recipes.checked.read" [label="read\\nlog", shape=hexagon];\n'
        "        }\n"
        '        "recipes.draft" -> "recipes.checked.read" [lhead="cluster_recipes.checked"];\n'
        "    }\n"
        '    "end" [label="end\\nmore.yaml", shape=component];\n'
        '    "intro" -> "recipes.draft" [lhead="cluster_recipes"];\n'
        '    "recipes.checked.read" -> "end" [ltail="cluster_recipes"];\n'
        "}\n"
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_clusters() -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=dot(INNER), text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
