"""Pipelines as tools: run on the places of the run that called them, without holding it up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Usage
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import StepFinished, StepStarted, ToolFinished
from flowrun.run.execution import Execution
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, price, reply, said, until
from tests.support.tooling import Box, Counting, calling, results

FILES = {
    "review.yaml": """
name: review
inputs: {text: {type: string}}
steps:
  judge: {prompt: "judge {{ inputs.text }}"}
  sum: {prompt: "sum {{ judge }}"}
outputs: {verdict: "{{ sum }}"}
""",
    "broken.yaml": """
defaults: {retry: 0}
inputs: {text: {type: string}}
steps: {judge: {prompt: "bad {{ inputs.text }}"}}
outputs: {verdict: "{{ judge }}"}
""",
    "outer.yaml": """
tools: {review: {uses: ./review.yaml, description: reviews}}
inputs: {text: {type: string}}
steps: {boss: {prompt: "boss {{ inputs.text }}", tools: [review]}}
outputs: {verdict: "{{ boss }}"}
""",
}
SOURCE = """
tools: {{review: {{uses: ./{file}.yaml, description: reviews}}}}
steps:
  a: {{foreach: "range({items}) | list", prompt: "go {{{{ item }}}}", tools: [review]}}
"""


def source(file: str = "review", items: int = 1) -> str:
    return SOURCE.format(file=file, items=items)


def script(request: ChatRequest) -> Answer:
    """Calls the tool once wherever there is one, with what was said."""
    if said(request).startswith("bad"):
        return Unavailable("down")
    if request.tools and not results(request):
        return calling(("review", f'{{"text": "{said(request)}"}}'))
    return results(request)[0] if request.tools else said(request)


@pytest.mark.parametrize("concurrency", [1, 2, 16])
@pytest.mark.parametrize("file", ["review", "outer"])
def test_a_pipeline_that_a_model_calls_needs_no_place_of_its_own(
    file: str, concurrency: int
) -> None:
    stage = Stage(models=Models(script), concurrency=concurrency, files=FILES)
    found = stage.run(source(file, items=5))
    assert found.status("a") == "done"
    verdicts = found.value("a")
    assert isinstance(verdicts, list)
    assert all("sum judge" in each for each in verdicts)


def test_its_steps_are_told_behind_the_tool() -> None:
    found = Stage(models=Models(script), files=FILES).run(source())
    assert [each.step for each in found.of(StepFinished)] == [
        "a.review.judge",
        "a.review.sum",
        "a",
        "a",
    ]
    started = {each.step: each.within for each in found.of(StepStarted)}
    assert started["a.review.judge"][0] == 0


def test_no_more_conversations_wait_than_places_are_there() -> None:
    async def main() -> int:
        gate, most = asyncio.Event(), 0

        def held(request: ChatRequest) -> Answer:
            found = script(request)
            return Held(gate, found) if said(request).startswith("sum") else found

        stage = Stage(models=Models(held), concurrency=3, files=FILES)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan_of(source(items=20), FILES), {}))
            while not running.done():
                await asyncio.sleep(0.001)
                started = {e.item for e in stage.events if isinstance(e, StepStarted)
                           and e.step == "a" and e.item is not None}  # fmt: skip
                ended = {e.item for e in stage.events if isinstance(e, StepFinished)
                         and e.step == "a" and e.item is not None}  # fmt: skip
                most = max(most, len(started - ended))
                if stage.models.fake.in_flight:
                    gate.set()
                    await asyncio.sleep(0)
                    gate.clear()
        assert running.result().status("a") == "done"
        return most

    assert virtual_time.run(main()) == 3


def test_its_failure_is_told_to_the_model() -> None:
    def excusing(request: ChatRequest) -> Answer:
        found = script(request)
        return "sorry" if request.tools and results(request) else found

    models = Models(excusing)
    found = Stage(models=models, files=FILES).run(source("broken"))
    assert found.value("a") == ["sorry"]
    assert results(models.requests[-1]) == ['error: step "judge" failed: down']


def test_an_argument_that_does_not_fit_is_told_to_the_model() -> None:
    files = {"review.yaml": FILES["review.yaml"].replace("string}", "string, maxLength: 3}")}
    models = Models(lambda request: "sorry" if results(request) else script(request))
    Stage(models=models, files=files).run(source())
    assert results(models.requests[-1])[0].startswith("error: ")
    assert len(models.requests) == 2


def test_an_argument_that_is_no_data_is_told_to_the_model() -> None:
    files = {"review.yaml": FILES["review.yaml"].replace("{type: string}", "{}")}
    deep = f'{{"text": {"[" * 103}{"]" * 103}}}'

    def deepening(request: ChatRequest) -> Answer:
        return "sorry" if results(request) else calling(("review", deep))

    models = Models(deepening)
    Stage(models=models, files=files).run(source())
    assert results(models.requests[-1])[0].startswith('error: input "text" nests lists')


def test_what_it_costs_is_the_cost_of_the_conversation() -> None:
    def dear(request: ChatRequest) -> Answer:
        found = script(request)
        return (
            replace(found, usage=Usage(1, 0, 0, 2)) if isinstance(found, ChatReply) else reply("x")
        )

    models = Models(dear, prices={"recommended": price("1000000")})
    found = Stage(models=models, files=FILES).run(source())
    assert len(models.requests) == 4
    assert found.result.usage.total_tokens == 12
    assert found.result.cost_usd == Decimal(12)


def test_a_cost_of_which_a_part_is_unknown_is_unknown() -> None:
    files = {"review.yaml": FILES["review.yaml"].replace("{prompt:", "{model: other, prompt:")}
    models = Models(script, prices={"recommended": price("1")})
    found = Stage(models=models, files=files).run(source())
    assert found.result.cost_usd is None


def test_a_call_step_can_call_a_pipeline() -> None:
    stage = Stage(models=Models(script), concurrency=1, files=FILES)
    found = stage.run("""
    tools: {review: {uses: ./review.yaml, description: reviews}}
    steps:
      a: {call: review, with: {text: hi}}
      b: {value: "{{ a.verdict }}"}
    """)
    assert found.value("b") == "sum judge hi"
    assert found.result.usage.total_tokens > 0


def test_the_timeout_of_the_conversation_ends_what_it_called() -> None:
    def slow(request: ChatRequest) -> Answer:
        found = script(request)
        return Held(asyncio.Event(), "x") if said(request).startswith("sum") else found

    stage = Stage(models=Models(slow), concurrency=1, files=FILES)
    found = stage.run(source().replace("prompt:", "timeout: 9s, on_error: ignore, prompt:"))
    assert found.items("a") == [(0, "ignored", "took longer than 9 s")]
    inner = {each.step: (each.status, each.reason) for each in found.of(StepFinished)}
    assert inner["a.review.sum"] == ("cancelled", "what it was run for was given up")


@pytest.mark.parametrize("how", ["stop", "abort"])
def test_a_run_is_ended_while_a_pipeline_runs_for_a_conversation(how: str) -> None:
    async def main() -> Run:
        gate = asyncio.Event()
        executions: list[Execution] = []

        def held(request: ChatRequest) -> Answer:
            found = script(request)
            return Held(gate, found) if said(request).startswith("judge") else found

        stage = Stage(models=Models(held), files=FILES, on_start=executions.append)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan_of(source(), FILES), {}))
            await until(lambda: len(stage.models.requests) == 2)
            getattr(executions[0], how)()
            gate.set()
        return running.result()

    found = virtual_time.run(main())
    assert (found.result.status, found.status("a")) == ("interrupted", "cancelled")
    assert len(found.models.requests) == 2
    assert not [each for each in found.of(ToolFinished) if not each.is_error]


def test_a_call_inside_a_pipeline_that_is_called_twice_is_made_twice() -> None:
    tool = Counting()
    files = {
        "review.yaml": """
tools:
  weather:
    http: {url: "https://example.org/w"}
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
inputs: {text: {type: string}}
steps: {ask: {call: weather, with: {city: Rome}}}
outputs: {o: "{{ ask }}"}
"""
    }

    def twice(request: ChatRequest) -> Answer:
        return "done" if len(results(request)) == 2 else calling(("review", '{"text": "x"}'))

    stage = Stage(models=Models(twice), files=files, toolbox=Box([tool], {}))
    assert stage.run(source()).value("a") == ["done"]
    assert len(tool.called) == 2
