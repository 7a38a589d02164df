"""Models that cost exact amounts and take their time, for runs under a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Price, Usage
from flowrun.providers.fake import Answer, Held
from tests.support.running import Models, Stage, said

A_DOLLAR_A_TOKEN = Price(Decimal(0), Decimal(1_000_000))
"""What is said costs a dollar for a token, what is asked nothing."""


def costing(dollars: int | None, text: str = "fine") -> ChatReply:
    """A reply of so many tokens; None: of nobody knows how many."""
    usage = None if dollars is None else Usage(output_tokens=dollars)
    return ChatReply(text, "stop", "scripted", usage)


def slowly(answer: Answer, seconds: float = 1.0) -> Held:
    """The answer after a while."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, event.set)
    return Held(event, answer)


def paid(dollars: int | None = 1) -> Callable[[ChatRequest], Answer]:
    """A script: what was said, after a second, for so much."""
    return lambda request: slowly(costing(dollars, said(request)))


def stage(
    script: Callable[[ChatRequest], Answer] | None = None,
    prices: Mapping[str, Price] | None = None,
    *,
    concurrency: int = 500,
    keep_going: bool = False,
    files: Mapping[str, str] | None = None,
) -> Stage:
    """A stage whose models cost a dollar for each token that they say."""
    known = {"recommended": A_DOLLAR_A_TOKEN, **(prices or {})}
    return Stage(
        models=Models(script or paid(), prices=known),
        concurrency=concurrency,
        keep_going=keep_going,
        files=files or {},
    )


def reached(whose: str, limit: str, spent: str, worst: str = "$1.00") -> str:
    """What is said of it."""
    return (
        f"the budget of {whose} is reached: of {limit} it has spent {spent}, and the next call may "
        f"cost {worst} at worst; raise its usd, or lower max_completion_tokens"
    )
