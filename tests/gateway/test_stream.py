"""A streamed answer as the events that carry it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Message, Text, ToolCallPiece
from flowrun.errors import FlowrunError, StepError, Unavailable
from flowrun.gateway.attempt import Attempt
from flowrun.gateway.base import Charge
from flowrun.gateway.candidates import Candidate
from flowrun.gateway.codec import Writer
from flowrun.gateway.faults import Fault, fault_of
from flowrun.gateway.stream import Streamed
from flowrun.serving import CreditSettings
from tests.support.piped import Broken

ASKED = ChatRequest("pipeline/p", (Message("user", (Text("Hello."),)),))
END = Delta(finish_reason="stop")


class Noted:
    """A bill that remembers how it ended."""

    is_paid = True

    def __init__(self) -> None:
        self.ends: list[str] = []

    async def settle(self, charge: Charge) -> None:
        self.ends.append(charge.outcome)

    async def release(self) -> None:
        self.ends.append("released")


class Told:
    """A streamed answer and what came of it."""

    def __init__(self, deltas: Sequence[Delta], error: FlowrunError | None = None) -> None:
        self.bill = Noted()
        self.provider = Broken(deltas, error)
        self.replies: list[ChatReply] = []
        candidate = Candidate("pipeline/p", self.provider, ASKED, worst_usd=Decimal(1))
        self.attempt = Attempt(candidate, self.bill, CreditSettings())

    async def open(self) -> Streamed:
        return Streamed(
            self.attempt,
            await self.attempt.first(),
            Writer("id", 1, "pipeline/p", "finish"),
            on_reply=self.replies.append,
            fault=lambda error: fault_of(error, has_own_key=False),
        )

    async def events(self) -> list[Any]:
        streamed = await self.open()
        try:
            return [_data(each) async for each in streamed.chunks()]
        finally:
            await streamed.aclose()


def _data(event: bytes) -> Any:
    return json.loads(event.removeprefix(b"data: ").partition(b"\n\n")[0])


class Ending(Broken):
    """Ends in good order."""

    async def stream(self, request: ChatRequest) -> Any:
        for each in self._deltas:
            yield each


def ending(*deltas: Delta) -> Told:
    told = Told(deltas)
    provider = Ending(deltas, None)
    candidate = Candidate("pipeline/p", provider, ASKED, worst_usd=Decimal(1))
    told.attempt = Attempt(candidate, told.bill, CreditSettings())
    return told


def test_an_answer_ends_with_its_charge_written() -> None:
    told = ending(Delta(text="Hel"), Delta(text="lo."), END)
    events = asyncio.run(told.events())
    assert [each["choices"][0]["delta"].get("content") for each in events] == ["Hel", "lo.", None]
    assert told.bill.ends == ["done"]
    assert told.replies == []


def test_text_that_comes_with_the_end_is_not_lost() -> None:
    told = ending(Delta(text="all", finish_reason="length"))
    first, last = asyncio.run(told.events())
    assert first["choices"][0]["delta"]["content"] == "all"
    assert last["choices"][0]["finish_reason"] == "length"


def test_an_answer_of_nothing_but_its_end_is_one() -> None:
    (only,) = asyncio.run(ending(Delta(id="x"), END).events())
    assert only["choices"][0]["finish_reason"] == "stop"


def test_an_answer_of_nothing_is_none() -> None:
    with pytest.raises(Unavailable, match="ended its reply before it had begun"):
        asyncio.run(ending(Delta(id="x")).events())


def test_pitfall_22_an_answer_without_an_end_breaks_off() -> None:
    told = ending(Delta(text="Half"))
    *_, last = asyncio.run(told.events())
    assert last["error"]["message"] == "pipeline/p did not finish its reply"
    assert told.bill.ends == ["cut"]


def test_an_error_in_the_middle_breaks_off() -> None:
    told = Told([Delta(text="Half")], StepError("it broke"))
    *_, last = asyncio.run(told.events())
    assert last["error"] == {"code": 502, "message": "it broke", "type": "api_error"}
    assert told.bill.ends == ["cut"]


def test_calls_and_blocks_are_shown_to_be_remembered() -> None:
    block = {"by": "test"}
    told = ending(
        Delta(tool_calls=(ToolCallPiece(0, "call_1", "look", "{"),)),
        Delta(tool_calls=(ToolCallPiece(0, arguments="}"),), blocks=(block,)),
        END,
    )
    asyncio.run(told.events())
    (reply,) = told.replies
    assert (reply.tool_calls[0].arguments, reply.blocks) == ("{}", (block,))


def test_an_answer_that_nobody_reads_is_closed_and_charged() -> None:
    async def main() -> Told:
        told = Told([Delta(text="Half")])
        streamed = await told.open()
        await streamed.aclose()
        await streamed.aclose()
        return told

    told = asyncio.run(main())
    assert told.bill.ends == ["gone"]
    assert told.provider.is_closed.is_set()


def test_an_answer_may_be_broken_off_from_without() -> None:
    async def main() -> tuple[bytes, Streamed]:
        streamed = await Told([Delta(text="Half")]).open()
        fault = Fault(503, "the end", code="shutting_down")
        try:
            return streamed.broken(fault), streamed
        finally:
            await streamed.aclose("cut")

    data, streamed = asyncio.run(main())
    assert b"the end" in data
    assert streamed.failure is not None
