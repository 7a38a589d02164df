"""What conversations with tools share through the store, and what they never do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatRequest
from flowrun.digest import JsonValue
from flowrun.errors import StoreError, ToolError, Unavailable
from flowrun.masking import Masker
from flowrun.providers.fake import Answer
from flowrun.run.ask import Found
from flowrun.run.events import StepRetried, ToolFinished
from flowrun.store.base import Policy
from flowrun.store.memory import MemoryStore
from tests.support import virtual_time
from tests.support.running import Models, plan_of
from tests.support.tooling import (
    OSLO,
    ROME,
    TWO,
    Bench,
    Counting,
    Dying,
    bench,
    calling,
    in_order,
    pipeline,
    results,
)


def test_the_answer_is_kept_and_nothing_is_called_again() -> None:
    stage = Bench(Models(TWO), [Counting()])
    assert [stage.ask().is_kept for _ in range(2)] == [False, True]
    assert (len(stage.models.requests), len(stage.tools[0].called)) == (2, 2)


def test_a_pure_result_is_used_across_conversations() -> None:
    stage = Bench(Models(TWO), [Counting(is_pure=True)])
    stage.ask(prompt="one")
    stage.ask(prompt="two")
    assert len(stage.models.requests) == 4
    assert len(stage.tools[0].called) == 2
    assert [each.is_kept for each in stage.of(ToolFinished)] == [False, False, True, True]


def test_equal_pure_calls_of_one_reply_run_once() -> None:
    script = in_order(calling(("weather", ROME), ("weather", ROME)), "warm")
    stage = Bench(Models(script), [Counting(is_pure=True)])
    stage.ask()
    assert results(stage.models.requests[1]) == ["sun in Rome", "sun in Rome"]
    assert len(stage.tools[0].called) == 1


def test_equal_pure_calls_of_two_conversations_at_once_run_once() -> None:
    async def act(arguments: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(1)
        return "sun"

    async def main() -> None:
        asker = stage.asker()
        async with asyncio.TaskGroup() as group:
            for prompt in ("one", "two"):
                group.create_task(stage.answer(asker, prompt=prompt))

    stage = Bench(Models(in_order(calling(("weather", ROME)), "ok")), [])
    stage.tools = [Counting(act=act, is_pure=True)]
    virtual_time.run(main())
    assert len(stage.tools[0].called) == 1
    assert [each.is_kept for each in stage.of(ToolFinished)] == [False, True]


def test_a_pure_call_that_failed_is_tried_by_the_next() -> None:
    fails = iter([True, False])

    async def act(arguments: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(1)
        if next(fails):
            raise ToolError("no")
        return "sun"

    async def main() -> list[Found]:
        asker = stage.asker()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(stage.answer(asker, prompt=each)) for each in ("one", "two")]
        return [each.result() for each in asked]

    def script(request: ChatRequest) -> Answer:
        return "".join(results(request)) or calling(("weather", ROME))

    stage = Bench(Models(script), [Counting(act=act, is_pure=True)])
    assert [each.value for each in virtual_time.run(main())] == ["error: no", "sun"]


def test_equal_ids_do_not_confuse_results() -> None:
    script = in_order(calling(("weather", ROME, "x"), ("weather", OSLO, "x")), "warm")
    stage = Bench(Models(script), [Counting()])
    stage.ask()
    _, said, *back = stage.models.requests[1].messages
    ids = [each.id for each in said.tool_calls]
    assert (ids, [each.tool_call_id for each in back]) == (["x", "call_1"], ["x", "call_1"])
    assert results(stage.models.requests[1]) == ["sun in Rome", "sun in Oslo"]


def test_another_version_of_a_tool_asks_again() -> None:
    stage = Bench(Models(TWO), [Counting()])
    stage.ask()
    stage.tools = [Counting(version="2")]
    stage.ask()
    assert len(stage.models.requests) == 4
    assert len(stage.tools[0].called) == 2


def test_samples_and_rounds_are_conversations_of_their_own() -> None:
    stage = Bench(Models(TWO), [Counting()])
    for sample, rounds in ((0, ()), (1, ()), (0, (1,)), (0, (0,))):
        stage.ask(sample=sample, rounds=rounds, options={"seed": 5})
    assert [each.options["seed"] for each in stage.models.requests] == [5, 5, 6, 6, 6, 6]
    assert len(stage.tools[0].called) == 6


@pytest.mark.parametrize("policy", [Policy.OFF, Policy.USE])
def test_without_a_cache_nothing_is_kept(policy: Policy) -> None:
    store = MemoryStore()
    stage = Bench(Models(TWO), [Counting(is_pure=True)], store, policy)
    for _ in range(2):
        stage.ask(cache=policy is Policy.OFF)
    assert (len(stage.models.requests), len(stage.tools[0].called)) == (4, 4)
    assert store._answers == {}


def test_the_next_model_begins_a_conversation_of_its_own() -> None:
    def script(request: ChatRequest) -> Answer:
        if request.model == "first" and results(request):
            return Unavailable("down")
        return TWO(request)

    stage = Bench(Models(script), [Counting()])
    found = stage.ask(models=["first", "second"], retry=0)
    assert (found.value, found.candidate.resolved.model) == ("warm", "second")
    assert [len(each.messages) for each in stage.models.requests] == [1, 4, 1, 4]
    assert len(stage.of(StepRetried)) == 1


def test_a_model_that_knows_no_tools_is_not_asked() -> None:
    models = Models(TWO, capabilities={"first": Capabilities(tools=False)})
    stage = Bench(models, [Counting()])
    assert stage.ask(models=["first", "second"]).candidate.resolved.model == "second"
    assert {each.model for each in models.requests} == {"second"}


def test_secrets_in_results_reach_neither_model_nor_store_nor_record() -> None:
    secret = "sk-0123456789abcdef"
    store = MemoryStore()
    stage = bench(calling(("weather", ROME)), "warm", tool=Counting(act=lambda _: {secret: secret}))
    stage.masker, stage.store = Masker([secret]), store
    stage.ask()
    assert results(stage.models.requests[1]) == ['{"***": "***"}']
    assert secret not in str(stage.events)
    assert secret.encode() not in b"".join(store._answers.values())


def test_secrets_in_failures_and_in_calls_are_masked() -> None:
    secret = "sk-0123456789abcdef"

    def act(arguments: Mapping[str, JsonValue]) -> object:
        raise ToolError(f"{arguments['city']} {secret}")

    stage = bench(
        calling(("weather", f'{{"city": "{secret}"}}'), ("no", secret)),
        "warm",
        tool=Counting(act=act),
    )
    stage.masker = Masker([secret])
    stage.ask()
    assert results(stage.models.requests[1])[0] == "error: *** ***"
    assert secret not in f"{stage.events}{stage.models.requests}"


def test_a_slot_is_held_only_while_the_model_is_asked() -> None:
    async def act(_: Mapping[str, JsonValue]) -> object:
        found = await inner.answer(asker, prompt="inner")
        return found.value

    def script(request: ChatRequest) -> Answer:
        return "inner" if len(request.tools) == 0 else TWO(request)

    stage = Bench(Models(script), [Counting(act=act)], concurrency=1)
    inner = Bench(stage.models)
    asker = stage.asker()
    assert virtual_time.run(stage.answer(asker)).value == "warm"
    assert results(stage.models.requests[-1]) == ["inner", "inner"]


def test_a_streamed_conversation_is_the_same() -> None:
    stage = Bench(Models(TWO), [Counting()], is_watched=True)
    assert stage.ask().value == "warm"
    assert results(stage.models.requests[1]) == ["sun in Rome", "sun in Oslo"]


def test_a_pipeline_is_a_tool() -> None:
    plan = plan_of("name: child\ninputs: {city: {type: string}}\nsteps: {a: {value: 1}}")
    child = pipeline("weather", plan)
    stage = Bench(Models(TWO))
    assert stage.ask(child, sample=2).value == "warm"
    assert results(stage.models.requests[1]) == [ROME, OSLO]
    (definition,) = stage.models.requests[0].tools
    assert definition.parameters["required"] == ["city"]
    places = [(inputs["city"], job.within, name) for inputs, job, name in stage.pipelines.runs]
    assert places == [("Rome", (2, 0, 0), "weather"), ("Oslo", (2, 0, 1), "weather")]


def test_a_pipeline_cut_off_is_simply_run_again() -> None:
    plan = plan_of("name: child\ninputs: {city: {type: string}}\nsteps: {a: {value: 1}}")
    store = MemoryStore()
    stage = Bench(Models(TWO), store=Dying(store, 2, is_written=False))
    with pytest.raises(StoreError):
        stage.ask(pipeline("weather", plan))
    stage.store = store
    assert stage.ask(pipeline("weather", plan)).value == "warm"
    assert len(stage.models.requests) == 2
