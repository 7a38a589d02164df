"""Tools made ready for a step: their names, versions, and what cannot be offered."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from flowrun.chat.messages import ToolDefinition
from flowrun.document.task import Ask, Call, Task
from flowrun.document.tool import Tool
from flowrun.errors import StepError
from flowrun.run.offers import Offered, Offers
from tests.support.running import plan_of
from tests.support.tooling import ANY, CITY, Box, Counting, pipeline, route, server

FIND, READ = Counting("find", parameters=ANY), Counting("a.b/c", parameters=ANY)


def box(*tools: Counting) -> Box:
    return Box(tools, {"docs": [FIND, READ]})


def offered(toolbox: Box, *tools: Tool) -> Offered:
    return asyncio.run(Offers(toolbox).of(Ask("m", tools=tools)))


def test_tools_and_routes_are_offered_in_the_files_order() -> None:
    tool = Counting()
    found = offered(box(tool), route("refund"), tool.declared, route("other", CITY))
    assert found.definitions == (
        ToolDefinition("refund", "about refund", ANY),
        ToolDefinition("weather", "about weather", CITY),
        ToolDefinition("other", "about other", CITY),
    )
    assert found.versions == {"weather": "weather/1"}
    assert found.routes == {"refund", "other"}
    assert found.bound["weather"].names == {"weather"}


def test_a_servers_tools_have_names_that_every_provider_takes() -> None:
    found = offered(box(), server("docs"))
    _, odd = (each.name for each in found.definitions)
    assert list(found.bound) == ["docs__find", odd]
    assert re.fullmatch(r"docs__a_b_c_[0-9a-f]+", odd)
    assert found.bound[odd].label == "docs.a.b/c"
    assert found.bound[odd].names == {"docs.a.b/c", "docs", odd}


def test_of_a_server_only_what_is_allowed_is_offered() -> None:
    assert list(offered(box(), server("docs", "find")).bound) == ["docs__find"]
    with pytest.raises(StepError) as raised:
        offered(box(), server("docs", "seek"))
    assert str(raised.value) == '"docs" has no tool "seek"; it has: find, a.b/c'


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(StepError, match='two tools of this step are called "docs__find"'):
        offered(box(), server("docs"), route("docs__find"))


@pytest.mark.parametrize("is_parameters", [True, False])
def test_a_schema_that_is_none_is_refused(is_parameters: bool) -> None:
    faulty = {"type": "objekt"}
    tool = Counting(
        parameters=faulty if is_parameters else ANY, returns=None if is_parameters else faulty
    )
    with pytest.raises(StepError, match='the schema of the tool "weather" is faulty: at /type'):
        offered(box(tool), tool.declared)


def test_a_route_with_a_faulty_schema_is_refused() -> None:
    with pytest.raises(StepError, match='the schema of the tool "refund" is faulty'):
        offered(box(), route("refund", {"type": "objekt"}))


def test_a_tool_is_made_ready_once() -> None:
    toolbox, tool = box(FIND), FIND
    offers = Offers(toolbox)
    ask = Ask("m", tools=(tool.declared,))

    async def main() -> None:
        assert await offers.of(ask) is await offers.of(ask)
        assert (await offers.one(tool.declared, "")).label == "find"

    asyncio.run(main())
    assert toolbox.asked_for == ["find"]


CHILD = """
name: child
inputs:
  city: {type: string, description: which}
  most: {type: integer, default: 3}
  shot: {type: image, default: a.png}
steps: {a: {value: "{{ inputs.city }}"}}
"""


def test_a_pipeline_takes_its_inputs() -> None:
    (definition,) = offered(box(), pipeline("child", plan_of(CHILD))).definitions
    assert set(definition.parameters) == {"type", "properties", "required", "additionalProperties"}
    assert definition.parameters["required"] == ["city"]
    properties = definition.parameters["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["city", "most"]


def test_a_pipeline_that_says_something_else_is_another_version() -> None:
    def version(text: str) -> str:
        return offered(box(), pipeline("child", plan_of(text))).versions["child"]

    assert version(CHILD) == version(f"# a comment\n{CHILD}")
    assert version(CHILD) != version(CHILD.replace('"{{', '"x {{'))


def test_a_pipeline_is_another_version_with_another_tool_inside() -> None:
    def version(number: str) -> str:
        inner = Counting(version=number)
        task = Task("a", (), call=Call(inner.declared, "", {}))
        plan = replace(plan_of(CHILD), tasks=(task,))
        return offered(box(inner), pipeline("child", plan)).versions["child"]

    assert version("1") == version("1") != version("2")
