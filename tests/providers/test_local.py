import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply, Delta, fold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.engine import Engine, OnChunk
from flowrun.providers.local import Embedded, loader, missing
from flowrun.providers.local_request import MODEL
from flowrun.providers.weights import Progress, Weights
from tests.support.engine import LABEL, Broken, Scripted, asked, chunk, sent


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


def test_an_error_that_the_engine_returns_is_passed_on() -> None:
    with pytest.raises(ProviderError, match=f'"{MODEL}" gave no answer: out of order'):
        sent(Scripted({"error": {"code": 500, "message": "out of order"}}), asked())


def test_an_error_that_the_engine_raises_is_passed_on() -> None:
    with pytest.raises(ProviderError, match="cannot read the request: no"):
        sent(Broken(), asked())


def test_an_engine_that_stops_in_the_middle_cut_the_reply() -> None:
    with pytest.raises(Unavailable, match="ended before the reply was complete"):
        sent(Scripted(chunk("Hel")), asked())


SURE = chunk("Sure! "), *[chunk("on and on ")] * 1000
YES = chunk('{"label":"good"}'), chunk(finish="stop")
WORD: dict[str, Any] = {
    "type": "object",
    "properties": {"label": {"type": "string", "pattern": "^good|bad$", "maxLength": 9}},
}


def test_a_grammar_that_the_engine_did_not_take_is_noticed_at_once() -> None:
    with pytest.raises(Unsupported) as raised:
        sent(Scripted(*SURE), asked(schema=LABEL))
    assert str(raised.value) == (
        '"smollm2-135m-instruct" cannot be held to "label"; simplify the schema (look-arounds or '
        "counted repeats in a pattern, or bounds that contradict each other)"
    )


class Choosy(Scripted):
    """Takes no grammar that counts letters, and says nothing of it."""

    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        is_taken = "maxLength" not in str(body["grammar"])
        self.chunks = YES if is_taken else SURE
        super().chat(body, on_chunk)

    def grammar(self, schema: Mapping[str, JsonValue]) -> str:
        return str(schema)


def test_a_looser_grammar_is_tried_when_the_first_is_not_taken() -> None:
    engine = Choosy()
    (reply,) = sent(engine, asked(schema=WORD), slots=1)
    assert reply.text == '{"label":"good"}'
    assert len(engine.bodies) == 2


def test_a_grammar_that_was_not_taken_once_is_not_tried_again() -> None:
    async def run() -> Choosy:
        engine = Choosy()
        provider = Embedded(lambda progress: engine, slots=1)
        for _ in range(3):
            await provider.send(asked(schema=WORD))
        await provider.aclose()
        return engine

    assert len(asyncio.run(run()).bodies) == 4


def test_a_reply_that_is_no_object_may_begin_with_anything() -> None:
    (reply,) = sent(Scripted(chunk("12"), chunk(finish="stop")), asked(schema={"type": "integer"}))
    assert reply.text == "12"


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
