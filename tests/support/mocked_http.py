"""A provider over HTTP whose transport is a function, and the ways to ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import httpx2
import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, fold
from flowrun.errors import ProviderError
from flowrun.masking import Masker
from flowrun.providers.base import Endpoint
from flowrun.providers.http import HttpProvider
from flowrun.providers.openai import OpenAIDialect

T = TypeVar("T")
ROW = Endpoint("mine", "openai", "https://llm.example.org/v1/", key_env="MINE_API_KEY")
ASKED = ChatRequest("m", (Message("user", (Text("hello, 日本"),)),))
KEY = "sk-canary-0123456789"
Handler = Callable[[httpx2.Request], httpx2.Response]


def completion(text: str = "hi", *, model: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    return {"choices": [choice]} if model is None else {"choices": [choice], "model": model}


def events(*chunks: object) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)


def piece(text: str, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def streamed(content: bytes | AsyncIterator[bytes]) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)


def mocked(
    handler: Handler, use: Callable[[HttpProvider], Coroutine[Any, Any, T]], **row: Any
) -> T:
    async def main() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as client:
            return await use(
                HttpProvider(
                    replace(ROW, **row),
                    OpenAIDialect(Masker([KEY]).mask),
                    client,
                    key=KEY,
                    now=lambda: 0.0,
                )
            )

    return asyncio.run(main())


async def send(provider: HttpProvider, request: ChatRequest = ASKED) -> ChatReply:
    return await provider.send(request)


async def stream(provider: HttpProvider, request: ChatRequest = ASKED) -> ChatReply:
    return fold([delta async for delta in provider.stream(request)])


both_ways = pytest.mark.parametrize("use", [send, stream])


class Use(Protocol):
    """A way to ask a provider."""

    def __call__(
        self, provider: HttpProvider, request: ChatRequest = ...
    ) -> Coroutine[Any, Any, ChatReply]: ...


def failure(
    handler: Handler, use: Callable[[HttpProvider], Coroutine[Any, Any, object]] = send, **row: Any
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        mocked(handler, use, **row)
    return caught.value
