"""The event stream of one answer over ASGI: begun with its first content, kept alive in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from flowrun.gateway.incoming import Send

ALIVE_EVERY_S = 15.0
_ALIVE = b": keep-alive\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Events:
    """The body of an answer in server-sent events, inside of a `with`.

    The status waits for the first content, so that a provider's early refusal is one of HTTP's;
    but after `alive_every_s` without a byte it is sent, and a comment for each such time.
    """

    def __init__(
        self,
        send: Send,
        headers: Sequence[tuple[bytes, bytes]],
        *,
        alive_every_s: float = ALIVE_EVERY_S,
    ) -> None:
        self._send = send
        self.headers = [*_HEADERS, *headers]
        self._every_s = alive_every_s
        self._loop = asyncio.get_running_loop()
        self._written_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._comment: asyncio.Task[None] | None = None
        self.is_started = False

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._every_s, self._look)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def write(self, data: bytes) -> None:
        """Some events, after the status if it was not sent yet."""
        if self._comment is not None:
            await self._comment
        await self._put(data)

    async def end(self) -> None:
        """The end of the body."""
        if self._comment is not None:
            await self._comment
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _put(self, data: bytes) -> None:
        self._written_at = self._loop.time()
        if not self.is_started:
            self.is_started = True
            start = {"type": "http.response.start", "status": 200, "headers": self.headers}
            await self._send(start)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def _look(self) -> None:
        quiet_s = self._loop.time() - self._written_at
        is_writing = self._comment is not None and not self._comment.done()
        if quiet_s >= self._every_s and not is_writing:
            self._comment = self._loop.create_task(self._put(_ALIVE))
            quiet_s = 0.0
        self._timer = self._loop.call_later(self._every_s - quiet_s, self._look)
