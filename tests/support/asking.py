"""The stack of providers that a run uses, pointed at a scripted endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, fold
from flowrun.errors import ProviderError
from flowrun.providers.base import Endpoint, Provider
from flowrun.providers.gate import Gate
from flowrun.providers.health import Health
from flowrun.providers.http import HttpProvider, open_client
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.wrap import Backoff, Limited, Retrying

KEY = "sk-canary-0123456789"
Transport: TypeAlias = Literal["pool", "aiohttp"]
Mode: TypeAlias = Literal["send", "stream"]
TRANSPORTS: tuple[Transport, ...] = ("pool", "aiohttp")
MODES: tuple[Mode, ...] = ("send", "stream")
IN_FLIGHT: dict[Transport, int] = {"pool": 8, "aiohttp": 64}
"""So many in flight that the transport is chosen."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is configured for the endpoint; waits between retries are short."""

    retries: int = 0
    idle_s: float = 20.0
    total_s: float = 30.0


@asynccontextmanager
async def asking(
    url: str, transport: Transport, limits: Limits | None = None
) -> AsyncIterator[Provider]:
    """A provider for the endpoint at `url`, as a run would have it."""
    limits = limits or Limits()
    row = Endpoint(
        "bench",
        "openai",
        url,
        connect_timeout_s=5.0,
        idle_timeout_s=limits.idle_s,
        total_timeout_s=limits.total_s,
    )
    in_flight = IN_FLIGHT[transport]
    async with open_client(in_flight, tls=False) as client:
        provider = HttpProvider(row, OpenAIDialect(), client, key=KEY)
        health = Health(in_flight=in_flight)
        limited = Limited(provider, Gate(in_flight), health)
        backoff = Backoff(retries=limits.retries, base_s=0.02, floor_s=0.0)
        yield Retrying(limited, backoff, health=health)


def request(model: str, prompt: str = "hello") -> ChatRequest:
    """One user message to one model."""
    return ChatRequest(model, (Message("user", (Text(prompt),)),))


async def reply_of(provider: Provider, asked: ChatRequest, mode: Mode) -> ChatReply:
    """The reply, sent for or streamed."""
    if mode == "send":
        return await provider.send(asked)
    return fold([delta async for delta in provider.stream(asked)])


async def outcome_of(provider: Provider, asked: ChatRequest, mode: Mode) -> str:
    """The reply as `text [finish reason]`, or the error as `Type: message`."""
    try:
        reply = await reply_of(provider, asked, mode)
    except ProviderError as error:
        return f"{type(error).__name__}: {error}"
    return f"{reply.text or reply.refusal} [{reply.finish_reason}]"
