"""How steps list, choose and call the tools of a file."""

from __future__ import annotations

import pytest

from flowrun.document.task import Task
from flowrun.document.tool import McpServer
from tests.document.checking import checked, plan, told

HEAD = """\
tools:
  find: {shell: [find]}
  docs: {mcp: {command: [docs-server]}}
  few: {mcp: {url: "https://example.org/mcp", allow: [search, read]}}
  refund: {parameters: {type: object, properties: {id: {type: string}}}}
"""


def task(step: str) -> Task:
    (found,) = plan(f"{HEAD}steps:\n  a: {step}").tasks
    return found


def allowed(names: str) -> dict[str, tuple[str, ...] | None]:
    """By the server what a step may use of it when it lists these."""
    ask = task(f"{{prompt: x, tools: [{names}]}}").ask
    assert ask is not None
    return {
        tool.name: tool.action.allow for tool in ask.tools if isinstance(tool.action, McpServer)
    }


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("docs", {"docs": None}),
        ("docs.search", {"docs": ("search",)}),
        ("docs.search, docs.read", {"docs": ("search", "read")}),
        ("docs.search, docs", {"docs": None}),
        ("docs, docs.search", {"docs": None}),
        ("few", {"few": ("search", "read")}),
        ("few.read, find", {"few": ("read",)}),
    ],
)
def test_of_a_server_a_step_takes_all_or_some(
    names: str, found: dict[str, tuple[str, ...] | None]
) -> None:
    assert allowed(names) == found


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("find", "find"),
        ("docs.search", "docs__search"),
        ("docs__anything", "docs__anything"),
        ("few.read", "few__read"),
        ("{type: function, function: {name: refund}}", "refund"),
    ],
)
def test_a_tools_name_chooses_it_as_on_the_wire(choice: str, found: str) -> None:
    ask = task(f"{{prompt: x, tools: [find, docs, few, refund], tool_choice: {choice}}}").ask
    assert ask is not None
    words = ("auto", "none", "required")
    wire = found if found in words else {"type": "function", "function": {"name": found}}
    assert ask.tool_choice == wire


def test_a_step_calls_a_tool_or_one_of_a_server() -> None:
    call = task("{call: find}").call
    assert call is not None
    assert (call.tool.name, call.member, call.arguments) == ("find", "", {})
    call = task("{call: docs.search, with: {q: x}}").call
    assert call is not None
    assert (call.tool.name, call.member, call.arguments) == ("docs", "search", {"q": "x"})


@pytest.mark.parametrize(
    ("step", "message", "mend"),
    [
        ("{prompt: x, tools: [fnid]}", 'unknown tool "fnid" [unknown-tool]', "did you mean find?"),
        ("{prompt: x, tools: [xyzzy]}", 'unknown tool "xyzzy" [unknown-tool]',
         "declare xyzzy under tools"),
        ("{prompt: x, tools: [find.x]}",
         'tool "find" is no server, and has no tools of its own [unknown-tool]', "write find"),
        ("{prompt: x, tools: [few.serch]}",
         '"serch" is none of the tools that "few" allows [unknown-tool]', "did you mean search?"),
        ("{prompt: x, tools: [few.xyzzy]}",
         '"xyzzy" is none of the tools that "few" allows [unknown-tool]',
         "it allows search, read"),
        ("{call: fnid}", 'unknown tool "fnid" [unknown-tool]', "did you mean find?"),
        ("{call: refund}",
         'tool "refund" does nothing: it has no implementation to be called [not-callable]',
         "list it under the tools of a step that asks a model"),
        ("{call: docs}", '"docs" is a server, and no tool [not-callable]', "write docs.TOOL"),
        ("{prompt: x, tools: [find], tool_choice: refund}",
         '"refund" is none of the tools of the step [unknown-tool]',
         "add refund to its tools"),
        ("{prompt: x, tools: [find], tool_choice: xyzzy}",
         '"xyzzy" is none of the tools of the step [unknown-tool]',
         "write auto or none or required or find"),
        ("{prompt: x, tools: [docs], tool_choice: docs}",
         '"docs" is none of the tools of the step [unknown-tool]',
         "write auto or none or required"),
        ("{prompt: x, tools: [few], tool_choice: few.raed}",
         '"few.raed" is none of the tools of the step [unknown-tool]',
         "did you mean few__read?"),
        ("{prompt: x, tools: [find], tool_choice: {type: function, function: {name: fnd}}}",
         '"fnd" is none of the tools of the step [unknown-tool]', "did you mean find?"),
    ],
)  # fmt: skip
def test_a_tool_that_is_not_there_is_told(step: str, message: str, mend: str) -> None:
    text = f"{HEAD}steps:\n  a: {step}"
    assert [each.split(": ", 1)[1] for each in told(text)] == [message]
    assert checked(text).diagnostics[0].mend == mend


def test_a_fault_of_a_tool_is_told_once_and_not_of_those_who_use_it() -> None:
    text = """\
tools: {find: {shel: [find]}, docs: {mcp: {comand: [x]}}, other: 3}
steps:
  a: {prompt: x, tools: [find, docs.search, docs], tool_choice: docs__x}
  b: {call: find, with: {x: 1}}
  c: {value: "{{ b.x }} {{ a.y }}"}
  d: {prompt: x, tools: [other], tool_choice: other}
"""
    assert [each.split(" [")[1] for each in told(text)] == [
        "unknown-key]", "unknown-key]", "wrong-value]",
    ]  # fmt: skip


def test_a_fault_in_the_defaults_tools_is_told_once() -> None:
    text = "defaults: {tools: [x]}\nsteps: {a: {prompt: x}, b: {prompt: x}}"
    assert told(text) == ['1:20: unknown tool "x" [unknown-tool]']
