"""The embedded model as it is, with its real weights."""

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import jsonschema_rs
import pytest

from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unsupported
from flowrun.providers.engine import Engine
from flowrun.providers.llama import Llama, threads
from flowrun.providers.local import Embedded
from flowrun.providers.local_request import MODEL
from flowrun.providers.weights import SMOLLM2, fetch, models_folder

pytestmark = pytest.mark.local

T = TypeVar("T")


@pytest.fixture(scope="module")
def engine() -> Llama:
    folder = models_folder(os.environ, Path.home())
    return Llama(fetch(SMOLLM2, folder), alias=MODEL, slots=2, context_tokens=1024)


def using(engine: Engine, work: Callable[[Embedded], Awaitable[T]]) -> T:
    async def run() -> T:
        provider = Embedded(lambda progress: engine)
        try:
            return await work(provider)
        finally:
            await provider.aclose()

    return asyncio.run(run())


def asked(text: str, schema: Any = None, **options: JsonValue) -> ChatRequest:
    form = ResponseFormat() if schema is None else ResponseFormat("json_schema", "x", schema)
    return ChatRequest(
        MODEL, (Message("user", (Text(text),)),), options=options, response_format=form
    )


def test_it_answers(engine: Llama) -> None:
    reply = using(engine, lambda provider: provider.send(asked("What is the capital of France?")))
    assert "Paris" in reply.text
    assert (reply.finish_reason, reply.model) == ("stop", MODEL)
    assert reply.usage is not None
    assert reply.usage.total_tokens > 20


def test_pitfall_52_replies_side_by_side_do_not_mix(engine: Llama) -> None:
    async def several(provider: Embedded) -> list[ChatReply]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(provider.send(asked(f"Repeat this word: {word}", max_tokens=12)))
                for word in ("apple", "river", "cloud", "stone")
            ]
        return [task.result() for task in tasks]

    replies = using(engine, several)
    for word, reply in zip(("apple", "river", "cloud", "stone"), replies, strict=True):
        assert word in reply.text.lower()


def test_pitfall_52_one_that_is_dropped_beside_others_holds_nobody_up(engine: Llama) -> None:
    async def drop_one(provider: Embedded) -> tuple[ChatReply, ChatReply]:
        async with asyncio.TaskGroup() as group:
            kept = group.create_task(provider.send(asked("Repeat: river", max_tokens=12)))
            left = group.create_task(provider.send(asked("Count to 1000.", max_tokens=900)))
            await kept
            left.cancel()
        return kept.result(), await provider.send(asked("Repeat: cloud", max_tokens=12))

    first, third = using(engine, drop_one)
    assert "river" in first.text.lower()
    assert "cloud" in third.text.lower()


def test_pitfall_53_a_prompt_that_is_being_read_can_be_left(engine: Llama) -> None:
    long = "The quick brown fox jumps over the lazy dog. " * 80

    async def leave_and_ask(provider: Embedded) -> ChatReply:
        for _ in range(4):
            reading = asyncio.create_task(anext(provider.stream(asked(long, max_tokens=50))))
            await asyncio.sleep(0)  # it is handed to the engine, which says nothing yet
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        return await provider.send(asked("Say hello.", max_tokens=8))

    assert using(engine, leave_and_ask).text


def test_pitfall_54_a_character_of_several_tokens_comes_whole(engine: Llama) -> None:
    rare = "😀🎉漢"

    async def pieces(provider: Embedded) -> list[str]:
        schema: dict[str, JsonValue] = {"enum": [rare * 3]}
        return [each.text async for each in provider.stream(asked("Say it.", schema))]

    found = using(engine, pieces)
    assert json.loads("".join(found)) == rare * 3
    assert not any("\ufffd" in each for each in found)


def test_a_reply_that_is_left_gives_its_slot_back(engine: Llama) -> None:
    async def leave_and_ask(provider: Embedded) -> ChatReply:
        for _ in range(3):
            stream = provider.stream(asked("Count from 1 to 1000.", max_tokens=900))
            await anext(stream)
            await stream.aclose()
        return await provider.send(asked("Say hello.", max_tokens=8))

    reply = using(engine, leave_and_ask)
    assert reply.text


UNBOUNDED: dict[str, dict[str, JsonValue]] = {
    "text": {"type": "string"},
    "numbers": {"type": "array", "items": {"type": "number"}, "minItems": 3},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "tree": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "kids": {"items": {"$ref": "#"}}},
        "required": ["name", "kids"],
    },
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
    "formats": {"prefixItems": [{"format": "date"}, {"format": "email"}], "minItems": 2},
    "either": {
        "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "range": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
}


@pytest.mark.parametrize("schema", UNBOUNDED.values(), ids=UNBOUNDED)
def test_json_without_bounds_ends_and_keeps_to_its_schema(
    engine: Llama, schema: dict[str, JsonValue]
) -> None:
    request = asked("Fill it in.", schema, temperature=1.5, seed=3, max_completion_tokens=200)
    reply = using(engine, lambda provider: provider.send(request))
    assert reply.finish_reason == "stop"
    jsonschema_rs.validate(schema, json.loads(reply.text))


def test_a_grammar_that_is_too_much_gives_way_to_a_looser_one(engine: Llama) -> None:
    sentence = "^I am sorry that (you|your|the)( [a-z']+){2,18}\\.$"
    schema = {"type": "string", "pattern": sentence, "minLength": 30, "maxLength": 120}
    request = asked("Write a polite answer: my parcel is lost.", schema)
    reply = using(engine, lambda provider: provider.send(request))
    assert reply.text.startswith('"I am sorry that ')


def test_a_pattern_that_the_grammar_does_not_know_is_refused(engine: Llama) -> None:
    request = asked("Fill it in.", {"type": "string", "pattern": "^(?=a)b"}, max_tokens=40)
    with pytest.raises(Unsupported, match="cannot be held to"):
        using(engine, lambda provider: provider.send(request))


def test_a_prompt_that_does_not_fit_is_refused_with_its_size(engine: Llama) -> None:
    with pytest.raises(Unsupported, match=r"the prompt has 2\d{3} tokens, and the window of"):
        using(engine, lambda provider: provider.send(asked("word " * 2000)))


def test_a_malformed_request_is_an_error_and_not_a_crash(engine: Llama) -> None:
    with pytest.raises(ProviderError, match="cannot read the request: Expected 'messages'"):
        engine.chat({"messages": "none"}, lambda chunk: False)


def test_half_a_character_is_an_error_and_not_a_crash(engine: Llama) -> None:
    with pytest.raises(ProviderError, match="cannot read the request"):
        using(engine, lambda provider: provider.send(asked("half \ud800")))


def test_nobody_else_may_use_its_port(engine: Llama) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{engine.address}/v1/chat/completions", data=b"{}")


def test_one_core_is_left_free() -> None:
    assert 1 <= threads() <= 8


WEATHER = ToolDefinition(
    "get_weather",
    "Get the weather in a city.",
    {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/name"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
        "$defs": {"name": {"type": "string", "maxLength": 40}},
    },
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {}})


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}], ids=str
)
def test_a_forced_call_fits_its_parameters(engine: Llama, choice: JsonValue) -> None:
    request = ChatRequest(
        MODEL,
        (Message("user", (Text("What is the weather in Oslo?"),)),),
        tools=(WEATHER, CLOCK) if choice == "required" else (CLOCK, WEATHER),
        tool_choice=choice,
    )
    reply = using(engine, lambda provider: provider.send(request))
    (call,) = reply.tool_calls
    schema = {each.name: each.parameters for each in request.tools}[call.name]
    assert jsonschema_rs.is_valid(dict(schema), json.loads(call.arguments))
    assert choice == "required" or call.name == "get_weather"


def test_a_free_choice_ends_in_an_answer(engine: Llama) -> None:
    async def work(provider: Embedded) -> ChatReply:
        asked = ChatRequest(
            MODEL, (Message("user", (Text("What is the weather in Oslo?"),)),), tools=(WEATHER,)
        )
        reply = await provider.send(asked)
        said = Message("assistant", (Text(reply.text),), reply.tool_calls)
        results = [Message("tool", (Text("rain"),), tool_call_id=c.id) for c in reply.tool_calls]
        again = ChatRequest(MODEL, (*asked.messages, said, *results), tools=(WEATHER,))
        return await provider.send(again) if results else reply

    reply = using(engine, work)
    assert (reply.finish_reason, reply.tool_calls) == ("stop", ())
    assert reply.text.strip()
