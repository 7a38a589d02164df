"""What each kind of tool becomes, and what is wrong with its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import inf

import pytest

from flowrun.document.slots import Slot, Tree
from flowrun.document.tool import (
    Argument,
    HttpCall,
    McpServer,
    PythonFunction,
    ShellCommand,
    SubPipeline,
    Tool,
)
from tests.document.checking import checked, plan, told

CITY = "parameters: {type: object, properties: {city: {type: string}, all: {}}}"
EMPTY: dict[str, object] = {"type": "object", "properties": {}}


def tool(spec: str, files: Mapping[str, str] | None = None, head: str = "") -> Tool:
    (found,) = plan(f"{head}\ntools: {{t: {spec}}}\nsteps: {{a: {{value: 1}}}}", files).tools
    return found


def faults(spec: str, files: Mapping[str, str] | None = None) -> list[str]:
    return told(f"tools: {{t: {spec}}}\nsteps: {{a: {{value: 1}}}}", files)


def source(tree: Tree) -> object:
    return tree.template.source if isinstance(tree, Slot) else tree


def test_a_tool_without_an_implementation_is_a_route() -> None:
    found = tool("{description: Gives money back.}")
    assert (found.name, found.path, found.is_route) == ("t", ("tools", "t"), True)
    assert (found.description, found.parameters) == ("Gives money back.", EMPTY)
    assert (found.origin, found.folder, found.returns) == ("p.yaml", "", None)


def test_what_all_kinds_of_tools_may_say() -> None:
    found = tool("{shell: [x], pure: true, timeout: 2m, returns: {type: string}}")
    assert (found.is_pure, found.timeout_s, found.returns) == (True, 120, {"type": "string"})
    found = tool("{shell: [x]}")
    assert (found.is_pure, found.timeout_s, found.parameters) == (False, 60, EMPTY)


def test_schemas_may_be_named() -> None:
    head = "schemas: {city: {type: object, properties: {city: {}}}, reply: {type: integer}}"
    found = tool("{shell: [x, '{{ city }}'], parameters: city, returns: reply}", head=head)
    assert found.parameters == {"type": "object", "properties": {"city": {}}}
    assert found.returns == {"type": "integer"}


def test_parameters_are_of_an_object_said_or_not() -> None:
    found = tool("{shell: [x], parameters: {properties: {n: {}}}}")
    assert found.parameters == {"type": "object", "properties": {"n": {}}}


def test_an_http_tool_is_a_request_with_templates() -> None:
    found = tool(
        "{http: {method: POST, url: 'https://example.org/{{ city }}', query: {q: '{{ city }}'}, "
        "headers: {accept: text/plain}, body: {a: ['{{ all }}']}, bearer: KEY}, " + CITY + "}"
    ).action
    assert isinstance(found, HttpCall)
    assert (found.method, source(found.url)) == ("POST", "https://example.org/{{ city }}")
    assert {name: source(each) for name, each in found.query.items()} == {"q": "{{ city }}"}
    assert (found.headers, found.bearer) == ({"accept": "text/plain"}, "KEY")
    plain = tool("{http: {url: 'http://127.0.0.1:8080'}}").action
    assert plain == HttpCall("GET", "http://127.0.0.1:8080")


@pytest.mark.parametrize(
    "url",
    [
        "https://{{ city }}/x", "https://example.org{{ city }}/", "{{ city }}",
        "{% if city %}https://a.org/{% endif %}", "ftp://example.org/", "//example.org/",
        "https://a\\\\{{ city }}/", "https://example.org:{{ city }}/", "https:///{{ city }}",
    ],
)  # fmt: skip
def test_nobody_who_fills_a_template_chooses_the_host(url: str) -> None:
    (found,) = faults("{http: {url: " + f'"{url}"' + "}, " + CITY + "}")
    assert found == "1:25: the scheme and the host of an address are written out [wrong-value]"


@pytest.mark.parametrize("url", ["https://a.org", "HTTP://a.org?q={{ city }}", "https://[::1]:80/"])
def test_an_address_with_its_host_written_out_is_fine(url: str) -> None:
    assert faults("{http: {url: " + f'"{url}"' + "}, " + CITY + "}") == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://[::1", "https://example.org:99999", "http://a.org:0", "http://:80",
        "http://127.0.0.1%2f", "https://me:secret@example.org",
    ],
)  # fmt: skip
def test_a_host_that_no_request_can_reach_is_told_by_the_check(origin: str) -> None:
    told = f'"{origin}" is no address of a server [wrong-value]'
    assert faults(f"{{http: {{url: '{origin}/{{{{ city }}}}'}}, {CITY}}}") == [f"1:25: {told}"]
    assert faults(f"{{mcp: {{url: '{origin}/mcp'}}}}") == [f"1:24: {told}"]


def test_a_password_in_an_address_is_told_where_a_token_belongs() -> None:
    text = "tools: {t: {http: {url: 'https://me:secret@a.org/'}}}\nsteps: {a: {value: 1}}"
    (found,) = checked(text).diagnostics
    assert found.mend == "write no name or password there; bearer names the variable of a token"


def test_a_shell_tool_is_a_list_of_arguments() -> None:
    found = tool(
        "{shell: [git, log, '-n {{ city }}', {each: '{{ all }}'}, {option: '{{ city }}'}, '5'], "
        + CITY + "}"
    ).action  # fmt: skip
    assert isinstance(found, ShellCommand)
    assert [
        (source(each.tree), each.is_each, each.may_be_option) for each in found.arguments
    ] == [
        ("git", False, False), ("log", False, False), ("-n {{ city }}", False, False),
        ("{{ all }}", True, False), ("{{ city }}", False, True), ("5", False, False),
    ]  # fmt: skip
    assert (found.env, found.stdin) == ((), None)


def test_a_shell_tool_may_be_given_variables_and_input() -> None:
    found = tool(
        "{shell: {command: [wc], env: [LC_ALL], stdin: '{{ city }}'}, " + CITY + "}"
    ).action
    assert isinstance(found, ShellCommand)
    assert found.arguments == (Argument("wc"),)
    assert (found.env, source(found.stdin)) == (("LC_ALL",), "{{ city }}")


def test_an_mcp_server_says_itself_what_its_tools_take() -> None:
    found = tool("{mcp: {command: [server, --stdio], env: [KEY], allow: [search]}}")
    assert found.action == McpServer(("server", "--stdio"), env=("KEY",), allow=("search",))
    assert found.parameters is None
    found = tool("{mcp: {url: 'https://example.org/mcp', bearer: KEY}}")
    assert found.action == McpServer(url="https://example.org/mcp", bearer="KEY")


def test_a_python_tools_parameters_come_from_its_source() -> None:
    found = tool("{python: 'shop.s:find'}", {"shop/s.py": 'def find(q: str): "Finds."'})
    assert found.action == PythonFunction("shop.s", "find", "shop/s.py")
    assert found.description == "Finds."


CHILD = """
description: Looks at a text.
inputs:
  text: {type: string, description: which}
  much: {type: integer, default: 3}
  file: {type: file, default: x.md}
steps: {a: {value: "{{ inputs.text }}"}}
"""


def test_a_pipelines_inputs_are_its_parameters() -> None:
    found = tool("{uses: ./c.yaml}", {"c.yaml": CHILD})
    assert isinstance(found.action, SubPipeline)
    assert found.action.plan.path == "c.yaml"
    assert found.description == "Looks at a text."
    assert found.parameters == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "which"},
            "much": {"type": "integer", "default": 3},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    assert tool("{uses: ./c.yaml, description: Mine.}", {"c.yaml": CHILD}).description == "Mine."


def test_a_pipeline_that_must_have_a_picture_is_no_tool() -> None:
    files = {"c.yaml": "inputs: {p: {type: image}}\nsteps: {a: {value: 1}}"}
    text = "tools: {t: {uses: c.yaml}}\nsteps: {a: {value: 1}}"
    (found,) = checked(text, files).diagnostics
    assert found.message == '"c.yaml" needs the image "p", which no call can give'
    assert (found.code, found.mend) == ("missing-input", "give the input p a default there")


@pytest.mark.parametrize(
    ("spec", "message", "mend"),
    [
        ("{shell: [x, '{{ ciyt }}'], " + CITY + "}",
         '1:28: "ciyt" is none of the parameters of the tool [unknown-parameter]',
         "did you mean city?"),
        ("{shell: [x, '{{ xyzzy }}'], " + CITY + "}",
         '1:28: "xyzzy" is none of the parameters of the tool [unknown-parameter]',
         "it takes city, all"),
        ("{shell: [x, '{{ inputs.x }}']}",
         '1:28: "inputs" is none of the parameters of the tool [unknown-parameter]',
         "declare inputs under parameters"),
        ("{shell: [x], parameters: {type: string}}",
         '1:37: "parameters" are the schema of an object, not of "string" [bad-schema]',
         "write {type: object, properties: {…}}"),
        ("{shell: [x], parameters: none_such}",
         '1:37: "none_such" is no entry of schemas [unknown-schema]',
         'add "none_such" under schemas'),
    ],
)  # fmt: skip
def test_a_faulty_declaration_is_told(spec: str, message: str, mend: str) -> None:
    assert faults(spec) == [message]
    (found,) = checked(f"tools: {{t: {spec}}}\nsteps: {{a: {{value: 1}}}}").diagnostics
    assert found.mend == mend


def test_a_schema_that_says_more_than_names_allows_any_name() -> None:
    assert faults("{shell: [x, '{{ y }}'], parameters: {type: object}}") == []


def test_functions_that_every_template_knows_are_no_parameters() -> None:
    assert faults("{shell: [x, '{{ range(3) | list }}']}") == []


def test_a_name_in_a_file_that_is_brought_in_is_told_where_it_is() -> None:
    assert faults("{shell: [x, \"{% include 'i.md' %}\"]}", {"i.md": "{{ nobody }}"}) == [
        '1:28: "nobody" is none of the parameters of the tool, in a file that is brought in here '
        "[unknown-parameter]"
    ]


@pytest.mark.parametrize(("more", "seconds"), [("", inf), (", timeout: 5m", 300)])
def test_a_pipeline_takes_as_long_as_its_steps_unless_it_has_a_time(
    more: str, seconds: float
) -> None:
    files = {"c.yaml": "steps: {s: {value: 1}}"}
    assert tool(f"{{uses: c.yaml, description: Does it.{more}}}", files).timeout_s == seconds


def test_a_tool_that_nobody_uses_is_no_fault() -> None:
    assert faults("{shell: [x]}") == []


def test_every_field_of_a_tool_is_read() -> None:
    assert {each.name for each in fields(Tool)} == {
        "name", "path", "action", "description", "parameters", "returns", "is_pure", "timeout_s",
        "origin", "folder", "is_partial",
    }  # fmt: skip
