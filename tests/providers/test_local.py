import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    fold,
)
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.engine import Engine, OnChunk
from flowrun.providers.local import MODEL, Embedded, loader, missing
from flowrun.providers.weights import Progress, Weights

LABEL: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}},
    "required": ["label"],
    "additionalProperties": False,
}


def asked(text: str = "Say hello.", /, *, schema: Any = None, **options: JsonValue) -> ChatRequest:
    form = ResponseFormat("json_schema", "label", schema) if schema else ResponseFormat()
    messages = (Message("user", (Text(text),)),)
    return ChatRequest(MODEL, messages, options=options, response_format=form)


def chunk(content: str = "", finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content or None}, "finish_reason": finish}
    return {"id": "c1", "model": MODEL, "choices": [choice]}


USAGE: dict[str, Any] = {
    "id": "c1",
    "model": MODEL,
    "choices": [],
    "usage": {"prompt_tokens": 20, "completion_tokens": 2},
}


class Scripted:
    """An engine that plays chunks, keeps what it was asked, and knows how many play at once."""

    def __init__(self, *chunks: dict[str, Any]) -> None:
        self.chunks = chunks or (chunk("Hel"), chunk("lo"), chunk(finish="stop"), USAGE)
        self.bodies: list[Mapping[str, JsonValue]] = []
        self.playing = 0
        self.most_playing = 0
        self.was_stopped = threading.Event()
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.lock = threading.Lock()

    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        with self.lock:
            self.bodies.append(body)
            self.playing += 1
            self.most_playing = max(self.most_playing, self.playing)
        self.begun.release()
        for each in self.chunks:
            if on_chunk(each):
                self.was_stopped.set()
                break
            self.may_go_on.wait(10)
        with self.lock:
            self.playing -= 1

    def grammar(self, schema: Mapping[str, JsonValue]) -> str:
        return f"grammar of {schema['type']}"


class Broken(Scripted):
    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        raise ProviderError("cannot read the request: no")


def sent(engine: Engine, *requests: ChatRequest, slots: int = 2) -> list[ChatReply]:
    async def run() -> list[ChatReply]:
        provider = Embedded(lambda progress: engine, slots=slots)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(provider.send(each)) for each in requests]
            return [task.result() for task in tasks]
        finally:
            await provider.aclose()

    try:
        return asyncio.run(run())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def body_of(request: ChatRequest) -> Mapping[str, JsonValue]:
    engine = Scripted(chunk('{"label":"bad"}'), chunk(finish="stop"))
    sent(engine, request)
    return engine.bodies[0]


def test_a_reply_has_text_usage_and_the_models_name() -> None:
    (reply,) = sent(Scripted(), asked())
    assert (reply.text, reply.finish_reason, reply.model) == ("Hello", "stop", MODEL)
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (20, 2)


def test_streaming_adds_up_to_the_whole() -> None:
    async def run() -> list[Delta]:
        provider = Embedded(lambda progress: Scripted())
        deltas = [delta async for delta in provider.stream(asked())]
        await provider.aclose()
        return deltas

    deltas = asyncio.run(run())
    assert [delta.text for delta in deltas] == ["Hel", "lo", "", ""]
    assert [fold(deltas)] == sent(Scripted(), asked())


def test_defaults_are_those_that_suit_the_model() -> None:
    assert body_of(asked()) == {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say hello."},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "repeat_penalty": 1.1,
        "max_tokens": 1024,
    }


def test_a_system_message_is_not_replaced() -> None:
    messages = (
        Message("system", (Text("You rhyme."),)),
        Message("user", (Text("A"), Text("B"))),
        Message("assistant", ()),
    )
    assert body_of(ChatRequest(MODEL, messages))["messages"] == [
        {"role": "system", "content": "You rhyme."},
        {"role": "user", "content": "AB"},
        {"role": "assistant", "content": ""},
    ]


def test_options_are_passed_on() -> None:
    body = body_of(
        asked(temperature=0.5, top_p=0.9, seed=7, stop=["\n"], max_completion_tokens=9, top_k=None)
    )
    assert body["temperature"] == 0.5
    assert (body["top_p"], body["seed"], body["stop"]) == (0.9, 7, ["\n"])
    assert body["max_tokens"] == 9
    assert body.keys().isdisjoint({"max_completion_tokens", "top_k"})


def test_the_penalty_on_repeats_is_named_as_on_the_wire() -> None:
    assert body_of(asked(repetition_penalty=1.3))["repeat_penalty"] == 1.3
    assert body_of(asked(schema=LABEL, repetition_penalty=1.2))["repeat_penalty"] == 1.2


def test_options_that_do_not_bear_on_the_answer_are_left_out() -> None:
    assert body_of(asked(user="u1", metadata={"a": "b"})) == body_of(asked())


def test_the_older_name_of_the_most_tokens_is_known() -> None:
    assert body_of(asked(max_tokens=8))["max_tokens"] == 8
    assert body_of(asked(max_tokens=8, max_completion_tokens=9))["max_tokens"] == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"logprobs": True},
            'does not take the option "logprobs"; it takes frequency_penalty, '
            "max_completion_tokens, max_tokens, presence_penalty, repetition_penalty, seed, "
            "stop, temperature, top_k, top_p",
        ),
        ({"temperature": "hot"}, 'takes a number for "temperature", not "hot"'),
        ({"seed": True}, 'takes a number for "seed", not true'),
        ({"max_tokens": 0}, 'takes a whole number above 0 for "max_tokens", not 0'),
        ({"max_tokens": 1.5}, 'takes a whole number above 0 for "max_tokens", not 1.5'),
        ({"stop": ["a", 5]}, 'takes a text or a list of texts for "stop", not ["a", 5]'),
        ({"stop": ""}, 'takes a text or a list of texts for "stop", not ""'),
    ],
    ids=str,
)
def test_an_option_that_it_does_not_take_is_refused(
    options: dict[str, JsonValue], message: str
) -> None:
    with pytest.raises(Unsupported) as raised:
        sent(Scripted(), asked(**options))
    assert str(raised.value) == f'"{MODEL}" {message}'


def test_a_schema_becomes_a_grammar_with_an_end() -> None:
    body = body_of(asked(schema=LABEL))
    assert body["grammar"] == "grammar of object"
    assert (body["repeat_penalty"], body["max_tokens"]) == (1.0, -1)
    assert "response_format" not in body


def test_json_without_a_schema_is_refused() -> None:
    request = ChatRequest(MODEL, (), response_format=ResponseFormat("json_object"))
    with pytest.raises(Unsupported, match="writes JSON only to a schema; use a response_format"):
        sent(Scripted(), request)


def test_a_schema_that_has_no_end_is_refused() -> None:
    with pytest.raises(Unsupported, match=r'cannot keep to "label": the schema allows nothing'):
        sent(Scripted(), asked(schema={"$ref": "#"}))


def test_a_grammar_that_the_engine_did_not_take_is_noticed() -> None:
    engine = Scripted(chunk("Sure! Here"), chunk(finish="stop"))
    with pytest.raises(Unsupported, match="cannot be held to this schema; simplify it"):
        sent(engine, asked(schema=LABEL))


def test_a_cut_reply_is_returned_as_it_is() -> None:
    (reply,) = sent(Scripted(chunk('{"lab'), chunk(finish="length")), asked(schema=LABEL))
    assert (reply.text, reply.finish_reason) == ('{"lab', "length")


PICTURE = Image(b"", "image/png", 1, 1, "0" * 64)


@pytest.mark.parametrize(
    "part", [PICTURE, ImageUrl("https://example.org/a.png")], ids=["bytes", "url"]
)
def test_pictures_are_refused(part: Part) -> None:
    request = ChatRequest(MODEL, (Message("user", (Text("What is this?"), part)),))
    with pytest.raises(Unsupported, match="cannot see: it takes text only, and was sent a picture"):
        sent(Scripted(), request)


def test_asking_for_a_picture_is_refused() -> None:
    with pytest.raises(Unsupported, match="writes text only; for a picture use local/placeholder"):
        sent(Scripted(), ChatRequest(MODEL, (), modalities=("image",)))


def test_another_model_is_refused() -> None:
    with pytest.raises(Unsupported, match='has one model, "smollm2-135m-instruct", not "gpt"'):
        sent(Scripted(), ChatRequest("gpt", ()))


def test_a_prompt_that_is_too_long_is_named_with_its_size() -> None:
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 6031, "n_ctx": 4096}
    with pytest.raises(Unsupported) as raised:
        sent(Scripted({"error": error}), asked())
    assert str(raised.value) == (
        'the prompt has 6031 tokens, and the window of "smollm2-135m-instruct" 4096; '
        "shorten it, or cut the document with the filter chunk"
    )


def test_an_error_that_the_engine_returns_is_passed_on() -> None:
    with pytest.raises(ProviderError, match=f'"{MODEL}" gave no answer: out of order'):
        sent(Scripted({"error": {"code": 500, "message": "out of order"}}), asked())


def test_an_error_that_the_engine_raises_is_passed_on() -> None:
    with pytest.raises(ProviderError, match="cannot read the request: no"):
        sent(Broken(), asked())


def test_an_engine_that_stops_in_the_middle_cut_the_reply() -> None:
    with pytest.raises(Unavailable, match="ended before the reply was complete"):
        sent(Scripted(chunk("Hel")), asked())


def test_no_more_replies_are_generated_at_once_than_there_are_slots() -> None:
    engine = Scripted()
    replies = sent(engine, *[asked(str(each)) for each in range(12)], slots=3)
    assert [reply.text for reply in replies] == ["Hello"] * 12
    assert 1 <= engine.most_playing <= 3


def test_the_model_is_loaded_once() -> None:
    loads = []

    def load(progress: Progress) -> Engine:
        loads.append(progress)
        return Scripted()

    async def run() -> None:
        provider = Embedded(load)
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(provider.send(asked()))
        await provider.aclose()

    asyncio.run(run())
    assert len(loads) == 1


def test_what_failed_to_load_is_not_tried_again() -> None:
    loads = []

    def load(progress: Progress) -> Engine:
        loads.append(progress)
        raise Unsupported("no such package")

    async def run() -> None:
        provider = Embedded(load)
        for _ in range(3):
            with pytest.raises(Unsupported, match="no such package"):
                await provider.send(asked())
        await provider.aclose()

    asyncio.run(run())
    assert len(loads) == 1


def test_progress_of_the_fetch_is_passed_on() -> None:
    seen: list[tuple[int, int | None]] = []

    def load(progress: Progress) -> Engine:
        progress(1, 2)
        progress(2, 2)
        return Scripted()

    async def run() -> None:
        provider = Embedded(load, progress=lambda done, total: seen.append((done, total)))
        await provider.send(asked())
        await provider.aclose()

    asyncio.run(run())
    assert seen == [(1, 2), (2, 2)]


def test_closing_ends_a_fetch() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def load(progress: Progress) -> Engine:
            loop.call_soon_threadsafe(begun.set)
            while True:
                progress(1, 2)

        provider = Embedded(load)
        task = asyncio.create_task(provider.send(asked()))
        await begun.wait()
        await provider.aclose()
        with pytest.raises(Unavailable, match="the embedded model was closed"):
            await task

    asyncio.run(run())


def test_closing_ends_what_is_generated_and_what_waits() -> None:
    async def run() -> None:
        engine = Scripted(*[chunk("word ")] * 1000)
        provider = Embedded(lambda progress: engine, slots=1)
        first = provider.stream(asked())
        await anext(first)
        waiting = asyncio.create_task(provider.send(asked()))
        await asyncio.sleep(0)
        await provider.aclose()
        assert len([delta async for delta in first]) < 1000
        with pytest.raises(Unavailable, match="closed"):
            await waiting

    asyncio.run(run())


def test_a_stream_that_is_left_stops_the_generation() -> None:
    async def run() -> Scripted:
        engine = Scripted(*[chunk("word ")] * 1000)
        engine.may_go_on.clear()
        provider = Embedded(lambda progress: engine, slots=1)
        stream = provider.stream(asked())
        await anext(stream)
        await stream.aclose()
        engine.may_go_on.set()
        await provider.aclose()
        return engine

    assert asyncio.run(run()).was_stopped.is_set()


def test_a_cancelled_request_stops_the_generation_and_leaves_the_others_alone() -> None:
    async def run() -> tuple[Scripted, ChatReply]:
        engine = Scripted(*[chunk("word ")] * 50, chunk(finish="stop"))
        engine.may_go_on.clear()
        provider = Embedded(lambda progress: engine)
        left = asyncio.create_task(provider.send(asked("left")))
        kept = asyncio.create_task(provider.send(asked("kept")))
        for _ in (left, kept):
            await asyncio.to_thread(engine.begun.acquire)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        engine.may_go_on.set()
        reply = await kept
        await provider.aclose()
        return engine, reply

    engine, reply = asyncio.run(run())
    assert engine.was_stopped.is_set()
    assert reply.text == "word " * 50


def test_nothing_is_missing_where_the_extra_is_installed() -> None:
    assert missing() is None


TINY = Weights("tiny==1", 5, "tiny/tiny.gguf", 5, hashlib.sha256(b"bytes").hexdigest(), "LICENSE")
LOADING = """
import hashlib, pathlib, sys
from flowrun.errors import Unsupported
from flowrun.providers.local import loader
from flowrun.providers.weights import Weights
digest = hashlib.sha256(b"bytes").hexdigest()
tiny = Weights("tiny==1", 5, "tiny/tiny.gguf", 5, digest, "LICENSE")
try:
    loader(pathlib.Path(sys.argv[1]), weights=tiny)(lambda done, total: None)
except Unsupported as error:
    print(error)
"""


def loaded_apart(folder: Path) -> str:
    """What loading says in a Python without installed packages, but with those in `folder`."""
    (folder / "tiny.gguf").write_bytes(b"bytes")
    done = subprocess.run(
        [sys.executable, "-S", "-c", LOADING, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), str(folder)))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path) -> None:
    assert loaded_apart(tmp_path) == (
        'the embedded model needs the package "xllamacpp", which is not installed; run '
        "`pip install '.[local]'` in a checkout of this project, "
        "or `pip install xllamacpp==2026.10.11549 pillow`"
    )


def test_a_library_that_does_not_load_is_named(tmp_path: Path) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('no libc of that kind')")
    assert loaded_apart(tmp_path) == (
        f"the embedded model cannot run on this system ({sys.platform}): no libc of that kind; "
        "use a model of another provider"
    )


def test_weights_that_the_library_refuses_are_named(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"bytes")
    with pytest.raises(Unsupported, match=r'^the weights ".*tiny.gguf" cannot be loaded: '):
        loader(tmp_path, weights=TINY)(lambda done, total: None)
