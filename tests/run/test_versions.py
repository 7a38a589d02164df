"""The version of a pipeline that is used as a tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.api import load
from flowrun.document.plan import Plan
from flowrun.document.task import Ask, Block, Call, Input, Task, Uses
from flowrun.document.tool import Tool
from flowrun.run.versions import plan_version, tools_of
from tests.support.running import picture, plan_of
from tests.support.tooling import Counting, pipeline, route

TEXT = """
name: child
inputs: {city: {type: string}}
steps:
  a: {prompt: "say {% include 'part.md' %}", temperature: 0}
  b: {foreach: "[1, 2]", value: {x: "{{ item }}"}}
outputs: {all: "{{ b }}"}
"""


def version(text: str = TEXT, part: str = "{{ inputs.city }}") -> str:
    return plan_version(plan_of(text, {"part.md": part}), {})


def test_equal_pipelines_have_one_version() -> None:
    assert version() == version(f"\n# said in passing\n{TEXT}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("say", "tell"),
        ("temperature: 0", "temperature: 1"),
        ("[1, 2]", "[1, 3]"),
        ("{{ item }}", "{{ item + 1 }}"),
        ("{{ b }}", "{{ a }}"),
        ("type: string", "type: integer"),
    ],
)
def test_what_a_pipeline_says_is_in_its_version(before: str, after: str) -> None:
    assert version() != version(TEXT.replace(before, after))


def test_files_and_tools_are_in_it() -> None:
    assert version() != version(part="{{ inputs.city }}!")
    plan = plan_of("name: c\nsteps: {a: {value: 1}}")
    assert plan_version(plan, {"x": "1"}) != plan_version(plan, {"x": "2"})


def test_pictures_are_in_it_by_their_digest() -> None:
    def of(seed: str) -> str:
        plan = plan_of("name: c\nsteps: {a: {value: 1}}")
        given = Input("shot", "image", {}, False, picture(seed))
        return plan_version(replace(plan, inputs=(given,)), {})

    assert of("a") == of("a") != of("b")


def test_every_tool_that_may_be_run_is_found() -> None:
    def tool(name: str) -> Tool:
        return Counting(name).declared

    def plan(*tasks: Task) -> Plan:
        return replace(plan_of("name: c\nsteps: {a: {value: 1}}"), tasks=tasks)

    inner = Task("i", (), call=Call(tool("called"), "", {}))
    used = plan(Task("u", (), ask=Ask("m", tools=(tool("used"), route("refund")))))
    child = plan(Task("c", (), call=Call(tool("deep"), "", {})))
    whole = plan(
        Task("a", (), ask=Ask("m", tools=(tool("asked"), pipeline("child", child)))),
        Task("b", (), block=Block((inner,), {})),
        Task("c", (), uses=Uses(used, {})),
        Task("d", (), value=1),
    )
    assert [each.name for each in tools_of(whole)] == ["asked", "deep", "called", "used"]


@pytest.mark.parametrize("path", sorted(Path("pipelines").glob("*.yaml")), ids=str)
def test_every_real_pipeline_has_a_version(path: Path) -> None:
    assert len(plan_version(load(path).plan, {})) == 64


def test_what_a_plan_cannot_hold_is_found_out() -> None:
    plan = plan_of("name: c\nsteps: {a: {value: 1}}")
    with pytest.raises(TypeError, match="a plan cannot hold a set"):
        plan_version(replace(plan, name={1}), {})  # type: ignore[arg-type]
