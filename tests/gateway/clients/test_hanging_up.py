"""A caller who hangs up ends the call to the provider, and pays for what had come of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import gumloop
import openai

from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.gateway.clients.conftest import World
from tests.support.dialects import ANTHROPIC, GEMINI, Speaker
from tests.support.upstreams import Broken, Upstreams

REPLY = ChatReply("One two three four.", "stop", "m-1", Usage(9, output_tokens=4), id="r-1")
ASKED: list[Any] = [{"role": "user", "content": "Hello."}]


def waiting(speaker: Speaker) -> Broken:
    """The reply up to a part of its text, and then nothing."""
    events = speaker.events(REPLY)
    return Broken(
        REPLY, 1 + next(n for n, each in enumerate(events, 1) if b"One" in each), hangs=True
    )


def until(is_so: Callable[[], bool]) -> None:
    """Returns when it is so: what another process does is told by nothing else."""
    ends_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def account(world: World) -> dict[str, Any]:
    """How the account of the one with credits stands."""
    command = [sys.executable, "-m", "flowrun", "keys", "list", "--json"]
    listed = subprocess.run(command, cwd=world.folder, capture_output=True, check=True)
    return next(each for each in json.loads(listed.stdout) if each["name"] == "rich")


def require_ended(world: World, upstreams: Upstreams, before: dict[str, Any]) -> None:
    (seen,) = upstreams.asked
    until(lambda: seen.gone_at is not None)
    until(lambda: account(world)["held"] == "0")
    assert 0 < Decimal(before["credits"]) - Decimal(account(world)["credits"]) < 1


def test_an_openai_stream_that_is_closed(world: World, upstreams: Upstreams) -> None:
    before = account(world)
    upstreams.say(waiting(ANTHROPIC))
    with openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.rich) as client:
        asked: Any = {"model": f"anthropic/{ANTHROPIC.model}", "messages": ASKED, "stream": True}
        stream = client.chat.completions.create(**asked)
        assert next(iter(stream)).choices[0].delta.content
        stream.close()
        require_ended(world, upstreams, before)


def test_a_gumloop_stream_whose_task_is_cancelled(world: World, upstreams: Upstreams) -> None:
    before = account(world)
    upstreams.say(waiting(GEMINI))

    async def main() -> None:
        begun = asyncio.Event()

        async def listen() -> None:
            url = f"{world.gateway.url}/api/v1"
            async with gumloop.AsyncGumloop(world.rich, base_url=url) as client:
                asked = {"model": f"gemini/{GEMINI.model}", "messages": ASKED}
                async for _ in await client.chat.completions.create(asked, stream=True):
                    begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    require_ended(world, upstreams, before)
