"""A run that is ended before its end: gently, at once, or by denied access."""

from __future__ import annotations

import asyncio

import pytest

from flowrun.errors import AccessDenied
from flowrun.providers.fake import Held
from flowrun.run.events import Event, StepFinished, StepStarted
from flowrun.run.execution import Execution
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, said, until

DIAMOND = """
steps:
  top:    {prompt: "top"}
  left:   {prompt: "left of {{ top }}"}
  right:  {prompt: "right of {{ top }}"}
  bottom: {prompt: "{{ left }} and {{ right }}"}
"""


async def interrupted(how: str) -> Run:
    """A run of two calls and what follows, ended while both calls are under way."""
    gate = asyncio.Event()
    models = Models(lambda request: Held(gate, said(request)))
    executions: list[Execution] = []
    stage = Stage(models=models, concurrency=2, on_start=executions.append)
    plan = plan_of("""
    steps:
      one:   {prompt: one}
      wide:  {foreach: "[1, 2, 3]", prompt: "{{ item }}"}
      after: {prompt: "{{ one }}"}
      last:  {value: "{{ after }}"}
      total: {value: "{{ wide }}"}
    """)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stage.go(plan, {}))
        await until(lambda: models.fake.in_flight == 2)
        execution = executions[0]
        assert execution.under_way == 2
        execution.stop()
        execution.stop()
        if how == "stop":
            gate.set()
        else:
            execution.abort()
    return running.result()


def test_stop_lets_calls_under_way_finish_and_starts_no_more() -> None:
    found = virtual_time.run(interrupted("stop"))
    assert len(found.prompts) == 2
    assert found.statuses == {
        "one": "done",
        "wide": "cancelled",
        "after": "cancelled",
        "last": "cancelled",
        "total": "cancelled",
    }
    assert {found.reason(step) for step in ("wide", "after", "last", "total")} == {
        "the run was stopped"
    }
    assert found.items("wide") == [(0, "done", "")]
    assert found.result.status == "interrupted"


def test_abort_drops_calls_under_way() -> None:
    found = virtual_time.run(interrupted("abort"))
    assert set(found.statuses.values()) == {"cancelled"}
    assert {each.reason for each in found.result.steps.values()} == {"the run was stopped"}
    assert found.items("wide") == [(0, "cancelled", "the run was stopped")]
    assert found.result.status == "interrupted"


def test_a_call_that_is_dropped_before_its_first_turn_is_cancelled() -> None:
    async def main() -> Run:
        executions: list[Execution] = []
        stage = Stage(on_start=executions.append)
        plan = plan_of("steps: {call: {prompt: hi}, after: {prompt: '{{ call }}'}, a: {value: 1}}")

        def drop(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step == "a":
                executions[0].abort()

        stage.listener = drop
        return await stage.go(plan, {})

    found = virtual_time.run(main())
    assert found.prompts == []
    assert found.statuses == {"call": "cancelled", "after": "cancelled", "a": "done"}


def test_a_run_stopped_before_it_began_asks_nothing() -> None:
    stage = Stage(on_start=lambda execution: execution.stop())
    found = stage.run(DIAMOND)
    assert found.prompts == []
    assert found.result.status == "interrupted"


def test_a_cancelled_run_is_cancelled() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        models = Models(lambda request: Held(gate, said(request)))
        running = asyncio.ensure_future(Stage(models=models).go(plan_of(DIAMOND), {}))
        await until(lambda: models.fake.in_flight == 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    virtual_time.run(main())


def test_denied_access_stops_the_run_after_as_many_requests_as_are_in_flight() -> None:
    stage = Stage(models=Models([AccessDenied("no credit")]), concurrency=4)
    found = stage.run("""
    steps:
      wide:  {foreach: "range(100) | list", prompt: "{{ item }}"}
      other: {prompt: other}
      after: {prompt: "{{ other }}"}
      value: {value: 1, needs: [wide]}
    """)
    assert len(found.prompts) <= 4
    assert found.status("wide") == "failed"
    assert "no credit" in found.reason("wide")
    assert found.result.status == "failed"


def test_denied_access_to_the_first_of_many_ends_the_step_once() -> None:
    stage = Stage(models=Models([AccessDenied("no credit")]), concurrency=1)
    found = stage.run("steps: {a: {foreach: '[1, 2]', prompt: '{{ item }}'}, b: {prompt: b}}")
    assert found.reason("a") == (
        "1 of 2 items failed; item 1: no credit "
        '(1 were not started: the run was stopped when "a" failed)'
    )
    assert found.reason("b") == 'the run was stopped when "a" failed'
    assert [each.step for each in found.of(StepFinished) if each.item is None] == ["b", "a"]


def test_denied_access_stops_samples_too() -> None:
    stage = Stage(models=Models([AccessDenied("no credit")]), concurrency=4)
    found = stage.run("steps: {a: {prompt: hi, samples: 50}}")
    assert len(found.prompts) == 1
    assert found.reason("a") == "no credit"
