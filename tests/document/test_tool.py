"""Declared tools: which run code, which are routes, and where their templates stand."""

from __future__ import annotations

import pytest

from flowrun.document.tool import Action, Tool
from tests.document.checking import plan

FILE = """
tools:
  function: {python: "shop:find"}
  get:
    http: {url: "https://example.org/{{ city }}", query: {q: "{{ city }}"}}
    parameters: CITY
  put:
    http:
      {method: POST, url: "https://e.org/", headers: {x: "{{ city }}"}, body: "{{ city }}"}
    parameters: CITY
  log: {shell: {command: [git, log, "{{ city }}"], stdin: "{{ city }}"}, parameters: CITY}
  local: {mcp: {command: [server]}}
  remote: {mcp: {url: "https://example.org/mcp"}}
  route: {description: ends the step}
steps: {a: {value: 1}}
""".replace("CITY", "{type: object, properties: {city: {type: string}}}")


def tool(name: str) -> Tool:
    return next(each for each in plan(FILE).tools if each.name == name)


@pytest.mark.parametrize("name", ["function", "log", "local"])
def test_what_runs_a_function_or_a_program_runs_code(name: str) -> None:
    assert tool(name).runs_code


@pytest.mark.parametrize("name", ["get", "remote", "route"])
def test_what_only_asks_others_runs_no_code(name: str) -> None:
    assert not tool(name).runs_code


def test_a_tool_that_does_nothing_is_a_route() -> None:
    assert tool("route").is_route
    assert not tool("get").is_route


@pytest.mark.parametrize(("name", "count"), [("get", 2), ("put", 2), ("log", 2), ("function", 0)])
def test_templates_stand_in_requests_and_commands(name: str, count: int) -> None:
    found = list(tool(name).slots())
    assert [each.template.names for each in found] == [("city",)] * count


def test_an_action_is_one_of_a_closed_set() -> None:
    kinds = {type(each.action) for each in plan(FILE).tools if each.action is not None}
    assert kinds <= set(Action.__args__)
