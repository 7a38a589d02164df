from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.http import LARGEST_REPLY_BYTES, HttpProvider
from tests.support.mocked_http import (
    ASKED,
    Use,
    both_ways,
    completion,
    events,
    failure,
    mocked,
    piece,
    streamed,
)


@both_ways
def test_a_reply_has_to_be_finished_in_time(use: Use) -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b": still here\n\n"
            await asyncio.sleep(0.01)

    error = failure(lambda _: streamed(body()), use, total_timeout_s=0.05)
    assert str(error) == "mine did not finish its reply within 0.1 s"
    assert isinstance(error, Unavailable)


def test_a_slow_listener_is_not_cut_off_in_its_own_work() -> None:
    async def main(provider: HttpProvider) -> str:
        found = ""
        async for delta in provider.stream(ASKED):
            await asyncio.sleep(0.1)
            found += delta.text
        return found

    body = events(piece("a"), piece("b"), piece("c", "stop"))
    assert mocked(lambda _: streamed(body), main, total_timeout_s=0.05) == "abc"


@both_ways
@pytest.mark.parametrize("compressed", [False, True])
def test_a_reply_above_the_cap_is_not_read_to_its_end(use: Use, compressed: bool) -> None:
    part = b": " + b"x" * 2**20 + b"\n"
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield gzip.compress(part * 64) if compressed else part

    headers = {"content-type": "text/event-stream"}
    if compressed:
        headers["content-encoding"] = "gzip"
    error = failure(lambda _: httpx2.Response(200, headers=headers, content=body()), use)
    assert str(error) == "mine sent a reply above 48 MiB"
    assert type(error) is ProviderError
    assert sent <= LARGEST_REPLY_BYTES // 2**20 + 1


@both_ways
def test_a_reply_that_says_it_is_too_large_is_not_read_at_all(use: Use) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    headers = {"content-length": str(LARGEST_REPLY_BYTES + 1), "content-type": "text/event-stream"}
    error = failure(lambda _: httpx2.Response(200, headers=headers, content=body()), use)
    assert str(error) == "mine sent a reply above 48 MiB"


@both_ways
def test_a_compressed_reply_is_read(use: Use) -> None:
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    body = gzip.compress(json.dumps(completion("zip")).encode())
    assert mocked(lambda _: httpx2.Response(200, headers=headers, content=body), use).text == "zip"


def test_a_body_that_cannot_be_decompressed_may_be_asked_for_again() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"no gzip at all"

        return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=body())

    error = failure(answer)
    assert isinstance(error, Unavailable)
    assert str(error).startswith("mine sent a body that cannot be decompressed: ")
