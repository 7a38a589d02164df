"""Conversations ended in the middle and gone on with: no model and no tool is asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from flowrun.chat.messages import ChatRequest, ResponseFormat
from flowrun.digest import JsonValue
from flowrun.errors import StepError, StoreError
from flowrun.providers.fake import Answer
from flowrun.run.ask import Stopped
from flowrun.store.memory import MemoryStore
from tests.support import virtual_time
from tests.support.running import Models, picture
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
    results,
    turns,
)


def test_after_a_stop_no_tool_is_begun() -> None:
    async def main() -> None:
        asker = stage.asker()

        def script(_: ChatRequest) -> Answer:
            asker.stop()
            return calling(("weather", ROME))

        stage.models.fake._script = script
        with pytest.raises(Stopped):
            await stage.answer(asker)

    stage = bench(calling(("weather", ROME)), "warm")
    virtual_time.run(main())
    assert stage.tools[0].called == []
    stage.models.fake._script = in_order(calling(("weather", OSLO)), "warm")
    assert stage.ask().value == "warm"
    assert stage.tools[0].called == [{"city": "Rome"}]


def test_after_a_stop_tools_under_way_finish_and_the_model_is_not_asked() -> None:
    async def main() -> None:
        asker = stage.asker()
        stage.tools[0].act = lambda _: asker.stop()
        with pytest.raises(Stopped):
            await stage.answer(asker)

    stage = bench(calling(("weather", ROME)), "warm")
    virtual_time.run(main())
    assert len(stage.models.requests) == 1
    stage.ask()
    assert results(stage.models.requests[1]) == ["null"]
    assert len(stage.tools[0].called) == 1


def test_a_conversation_that_is_dropped_loses_nothing_that_came() -> None:
    async def act(arguments: Mapping[str, JsonValue]) -> object:
        if arguments["city"] == "Oslo":
            await asyncio.Event().wait()
        return arguments["city"]

    async def main() -> None:
        asking = asyncio.ensure_future(stage.answer(stage.asker()))
        await turns(30)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    stage = Bench(Models(TWO), [Counting(act=act)])
    virtual_time.run(main())
    with pytest.raises(StepError, match="may have taken effect"):
        stage.ask()
    stage.tools[0].act = lambda arguments: arguments["city"]
    stage.redo = frozenset({"weather"})
    assert stage.ask().value == "warm"
    assert [each["city"] for each in stage.tools[0].called] == ["Rome", "Oslo", "Oslo"]
    assert len(stage.models.requests) == 2


LONG: list[Answer] = [
    calling(("weather", ROME), ("weather", OSLO), ("look", ROME)),
    calling(("no", "{}")),
    "no json",
    calling(("weather", ROME)),
    '{"t": 1}',
]
FORM = ResponseFormat("json_object")


def long(store: MemoryStore) -> Bench:
    look = Counting("look", lambda _: picture("seen"), is_pure=True)
    return Bench(Models(in_order(*LONG)), [Counting(), look], store)


def undisturbed() -> tuple[int, int]:
    """How many puts and requests the long conversation makes."""
    store = Dying(MemoryStore(), 1000, is_written=True)
    stage = long(MemoryStore())
    stage.store = store
    assert stage.ask(response_format=FORM).value == {"t": 1}
    return 1000 - store._left, len(stage.models.requests)


def tried(stage: Bench) -> object:
    """The value, or why the step failed."""
    try:
        return stage.ask(response_format=FORM).value
    except StepError as error:
        return str(error)


UNKNOWN = (
    '"weather" was called and its result never came, so it may have taken effect: '
    "see whether it did; `flowrun execute … --redo weather` calls it again"
)


@pytest.mark.parametrize("is_written", [True, False])
def test_killed_at_any_put_and_resumed_nothing_is_repeated(is_written: bool) -> None:
    puts, requests = undisturbed()
    assert (puts, requests) == (12, 5)
    for at in range(1, puts + 1):
        store = MemoryStore()
        stage = long(store)
        stage.store = Dying(store, at, is_written=is_written)
        with pytest.raises(StoreError, match="killed"):
            stage.ask(response_format=FORM)
        stage.store = store
        before = list(stage.tools[0].called)
        value = tried(stage)
        if value == UNKNOWN:
            assert stage.tools[0].called == before, "nothing else is begun then"
            stage.redo = frozenset({"weather"})
            value = tried(stage)
        assert value == {"t": 1}
        # What was not written when the process died came in vain, and nothing else did.
        assert len(stage.models.requests) == requests + (not is_written and at in REPLIES), at
        lost_result = not is_written and at in RESULTS
        assert len(stage.tools[0].called) == 3 + lost_result, at
        assert bool(stage.redo) == (at in (INTENTS if is_written else RESULTS)), at


REPLIES = (1, 7, 8, 9, 12)
"""Which puts of the long conversation keep a reply."""
INTENTS, RESULTS = (2, 4, 10), (3, 5, 11)
"""Which say that the impure tool was begun, and which what it gave."""


def test_a_failure_of_the_store_cuts_off_no_other_tool() -> None:
    async def act(arguments: Mapping[str, JsonValue]) -> object:
        await asyncio.sleep(1 if arguments["city"] == "Rome" else 5)
        done.append(arguments["city"])
        return "sun"

    done: list[JsonValue] = []
    store = MemoryStore()
    stage = Bench(Models(TWO), [Counting(act=act)], Dying(store, 4, is_written=False))
    with pytest.raises(StoreError):
        stage.ask()
    assert done == ["Rome", "Oslo"]


def test_all_calls_of_a_turn_that_were_lost_are_named_at_once() -> None:
    async def never(_: Mapping[str, JsonValue]) -> object:
        raise StoreError("killed")

    script = in_order(calling(("weather", ROME), ("look", ROME)), "warm")
    stage = Bench(Models(script), [Counting(act=never), Counting("look", never)])
    with pytest.raises(StoreError):
        stage.ask()
    stage.tools = [Counting(), Counting("look")]
    wanted = (
        '"look" and "weather" were called and their results never came, so they may have taken '
        "effect: see whether they did; `flowrun execute … --redo look --redo weather` calls them "
        "again"
    )
    for redo in (), ("look",):
        stage.redo = frozenset(redo)
        with pytest.raises(StepError) as told:
            stage.ask()
        assert str(told.value) == wanted
    stage.redo = frozenset(("look", "weather"))
    assert stage.ask().value == "warm"
    assert [len(each.called) for each in stage.tools] == [1, 1]
