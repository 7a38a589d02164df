"""`call` steps: a tool called without a model, once where it matters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from flowrun.digest import JsonValue
from flowrun.document import templates
from flowrun.document.slots import Slot
from flowrun.errors import StepError, StoreError, ToolError
from flowrun.run.calls import Called
from flowrun.run.events import ToolFinished, ToolStarted
from flowrun.store.base import Policy
from flowrun.store.memory import MemoryStore
from tests.support import virtual_time
from tests.support.running import Models, picture, plan_of
from tests.support.tooling import ANY, Bench, Counting, Dying, pipeline, server


def slot(source: str) -> Slot:
    return Slot((), templates.parse(source))


def one(tool: Counting | None = None) -> tuple[Bench, Counting]:
    tool = tool or Counting()
    return Bench(Models(), [tool]), tool


def test_the_tool_gives_the_value() -> None:
    stage, tool = one()
    assert stage.call(tool.declared, city="Rome") == Called("sun in Rome", is_kept=False)
    assert [(e.step, e.tool, e.arguments) for e in stage.of(ToolStarted)] == [
        ("a", "weather", '{"city": "Rome"}')
    ]
    assert [(e.is_error, e.preview) for e in stage.of(ToolFinished)] == [(False, "sun in Rome")]


def test_arguments_are_templates() -> None:
    stage, tool = one(Counting(act=lambda arguments: dict(arguments), parameters=ANY))
    found = stage.call(tool.declared, n=slot("{{ [1, 2] }}"), deep={"t": slot("a{{ 1 }}")})
    assert found.value == {"n": [1, 2], "deep": {"t": "a1"}}
    assert stage.call(tool.declared, arguments=slot("{{ {'x': 1} }}")).value == {"x": 1}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"town": "Rome"}, 'the arguments of "weather" do not fit: '),
        (slot("{{ [1] }}"), '`with` must give an object for the tool "weather"'),
        ({"city": slot("{{ nothing }}")}, '"nothing" is undefined'),
    ],
)
def test_arguments_that_do_not_fit_run_nothing(arguments: object, problem: str) -> None:
    stage, tool = one()
    with pytest.raises(StepError) as raised:
        stage.call(tool.declared, arguments=arguments)
    assert problem.strip('"').split('"')[0] in str(raised.value)
    assert tool.called == []


def test_a_picture_is_no_argument() -> None:
    stage, tool = one(Counting(parameters=ANY))
    seen = Slot((), templates.parse_expression("inputs.shot"))

    async def main() -> None:
        from dataclasses import replace

        from flowrun.document.task import Call, Task
        from flowrun.run.ask import Spent
        from flowrun.run.job import Job

        task = Task("a", (), call=Call(tool.declared, "", {"shot": seen}))
        job = Job(task, None, {"inputs": {"shot": picture("a")}, "run": {}})
        await stage.caller().step(replace(job), Spent())

    with pytest.raises(StepError, match='"with of weather" must be plain data, not Image'):
        virtual_time.run(main())


def test_a_failure_is_the_steps_own() -> None:
    def act(_: Mapping[str, JsonValue]) -> object:
        raise ToolError("no such city")

    stage, tool = one(Counting(act=act))
    for _ in range(2):
        with pytest.raises(ToolError) as raised:
            stage.call(tool.declared, city="Rome")
        assert str(raised.value) == 'the tool "weather" failed: no such city'
    assert len(tool.called) == 2


def test_it_is_called_once_for_a_run_and_again_for_the_next() -> None:
    stage, tool = one()
    assert [stage.call(tool.declared, city="Rome").is_kept for _ in range(2)] == [False, True]
    stage.token = "next"
    assert stage.call(tool.declared, city="Rome").is_kept is False
    assert len(tool.called) == 2


def test_each_item_and_other_arguments_are_calls_of_their_own() -> None:
    stage, tool = one()
    for item, city in ((0, "Rome"), (1, "Rome"), (1, "Oslo")):
        assert not stage.call(tool.declared, item=item, city=city).is_kept
    assert len(tool.called) == 3


def test_a_pure_result_is_used_in_any_run() -> None:
    stage, tool = one(Counting(is_pure=True))
    stage.call(tool.declared, item=0, city="Rome")
    stage.token = "next"
    assert stage.call(tool.declared, item=5, city="Rome") == Called("sun in Rome", is_kept=True)


def test_equal_pure_calls_at_one_time_are_made_once() -> None:
    async def act(_: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(1)
        return "sun"

    async def main() -> None:
        caller = stage.caller()
        async with asyncio.TaskGroup() as group:
            for item in range(20):
                group.create_task(stage.step(caller, tool.declared, item=item, city="Rome"))

    stage, tool = one(Counting(act=act, is_pure=True))
    virtual_time.run(main())
    assert len(tool.called) == 1
    assert sum(each.is_kept for each in stage.of(ToolFinished)) == 19


def test_without_a_cache_it_is_called_each_time() -> None:
    stage, tool = one(Counting(is_pure=True))
    store = stage.store = MemoryStore()
    stage.policy = Policy.OFF
    assert not any(stage.call(tool.declared, city="Rome").is_kept for _ in range(2))
    assert store._answers == {}


@pytest.mark.parametrize(("at", "is_unknown"), [(1, True), (2, False)])
def test_killed_in_the_middle_it_is_not_called_unasked(at: int, is_unknown: bool) -> None:
    stage, tool = one()
    store = stage.store
    stage.store = Dying(store, at, is_written=True)
    with pytest.raises(StoreError):
        stage.call(tool.declared, city="Rome")
    stage.store = store
    if is_unknown:
        with pytest.raises(StepError, match="may have taken effect"):
            stage.call(tool.declared, city="Rome")
        stage.redo = frozenset({"weather"})
    assert stage.call(tool.declared, city="Rome").value == "sun in Rome"
    assert len(tool.called) == 1


def test_a_call_given_up_may_have_taken_effect() -> None:
    async def act(_: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(100)
        return "late"

    stage, tool = one(Counting(act=act, timeout_s=1))
    with pytest.raises(ToolError, match='the tool "weather" failed: it took longer than 1 s'):
        stage.call(tool.declared, city="Rome")
    with pytest.raises(StepError, match="may have taken effect"):
        stage.call(tool.declared, city="Rome")
    stage.tools = [Counting(timeout_s=1)]
    stage.redo = frozenset({"weather"})
    assert stage.call(tool.declared, city="Rome").value == "sun in Rome"


def test_pictures_come_back_from_the_store() -> None:
    stage, tool = one(Counting(act=lambda _: [picture("a")]))
    values = [stage.call(tool.declared, city="Rome").value for _ in range(2)]
    assert values == [[picture("a")]] * 2


def test_one_of_a_servers_tools_is_called_by_its_member() -> None:
    find = Counting("find", lambda _: "found", parameters=ANY)
    stage = Bench(Models(), servers={"docs": [find]})
    assert stage.call(server("docs"), "find").value == "found"
    assert [each.tool for each in stage.of(ToolStarted)] == ["docs.find"]
    with pytest.raises(StepError, match='"docs" has no tool "fnd"; did you mean find'):
        stage.call(server("docs"), "fnd")


def test_a_pipeline_may_be_called() -> None:
    plan = plan_of("name: child\ninputs: {city: {type: string}}\nsteps: {a: {value: 1}}")
    stage = Bench(Models())
    assert stage.call(pipeline("child", plan), item=3, city="Rome").value == {"city": "Rome"}
    ((_, job, name),) = stage.pipelines.runs
    assert (job.item, job.within, name) == (3, (), "child")
    with pytest.raises(StepError, match='the arguments of "child" do not fit'):
        stage.call(pipeline("child", plan))
