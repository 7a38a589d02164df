"""Wrapped providers in virtual time, and the ways to ask them."""

from __future__ import annotations

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, fold
from flowrun.errors import Unavailable
from flowrun.providers.base import Provider
from flowrun.providers.gate import Gate
from flowrun.providers.health import Health
from flowrun.providers.wrap import Backoff, Limited, Retrying
from tests.support.virtual_time import CLOCK

ASKED = ChatRequest("m", (Message("user", (Text("hello"),)),))


class AsyncReply:
    """A way to ask a provider, whole or in pieces, with one result for both."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, provider: Provider, request: ChatRequest = ASKED) -> ChatReply:
        if self.name == "send":
            return await provider.send(request)
        return fold([delta async for delta in provider.stream(request)])


both_ways = pytest.mark.parametrize(
    "ask", [AsyncReply("send"), AsyncReply("stream")], ids=lambda a: a.name
)


def unavailable(retry_after_s: float | None = None, status: int = 503) -> Unavailable:
    return Unavailable("mine is down", status=status, retry_after_s=retry_after_s, is_overload=True)


def retrying(
    provider: Provider, retries: int = 4, told: list[tuple[str, float, int]] | None = None
) -> Retrying:
    def on_retry(reason: str, delay_s: float, attempt: int) -> None:
        if told is not None:
            told.append((reason, delay_s, attempt))

    return Retrying(provider, Backoff(retries), on_retry=on_retry, clock=CLOCK, dice=lambda: 1.0)


def limited(provider: Provider, limit: int = 4, health: Health | None = None) -> Limited:
    gate = Gate(limit, clock=CLOCK, dice=lambda: 0.0)
    return Limited(provider, gate, health or Health(in_flight=limit, clock=CLOCK))
