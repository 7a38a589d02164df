from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest

from flowrun.providers.http import HttpProvider
from flowrun.providers.openai import OpenAIDialect
from tests.support.mocked_http import (
    ASKED,
    KEY,
    ROW,
    events,
    failure,
    mocked,
    piece,
    stream,
    streamed,
)


@pytest.mark.parametrize(("served", "model"), [({}, "m"), ({"model": "m-2026"}, "m-2026")])
def test_a_stream_tells_the_model_too(served: Mapping[str, object], model: str) -> None:
    body = events({**piece("a"), **served}, piece("b", "stop"))
    assert mocked(lambda _: streamed(body), stream).model == model


def test_a_stream_is_read_as_it_comes() -> None:
    async def main() -> list[str]:
        more = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield events(piece("a"))
            await more.wait()
            yield events(piece("b", "stop")) + b"data: [DONE]\n\n"

        transport = httpx2.MockTransport(lambda _: streamed(body()))
        async with httpx2.AsyncClient(transport=transport) as client:
            found = []
            async for delta in HttpProvider(ROW, OpenAIDialect(), client).stream(ASKED):
                found.append(delta.text)
                more.set()
        return found

    assert asyncio.run(main()) == ["a", "b"]


def test_after_the_last_event_nothing_is_waited_for() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield events(piece("a", "stop")) + b"data: [DONE]\n\n"
        await asyncio.Event().wait()

    assert mocked(lambda _: streamed(body()), stream).text == "a"


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n\n"])
def test_a_stream_may_end_with_its_last_mark_alone(end: bytes) -> None:
    reply = mocked(lambda _: streamed(events(piece("a")) + end), stream)
    assert (reply.text, reply.finish_reason) == ("a", "stop")


def test_the_last_event_may_lack_its_blank_line() -> None:
    body = events(piece("a"), piece("b", "stop")).rstrip()
    assert mocked(lambda _: streamed(body), stream).text == "ab"


@pytest.mark.parametrize("error", [httpx2.ReadError("reset"), httpx2.ReadTimeout("")])
def test_a_reply_that_is_whole_survives_a_broken_connection(error: Exception) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield events(piece("a", "stop"))
        raise error

    assert mocked(lambda _: streamed(body()), stream).text == "a"


def test_what_breaks_after_the_last_event_does_no_harm() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield events(piece("a", "stop")) + b"data: [DONE]\n\n"
        yield b": more\n"
        raise httpx2.ReadError("reset")

    assert mocked(lambda _: streamed(body()), stream).text == "a"


def test_a_stream_that_breaks_before_is_an_error() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield events(piece("a"))
        raise httpx2.ReadError("reset")

    error = failure(lambda _: streamed(body()), stream)
    assert str(error) == "mine broke the connection: reset"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (events(piece("a")), "mine cut the stream before the reply was complete"),
        (b"data: {", "mine sent an event that is not JSON: {"),
        (
            events(piece("a"), {"error": {"message": f"bad key {KEY}"}}),
            "mine reported an error: bad key ***",
        ),
    ],
)
def test_errors_in_a_stream_name_the_endpoint(body: bytes, said: str) -> None:
    assert str(failure(lambda _: streamed(body), stream)) == said
