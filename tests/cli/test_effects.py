"""What tools would run and reach is listed and refused, and nothing of it is run meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import flowrun, write

CANARY = """
from pathlib import Path
Path(__file__).with_name("sung").touch()
def find(query: str) -> str:
    return query
"""
TOOLS = """
tools:
  search: {python: "canary:find"}
  log:
    shell: {command: [touch, "{{ n }}"], env: [EDITOR, PAGER]}
    parameters: {type: object, properties: {n: {type: integer}}, required: [n]}
  weather: {http: {url: "https://example.org/w"}}
  post: {http: {method: POST, url: "http://127.0.0.1:1/w", bearer: KEY}}
  docs: {mcp: {command: [docs-server, "a b"]}}
  far: {mcp: {url: "https://example.org/mcp", bearer: KEY}}
  other: {uses: other/inner.yaml}
  unused: {shell: [rm]}
steps:
  a: {model: fake/echo, prompt: x, tools: [search, weather, post, docs, far, other]}
  b: {steps: {c: {call: log, with: {n: 1}}}}
"""
INNER = 'tools: {deep: {shell: ["\\e[31mtouch"]}}\nsteps: {a: {call: deep}}\n'
LISTED = [
    'runs    python canary:find (canary.py)  tool "search"',
    "runs    touch '{{ n }}'                 tool \"log\", gets EDITOR, PAGER",
    'fetches https://example.org             tool "weather"',
    'sends   POST http://127.0.0.1:1         tool "post", gets KEY',
    "starts  docs-server 'a b'               tool \"docs\"",
    'reaches https://example.org/mcp         tool "far", gets KEY',
    "runs    'touch'                         tool \"deep\" of other/inner.yaml",
]
PLACES = [
    'tools.yaml:3:3: tool "search" runs Python code on this machine: canary:find (canary.py)',
    "tools.yaml:4:3: tool \"log\" runs a program on this machine: touch '{{ n }}'",
    "tools.yaml:9:3: tool \"docs\" starts a server on this machine: docs-server 'a b'",
    "other/inner.yaml:1:9: tool \"deep\" runs a program on this machine: ' [31mtouch'",
]


@pytest.fixture(autouse=True)
def _files(here: Path) -> None:
    (here / "other").mkdir()
    write("canary.py", CANARY)
    write("tools.yaml", TOOLS)
    write("other/inner.yaml", INNER)


def test_a_check_lists_what_steps_would_run_and_runs_nothing(here: Path) -> None:
    done = flowrun("check", "tools.yaml")
    assert (done.code, done.out) == (0, "")
    assert done.errors == ["tools.yaml: sound", *(f"  {line}" for line in LISTED)]
    assert not (here / "sung").exists()


def test_quiet_lists_nothing() -> None:
    assert flowrun("check", "-q", "tools.yaml").err == ""


def test_a_file_without_tools_has_nothing_to_list() -> None:
    write("one.yaml", "steps: {one: {value: x}}")
    assert flowrun("check", "--no-exec", "one.yaml").err == "one.yaml: sound\n"


def test_a_long_command_is_shown_whole_and_does_not_push_the_others_apart() -> None:
    write("two.yaml", f"""
        tools: {{a: {{shell: [echo, {"x" * 80}]}}, b: {{shell: [ls]}}}}
        steps: {{a: {{call: a}}, b: {{call: b}}}}
    """)  # fmt: skip
    assert flowrun("check", "two.yaml").errors[1:] == [
        f'  runs    echo {"x" * 80}  tool "a"',
        f'  runs    ls{" " * 58}  tool "b"',
    ]


@pytest.mark.parametrize("words", [("check",), ("check", "-q"), ("execute",), ("execute", "-q")])
def test_without_leave_what_runs_code_is_a_fault_at_its_place(
    words: tuple[str, ...], here: Path
) -> None:
    done = flowrun(*words, "tools.yaml", "--no-exec")
    assert (done.code, done.out) == (2, "")
    found = [line.removesuffix(" [no-exec]") for line in done.errors if "[no-exec]" in line]
    assert found == PLACES
    last = "4 faults; nothing was sent" if words[0] == "execute" else "4 faults"
    assert done.errors[-1] == last
    assert not (here / "sung").exists()
    assert not (here / ".flowrun").exists()


def test_the_whole_of_a_refusal() -> None:
    write("one.yaml", "tools: {log: {shell: [git, log]}}\nsteps: {a: {call: log}}\n")
    assert flowrun("execute", "one.yaml", "--no-exec").err == (
        'one.yaml:1:9: tool "log" runs a program on this machine: git log [no-exec]\n'
        "      tools: {log: {shell: [git, log]}}\n"
        "              ^^^\n"
        "  why:  --no-exec allows no tool that does\n"
        "  mend: read what it runs, then leave --no-exec out\n"
        "\n"
        "1 fault; nothing was sent\n"
    )


def test_a_faulty_file_is_reported_for_its_faults_first() -> None:
    write("faulty.yaml", TOOLS.replace("{n: 1}", "{n: x}"))
    done = flowrun("check", "--no-exec", "faulty.yaml")
    assert done.errors[-1] == "1 fault"
    assert not [line for line in done.errors if "no-exec" in line]


def test_only_what_is_selected_is_refused() -> None:
    write("some.yaml", TOOLS + "  harmless: {value: x}\n")
    done = flowrun("execute", "some.yaml", "--no-exec", "-s", "harmless", "-q")
    assert (done.code, done.out) == (0, "x\n")
    assert flowrun("execute", "some.yaml", "--no-exec", "-s", "b").errors[-1].startswith("1 fault;")


@pytest.mark.parametrize("name", ["search", "docs", "docs.find", "deep", "unused"])
def test_every_tool_can_be_named_for_a_second_call(name: str) -> None:
    done = flowrun("execute", "tools.yaml", "--redo", name, "--no-exec")
    assert done.errors[-1] == "4 faults; nothing was sent"


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("serch", "did you mean search?"),
        ("search.x", "did you mean search?"),
        (
            "zzz",
            "tools: search, log, weather, post, docs, far, other, unused, deep",
        ),
    ],
)
def test_an_unknown_tool_cannot_be_called_again(name: str, mend: str) -> None:
    done = flowrun("execute", "tools.yaml", "--redo", "log", "--redo", name)
    assert (done.code, done.err) == (
        2,
        f'flowrun: "--redo {name}": no tool is called "{name}"; {mend}\n',
    )


def test_a_file_without_tools_has_none_to_call_again() -> None:
    write("one.yaml", "steps: {one: {value: x}}")
    assert flowrun("execute", "one.yaml", "--redo", "x").err.endswith("the file has no tools\n")
