"""What each kind of tool is made of."""

from __future__ import annotations

import pytest

from tests.document.forming import faults, formed, left, whole

ROUTE = "has no effect: a tool without an implementation is a route, never run"


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        (
            '{python: "a:b", http: {url: "http://x"}}',
            '"http" cannot stand beside python: a tool has one implementation',
        ),
        (
            "{shell: [a], uses: ./a.yaml}",
            '"uses" cannot stand beside shell: a tool has one implementation',
        ),
        (
            "{uses: ./a.yaml, parameters: {}}",
            '"parameters" has no meaning beside uses: the other file\'s inputs are its parameters',
        ),
        (
            "{uses: ./a.yaml, returns: {}}",
            '"returns" has no meaning beside uses: the other file\'s outputs are what it gives',
        ),
        (
            "{mcp: {command: [a]}, parameters: {}}",
            '"parameters" has no meaning beside mcp: the server says what its tools take',
        ),
        (
            "{mcp: {command: [a]}, returns: {}}",
            '"returns" has no meaning beside mcp: the server says what its tools give',
        ),
        ("{pure: true}", f'"pure" {ROUTE}'),
        ("{timeout: 3s}", f'"timeout" {ROUTE}'),
        ("{returns: {}}", f'"returns" {ROUTE}'),
        (
            '{http: {url: "http://x", body: 1}}',
            '"body" cannot stand beside the method GET',
        ),
        (
            '{http: {url: "http://x", method: HEAD, body: 1}}',
            '"body" cannot stand beside the method HEAD',
        ),
        (
            '{http: {url: "http://x", bearer: KEY, headers: {AUTHORIZATION: x}}}',
            '"AUTHORIZATION" cannot stand beside bearer',
        ),
        (
            "{shell: [a, {each: '{{ a }}', option: x}]}",
            '"option" cannot stand beside each',
        ),
        (
            "{mcp: {command: [a], url: 'http://x'}}",
            '"url" cannot stand beside command: a server is one of them',
        ),
        ("{mcp: {command: [a], bearer: A}}", '"bearer" has no effect without url'),
        ("{mcp: {url: 'http://x', env: [A]}}", '"env" has no effect without command'),
    ],
)
def test_keys_of_a_tool_that_do_not_go_together(tool: str, message: str) -> None:
    text = whole(f"t: {tool}")
    (found,) = faults(text)
    assert (found.message, found.code) == (message, "wrong-combination")
    assert text[found.mark.column - 1 :].startswith(message.split('"')[1])


@pytest.mark.parametrize(
    ("tool", "head"),
    [
        (
            "{mcp: {allow: [a]}}",
            '1:13: "mcp" has neither command nor url [missing-key]',
        ),
        (
            "{shell: ['{{ a }}', b]}",
            "1:21: the program must be plain text, and no template [wrong-value]",
        ),
        (
            "{shell: {command: [{each: '{{ a }}'}]}}",
            "1:31: the program must be plain text, and no template [wrong-value]",
        ),
        ("{shell: ['']}", "1:21: the program must not be empty [wrong-value]"),
        (
            "{shell: [a, {}]}",
            "1:24: entry 2 of the command has neither each nor option [wrong-value]",
        ),
    ],
)
def test_what_a_tool_lacks(tool: str, head: str) -> None:
    assert formed(whole(f"t: {tool}")) == [head]


@pytest.mark.parametrize(
    ("tool", "mend"),
    [
        ("{pure: true}", "add one of python, http, shell, mcp, uses, or leave it out"),
        ('{http: {url: "http://x", body: 1}}', "add method: POST"),
        ('{http: {url: "http://x", method: GET, body: 1}}', "leave it out"),
        ("{mcp: {command: [a], bearer: A}}", "pass it under env"),
        ("{mcp: {}}", "add command: [PROGRAM, …], or the server's url"),
        ("{shell: ['{{ a }}']}", "write the program's name first"),
        ("{shell: [a, {}]}", "write text, {each: …} or {option: …}"),
    ],
)
def test_each_has_its_mend(tool: str, mend: str) -> None:
    (found,) = faults(whole(f"t: {tool}"))
    assert found.mend == mend


@pytest.mark.parametrize(
    ("tool", "unknown"),
    [
        ("{pyhton: 'a:b', pure: true}", "pyhton"),
        ("{mcp: {comand: [a]}}", "comand"),
        ("{shell: [a, {eech: '{{ a }}'}]}", "eech"),
    ],
)
def test_what_is_there_misspelt_is_not_said_to_be_missing(tool: str, unknown: str) -> None:
    (found,) = faults(whole(f"t: {tool}"))
    assert (found.code, found.message) == ("unknown-key", f'unknown key "{unknown}"')


def test_a_tools_name_is_no_longer_than_providers_take() -> None:
    name = "a" * 65
    assert formed(whole(f"{name}: {{}}")) == [
        "1:9: the name of a tool has 64 characters at most, not 65 [bad-name]"
    ]
    assert formed(whole(f"{'a' * 64}: {{}}")) == []


@pytest.mark.parametrize(
    "tool",
    [
        "{}",
        "{description: d, parameters: {type: object}}",
        "{python: 'a.b:c', pure: true, timeout: 5s, parameters: p, returns: {type: string}}",
        "{http: {url: 'http://x/{{ a }}', method: POST, body: {a: 1}, bearer: A, headers: {B: c}}}",
        "{http: {url: 'http://x', headers: {Authorization: c}}}",
        "{shell: [git, log, {each: '{{ a }}'}, {option: '{{ b }}'}, '-n{{ c }}']}",
        "{shell: {command: [cat], env: [A], stdin: '{{ a }}'}}",
        "{mcp: {command: [a, b], env: [A], allow: [x, y]}, pure: true, timeout: 5s}",
        "{mcp: {url: 'https://x', bearer: A}, description: d}",
        "{uses: ./a.yaml, description: d, pure: true}",
    ],
)
def test_a_sound_tool_has_no_words_said_about_it(tool: str) -> None:
    assert formed(whole(f"t: {tool}")) == []


@pytest.mark.parametrize(
    "tools",
    ["t: 3", "t: {http: 3}", "t: {shell: {command: 3}}", "t: {shell: [3]}", "t: {mcp: x}"],
)
def test_what_is_of_the_wrong_kind_is_told_once(tools: str) -> None:
    assert [each.code for each in faults(whole(tools))] == ["wrong-value"]


def test_a_fault_of_a_tool_costs_one_key_of_it() -> None:
    tools = "t: {description: d, http: {url: 'http://x', body: 1}}, u: {pure: true}, v: 3"
    assert left(whole(tools))["tools"] == {"t": {"description": "d"}, "u": {}}
