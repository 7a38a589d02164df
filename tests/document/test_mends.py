"""How values of the wrong kind are mended."""

from __future__ import annotations

import pytest

from tests.document.forming import faults, whole

DECLARED = "declare it under tools at the top of the file, and write its name here"


@pytest.mark.parametrize(
    ("tools", "mend"),
    [
        ("t: null", "write {description: …}, which makes it a route, or add what it does"),
        ('t: "shop.search:find"', 'write {python: "shop.search:find"}'),
        (
            "t: {shell: git log -n 5 true}",
            'write [git, log, "-n", "5", "true"]; no shell parses it',
        ),
        ("t: {shell: 'ls | wc'}", "write [PROGRAM, ARGUMENT, …]; no shell parses it"),
        ("t: {shell: {command: git log}}", "write [git, log]; no shell parses it"),
        ("t: {mcp: {command: docs}}", "write [docs]; no shell parses it"),
        ("t: {uses: {file: ./a.yaml}}", "write ./a.yaml"),
        ("t: {http: 'https://example.org/{{ a }}'}", ""),
        ("t: {http: 'https://example.org/'}", 'write {url: "https://example.org/"}'),
        ("t: {mcp: 'http://127.0.0.1:80/mcp'}", 'write {url: "http://127.0.0.1:80/mcp"}'),
        ("t: {mcp: docs-server --all}", 'write {command: [docs-server, "--all"]}'),
        ("t: {mcp: [docs-server]}", "write {command: [PROGRAM, …]}"),
        ("t: {mcp: 'a; b'}", "write {command: [PROGRAM, …]}"),
        ("t: {shell: [git, 5]}", "write it in quotes"),
        ("t: {shell: {command: [git, 1.10]}}", "write it in quotes"),
        ("t: {http: {url: 'http://x', headers: {a: true}}}", "write it in quotes"),
        ("t: {python: shop.search.find}", 'write "shop.search:find"'),
        ("t: {python: ./shop/search.py:find}", 'write "shop.search:find"'),
        ("t: {python: 'shop.search:find()'}", 'write "shop.search:find"'),
        ("t: {python: find}", ""),
        ("t: {shell: {command: [a], env: [$HOME]}}", "write HOME"),
        ("t: {shell: {command: [a], env: ['${A_B}']}}", "write A_B"),
        ("t: {shell: {command: [a], env: ['A=b']}}", ""),
        ("t: {http: {url: 'http://x', method: post}}", "did you mean POST?"),
    ],
)
def test_a_declaration_is_mended(tools: str, mend: str) -> None:
    (found,) = faults(whole(tools))
    assert (found.code, found.mend) == ("wrong-value", mend)


@pytest.mark.parametrize(
    ("step", "mend"),
    [
        ("{prompt: x, tools: search}", "write [search]"),
        ("{prompt: x, tools: {search: {}}}", DECLARED),
        ("{prompt: x, tools: [{type: function}]}", DECLARED),
        (
            "{prompt: x, tools: [a], tool_choice: {type: function, function: a}}",
            "write {name: a}",
        ),
        ("{prompt: x, tools: [a], tool_choice: [a]}", "write one name"),
        ("{uses: {file: ./a.yaml}}", "write ./a.yaml"),
        ("{value: 1, repeat: 3}", "write {until: EXPRESSION, max: 3}"),
        ("{value: 1, repeat: s > 3}", "write {until: EXPRESSION, max: 10}"),
        ("{value: 1, repeat: true}", ""),
        ("{value: 1, repeat: [3]}", ""),
        ("{prompt: x, budget: 3}", "write {usd: 3}"),
        ("{prompt: x, budget: 0.5 USD}", "write {usd: 0.5}"),
        ("{prompt: x, budget: much}", "write {usd: 0.10}"),
        ("{prompt: x, budget: [3]}", ""),
    ],
)
def test_a_use_is_mended_at_any_depth(step: str, mend: str) -> None:
    (found,) = faults(whole(step=step))
    assert (found.code, found.mend) == ("wrong-value", mend)
    (found,) = faults(whole(step=f"{{steps: {{t: {step}}}}}"))
    assert (found.code, found.mend) == ("wrong-value", mend)


@pytest.mark.parametrize(
    ("more", "mend"),
    [
        ("defaults: {tools: a}", "write [a]"),
        ("defaults: {tools: {a: {}}}", DECLARED),
        ("defaults: {tools: [{a: {}}]}", DECLARED),
        (
            "defaults: {tools: [a], tool_choice: {type: function, function: a}}",
            "write {name: a}",
        ),
    ],
)
def test_so_it_is_in_the_defaults(more: str, mend: str) -> None:
    (found,) = faults(whole(more=more))
    assert found.mend == mend


def test_tools_are_declared_by_name() -> None:
    (found,) = faults("tools: [{name: search}]\nsteps: {s: {value: 1}}")
    assert found.message == '"tools" must be a mapping, not a list'
    assert found.mend == "write the tools as a mapping of their names"


def test_what_stands_in_place_of_a_variables_name_is_not_shown() -> None:
    (found,) = faults(whole("t: {http: {url: 'http://x', bearer: sk-live-12345}}"))
    assert found.message == '"bearer" must be the name of an environment variable'
    assert found.why == "what is secret stands in the environment only"
    assert "12345" not in str(found)
