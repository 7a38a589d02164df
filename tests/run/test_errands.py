"""One call of a tool: bounded, checked, masked, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from flowrun.digest import JsonValue
from flowrun.errors import AccessDenied, StepError, ToolError
from flowrun.masking import Masker
from flowrun.run.events import ToolFinished, ToolStarted
from tests.support import virtual_time
from tests.support.running import Models, plan_of
from tests.support.tooling import Bench, Counting, Pipelines, pipeline

SECRET = "sk-0123456789abcdef"


def failed(tool: Counting, masker: Masker | None = None) -> str:
    """Why a call of the tool failed."""
    with pytest.raises(ToolError) as raised:
        Bench(Models(), [tool], masker=masker).call(tool.declared, city="Rome")
    return str(raised.value).removeprefix('the tool "weather" failed: ')


def raising(error: Exception) -> Counting:
    def act(_: Mapping[str, JsonValue]) -> object:
        raise error

    return Counting(act=act)


def test_what_cannot_be_json_is_a_failure() -> None:
    assert failed(Counting(act=lambda _: {1, 2})) == "it gave a set, which JSON has no word for"


def test_an_error_without_words_is_a_failure_too() -> None:
    assert failed(raising(ToolError())) == "it failed"


def test_a_time_out_of_the_tools_own_is_a_failure() -> None:
    assert failed(raising(TimeoutError())) == "it took longer than 60 s"


def test_secrets_are_masked_wherever_they_show() -> None:
    assert failed(raising(ToolError(f"bad key {SECRET}")), Masker([SECRET])) == "bad key ***"
    tool = Counting()
    stage = Bench(Models(), [tool], masker=Masker([SECRET]))
    assert stage.call(tool.declared, city=SECRET).value == "sun in ***"
    assert tool.called == [{"city": SECRET}]
    assert SECRET not in str(stage.events)


def test_what_ends_a_run_is_no_failure_of_a_tool() -> None:
    def act(_: Mapping[str, object]) -> Mapping[str, object]:
        raise AccessDenied("no credit")

    stage = Bench(Models(), pipelines=Pipelines(act))
    with pytest.raises(AccessDenied, match="no credit"):
        stage.call(pipeline("child", plan_of("name: c\nsteps: {a: {value: 1}}")))


def test_a_pipeline_that_fails_may_be_tried_again() -> None:
    fails = [True]

    def act(_: Mapping[str, object]) -> Mapping[str, object]:
        if fails.pop():
            raise StepError('"a" failed')
        return {}

    stage = Bench(Models(), pipelines=Pipelines(act))
    child = pipeline("child", plan_of("name: c\nsteps: {a: {value: 1}}"))
    with pytest.raises(ToolError, match='the tool "child" failed: "a" failed'):
        stage.call(child)
    fails.append(False)
    assert stage.call(child).value == {}


def test_a_call_that_is_dropped_is_begun_and_not_finished() -> None:
    async def act(_: Mapping[str, JsonValue]) -> object:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with asyncio.timeout(5):
            await stage.step(stage.caller(), tool.declared, city="Rome")

    tool = Counting(act=act)
    stage = Bench(Models(), [tool])
    with pytest.raises(TimeoutError):
        virtual_time.run(main())
    assert (len(stage.of(ToolStarted)), len(stage.of(ToolFinished))) == (1, 0)
    with pytest.raises(StepError, match="may have taken effect"):
        stage.call(tool.declared, city="Rome")


def test_what_is_told_takes_a_line() -> None:
    tool = Counting(act=lambda _: "line\n" * 1000)
    stage = Bench(Models(), [tool])
    stage.call(tool.declared, city="Rome\n" * 1000)
    told = [
        *(e.arguments for e in stage.of(ToolStarted)),
        *(e.preview for e in stage.of(ToolFinished)),
    ]
    assert max(map(len, told)) == 80
    assert not any("\n" in each for each in told)
