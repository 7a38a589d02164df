"""Providers by a script that a gateway serves as pipelines: they answer, break off, or wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flowrun.chat.messages import ChatReply, ChatRequest, Delta
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.errors import FlowrunError
from flowrun.providers.fake import Fake


class Piped(Fake):
    """A pipeline that answers by a script, and costs a credit at most."""

    description = "a test's"
    inputs: Sequence[Mapping[str, JsonValue]] = ()
    worst_usd: Decimal | None = Decimal("0.01")


class Broken:
    """A pipeline whose stream brings those deltas and then fails, or without an error waits.

    `reached` is set before it does.
    """

    description = ""
    inputs: Sequence[Mapping[str, JsonValue]] = ()
    worst_usd: Decimal | None = Decimal("0.01")

    def __init__(
        self,
        deltas: Sequence[Delta],
        error: FlowrunError | None,
        reached: asyncio.Event | None = None,
    ) -> None:
        self._deltas = deltas
        self._error = error
        self._reached = reached or asyncio.Event()
        self.is_closed = asyncio.Event()

    async def send(self, request: ChatRequest) -> ChatReply:
        raise self._error or AssertionError("never sent")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        try:
            for each in self._deltas:
                yield each
            self._reached.set()
            if self._error is None:
                await asyncio.Event().wait()
            else:
                raise self._error
        finally:
            self.is_closed.set()

    async def aclose(self) -> None: ...


def reply(**facts: Any) -> ChatReply:
    return replace(ChatReply("An answer.", "stop", "m", Usage(10, output_tokens=5)), **facts)
