"""Runs and steps that are ended while steps inside others are under way."""

from __future__ import annotations

import asyncio

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import Event, StepFinished, StepStarted
from flowrun.run.execution import Execution
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, said, until

NEVER = asyncio.Event
SOURCE = """
steps:
  items:
    foreach: "range(4) | list"
    steps:
      one: {prompt: "one {{ item }}"}
      two: {prompt: "two {{ one }}"}
      three: {value: "{{ two }}"}
  again: {prompt: "round {{ round }}", repeat: {until: false, max: 5}}
  deep: {steps: {deeper: {steps: {one: {prompt: deep}, two: {prompt: "{{ one }}"}}}}}
  after: {value: "{{ items }}"}
"""


async def interrupted(how: str, *, concurrency: int = 4) -> Run:
    """A run ended while so many calls are under way."""
    gate = asyncio.Event()
    models = Models(lambda request: Held(gate, said(request)))
    executions: list[Execution] = []
    stage = Stage(models=models, concurrency=concurrency, on_start=executions.append)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stage.go(plan_of(SOURCE), {}))
        await until(lambda: models.fake.in_flight == concurrency)
        execution = executions[0]
        assert execution.under_way == concurrency
        if how == "abort":
            execution.abort()
        else:
            execution.stop()
            gate.set()
    return running.result()


@pytest.mark.parametrize("how", ["stop", "abort"])
@pytest.mark.parametrize("concurrency", [1, 2, 4, 5, 6])
def test_everything_is_settled_when_a_run_is_ended(how: str, concurrency: int) -> None:
    found = virtual_time.run(interrupted(how, concurrency=concurrency))
    assert found.result.status == "interrupted"
    assert found.statuses == dict.fromkeys(("items", "again", "deep", "after"), "cancelled")
    assert len(found.prompts) == concurrency
    begun = {(e.step, e.item, e.within) for e in found.of(StepStarted)}
    ended = {(e.step, e.item, e.within) for e in found.of(StepFinished)}
    assert begun <= ended


def test_stop_lets_calls_inside_finish() -> None:
    found = virtual_time.run(interrupted("stop"))
    statuses = {(e.step, e.within): e.status for e in found.of(StepFinished)}
    assert statuses["items.one", (0,)] == "done"
    assert statuses["items.two", (0,)] == statuses["items.three", (0,)] == "cancelled"
    reasons = {each.reason for each in found.result.steps.values()}
    assert reasons == {"the run was stopped"}


def test_abort_drops_calls_inside() -> None:
    found = virtual_time.run(interrupted("abort", concurrency=6))
    statuses = {(e.step, e.within): e.status for e in found.of(StepFinished)}
    assert set(statuses.values()) == {"cancelled"}
    assert len(found.of(StepFinished)) == len(statuses) + 4


def test_calls_inside_that_never_had_a_turn_are_dropped() -> None:
    executions: list[Execution] = []
    stage = Stage(on_start=executions.append)

    def drop(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "v":
            executions[0].abort()

    stage.listener = drop
    found = stage.run("""
    steps:
      a: {foreach: "[1, 2]", steps: {b: {prompt: "{{ item }}"}}}
      v: {value: 1}
    """)
    assert (found.prompts, found.status("a")) == ([], "cancelled")


# Time limits


def slow(request: ChatRequest) -> Answer:
    text = said(request)
    return Held(NEVER(), text) if text.startswith("slow") else text


def timed(source: str, concurrency: int = 16) -> Run:
    return Stage(models=Models(slow), concurrency=concurrency).run(source)


def test_the_timeout_of_a_block_bounds_all_its_steps() -> None:
    found = timed("""
    steps:
      a:
        timeout: 90s
        steps:
          quick: {prompt: quick}
          slow: {prompt: "slow {{ quick }}"}
          after: {prompt: "{{ slow }}"}
          items: {foreach: "[1, 2]", steps: {one: {prompt: slow}}}
      b: {prompt: b}
    """)
    assert found.statuses == {"a": "failed", "b": "done"}
    assert found.reason("a") == "took longer than 90 s"
    inner = {each.step: (each.status, each.reason) for each in found.of(StepFinished)}
    given_up = ("cancelled", 'step "a" took longer than 90 s')
    assert inner["a.quick"] == ("done", "")
    assert inner["a.slow"] == inner["a.after"] == inner["a.items"] == given_up


def test_a_timeout_gives_up_what_waits_for_a_place_as_well() -> None:
    found = timed(
        """
        steps:
          a: {timeout: 5s, on_error: ignore, steps: {b: {prompt: slow}, c: {prompt: c}}}
          d: {value: "{{ a is none }}"}
        """,
        concurrency=1,
    )
    assert found.statuses == {"a": "ignored", "d": "done"}
    assert found.value("d") is True
    assert found.prompts == ["slow"]


def test_what_waits_for_others_outside_is_given_up_in_time() -> None:
    async def main() -> Run:
        gate = asyncio.Event()

        def script(request: ChatRequest) -> Answer:
            return Held(gate, said(request))

        stage = Stage(models=Models(script), concurrency=1)
        plan = plan_of("""
        steps:
          a: {timeout: 5s, steps: {v: {value: 1}, b: {prompt: b, needs: [v]}}, on_error: ignore}
          long: {prompt: long}
          d: {value: "{{ a is none }}"}
        """)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: any(e.step == "d" for e in stage.events
                                    if isinstance(e, StepFinished)))  # fmt: skip
            gate.set()
        return running.result()

    found = virtual_time.run(main())
    assert found.statuses == {"long": "done", "a": "ignored", "d": "done"}


def test_each_item_has_the_time_of_its_own() -> None:
    found = timed("""
    steps:
      a:
        foreach: "['quick', 'slow']"
        timeout: 5s
        on_error: ignore
        steps: {b: {prompt: "{{ item }}"}}
        output: "{{ b }}"
    """)
    assert found.value("a") == ["quick", None]
    assert "item 2: took longer than 5 s" in found.reason("a")


def test_the_timeout_of_a_repeat_bounds_all_rounds() -> None:
    found = timed("""
    steps:
      a: {prompt: "{{ 'slow' if round == 3 else round }}", timeout: 7s,
          repeat: {until: false, max: 9}}
      b: {steps: {c: {prompt: "{{ 'slow' if round == 2 else round }}"}}, timeout: 7s,
          repeat: {until: false, max: 9}}
    """)
    assert found.statuses == {"a": "failed", "b": "failed"}
    assert found.reason("a") == found.reason("b") == "took longer than 7 s"


def test_rounds_that_wait_for_a_place_are_given_up_in_time() -> None:
    async def main() -> Run:
        gate = asyncio.Event()

        def script(request: ChatRequest) -> Answer:
            return Held(gate, said(request)) if said(request) == "long" else said(request)

        stage = Stage(models=Models(script), concurrency=1)
        plan = plan_of("""
        steps:
          a: {prompt: "{{ round }}", timeout: 5s, repeat: {until: false, max: 9}}
          long: {prompt: long}
        """)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: any(e.step == "a" for e in stage.events
                                    if isinstance(e, StepFinished)))  # fmt: skip
            gate.set()
        return running.result()

    found = virtual_time.run(main())
    assert found.reason("a") == "took longer than 5 s"
    assert found.status("long") == "done"


def test_a_step_that_ends_in_time_is_not_touched_later() -> None:
    found = timed("""
    steps:
      a: {timeout: 5s, steps: {b: {prompt: b}}}
      r: {timeout: 5s, value: 1, repeat: {until: true, max: 2}}
      c: {prompt: slow, timeout: 50s, on_error: ignore}
    """)
    assert found.statuses == {"a": "done", "r": "done", "c": "ignored"}


def test_a_timeout_inside_fails_the_step_inside() -> None:
    found = timed("""
    steps:
      a: {timeout: 90s, steps: {b: {timeout: 5s, steps: {c: {prompt: slow}}}}}
    """)
    assert found.reason("a") == 'step "b" failed: took longer than 5 s'
