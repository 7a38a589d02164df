"""One run from inputs to outputs, and what came of it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Usage
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer
from flowrun.run.events import RunFinished, RunStarted
from flowrun.run.execution import new_run_id
from tests.support.running import Models, Stage, plan_of, price, reply, run, said


def test_a_run_tells_its_beginning_and_its_end() -> None:
    found = run("name: my run\nsteps: {b: {value: '{{ a }}'}, a: {prompt: a}}")
    first, last = found.events[0], found.events[-1]
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunFinished)
    assert (first.pipeline, first.steps) == ("my run", ("a", "b"))
    assert first.run_id == last.run_id == found.result.run_id
    assert (last.status, last.partial) == ("done", False)
    assert last.seconds == found.result.seconds


def test_a_run_adds_up_usage_and_cost_of_what_was_asked() -> None:
    models = Models(lambda _: reply("x"), prices={"dear": price("1000000")})
    found = Stage(models=models).run("""
    steps:
      a: {prompt: a, model: dear}
      b: {foreach: "[1, 2]", prompt: "{{ item }}", model: dear}
      c: {value: 1}
    """)
    assert found.result.usage == Usage(input_tokens=3, output_tokens=6)
    assert found.result.cost_usd == Decimal(9)


def test_a_cost_that_is_not_known_in_full_is_not_known() -> None:
    models = Models(lambda _: reply("x"), prices={"dear": price("1")})
    found = Stage(models=models).run("""
    steps:
      a: {prompt: a, model: dear}
      b: {prompt: b, model: of unknown price}
      c: {prompt: c, model: dear}
    """)
    assert found.result.cost_usd is None


def test_a_reply_that_does_not_say_what_it_used_has_no_known_cost() -> None:
    models = Models([ChatReply("x", "stop", "m")], prices={"dear": price("1")})
    found = Stage(models=models).run("steps: {a: {prompt: a, model: dear}}")
    assert (found.result.cost_usd, found.result.usage) == (None, Usage())


def test_a_failed_step_that_was_answered_is_paid_for() -> None:
    models = Models(lambda _: reply("x"), prices={"dear": price("1000000")})
    found = Stage(models=models).run("steps: {a: {prompt: a, model: dear, expect: a == 'y'}}")
    assert found.status("a") == "failed"
    assert found.result.cost_usd == Decimal(6)


def test_the_values_of_a_run_are_those_of_its_steps() -> None:
    found = run("""
    inputs: {x: {}}
    steps:
      a: {value: 1}
      b: {value: 2, if: "1 > 2"}
      c: {value: "{{ 1 / inputs.x }}", on_error: ignore}
    """, x=0)  # fmt: skip
    assert found.result.values() == {"a": 1, "c": None}
    assert found.result.is_done


@pytest.mark.parametrize(
    ("step", "status", "partial"),
    [
        ("{prompt: good}", "done", False),
        ("{prompt: good, if: '1 > 2'}", "done", False),
        ("{prompt: bad}", "failed", False),
        ("{prompt: bad, on_error: ignore}", "done", True),
    ],
)
def test_the_status_of_a_run(step: str, status: str, partial: bool) -> None:
    def script(request: ChatRequest) -> Answer:
        return Unavailable("down") if said(request) == "bad" else "good"

    found = run(f"defaults: {{retry: 0}}\nsteps: {{a: {step}}}", script)
    assert (found.result.status, found.result.partial) == (status, partial)
    assert found.result.is_done == (status == "done")


def test_an_output_that_cannot_be_given_fails_the_run(tmp_path: Path) -> None:
    found = Stage(out=tmp_path).run("""
    steps: {a: {prompt: ..}}
    outputs: {o: {file: "{{ a }}", value: x}}
    """)
    assert found.status("a") == "done"
    assert found.result.status == "failed"


def test_a_selection_runs_what_it_needs_and_gives_what_it_can() -> None:
    source = """
    steps:
      a: {prompt: a}
      b: {prompt: "b {{ a }}"}
      c: {prompt: "c {{ b }}"}
    outputs: {a: "{{ a }}", c: "{{ c }}"}
    """
    stage = Stage()
    found = stage.run_plan(plan_of(source).select(["b"]))
    assert found.statuses == {"a": "done", "b": "done"}
    assert found.outputs == {"a": "a"}
    found = stage.run_plan(plan_of(source.partition("outputs")[0]).select(["a"]))
    assert found.outputs == {"a": "a"}


def test_the_name_of_a_run_sorts_by_time() -> None:
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", new_run_id())
