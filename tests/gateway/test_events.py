"""The events of an answer over ASGI, and the comments that keep it alive."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from flowrun.gateway.events import Events


class Sent:
    """What an ASGI server was told; `alive` is set at the first comment."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        self.alive = asyncio.Event()

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)
        if message.get("body", b"").startswith(b":"):
            self.alive.set()

    @property
    def bodies(self) -> list[bytes]:
        return [each["body"] for each in self.messages[1:]]


def test_the_status_waits_for_the_first_events() -> None:
    async def main() -> Sent:
        sent = Sent()
        with Events(sent, [(b"x-a", b"b")]) as events:
            assert not events.is_started
            await events.write(b"data: 1\n\n")
            assert events.is_started
            await events.end()
        return sent

    sent = asyncio.run(main())
    assert sent.messages[0]["status"] == 200
    assert (b"x-a", b"b") in sent.messages[0]["headers"]
    assert sent.bodies == [b"data: 1\n\n", b""]
    assert [each["more_body"] for each in sent.messages[1:]] == [True, False]


def test_a_silent_answer_is_kept_alive_by_comments() -> None:
    async def main() -> Sent:
        sent = Sent()
        with Events(sent, [], alive_every_s=0.005) as events:
            await sent.alive.wait()
            sent.alive.clear()
            await sent.alive.wait()
            assert events.is_started
            await events.write(b"data: 1\n\n")
            await events.end()
        return sent

    bodies = asyncio.run(main()).bodies
    assert bodies[0] == bodies[1] == b": keep-alive\n\n"
    assert bodies[-2:] == [b"data: 1\n\n", b""]


def test_events_wait_for_a_comment_that_is_being_sent() -> None:
    async def main() -> list[bytes]:
        told: list[bytes] = []
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                begun.set()
                await may_end.wait()
            told.append(message.get("body", b""))

        with Events(send, [], alive_every_s=0.001) as events:
            await begun.wait()
            asyncio.get_running_loop().call_later(0.02, may_end.set)
            await events.write(b"data: 1\n\n")
            await events.end()
        return told

    told = asyncio.run(main())
    assert told[:2] == [b"", b": keep-alive\n\n"]
    assert (told.count(b"data: 1\n\n"), told[-1]) == (1, b"")
