"""The completions under way: each ends when its caller hangs up, or when the server has to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from flowrun.gateway.attempt import HUNG_UP
from flowrun.gateway.faults import Fault
from flowrun.gateway.incoming import Receive

_AGAIN_AFTER_S = 1.0


class Running:
    """Whether new work is taken, and what is under way."""

    def __init__(self) -> None:
        self.is_draining = False
        self.watched: set[Watch] = set()

    def require_open(self) -> None:
        """Refuses new work while the server drains. Raises: Fault 503."""
        if self.is_draining:
            raise shutting_down()

    def drain(self) -> None:
        """No more is begun; may be called again."""
        self.is_draining = True

    def cut(self) -> None:
        """Ends what is still under way."""
        for each in list(self.watched):
            each.cut()


class Watch:
    """Ends the task it is entered in when the caller hangs up: at once, whatever it waits for.

    `is_gone` and `is_cut` say why it was ended; the first is no error, and leaves the `with`
    quietly. The body has to be read before.
    """

    def __init__(self, receive: Receive, running: Running) -> None:
        self._receive = receive
        self._running = running
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.is_gone = False
        self.is_cut = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._watcher = asyncio.get_running_loop().create_task(self._listen())
        self._running.watched.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._running.watched.discard(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if self.is_gone and isinstance(error, asyncio.CancelledError):
            self.recover()
            return True
        return False

    def cut(self) -> None:
        """Ends the task, for the server ends."""
        if not (self.is_gone or self.is_cut) and self._task is not None:
            self.is_cut = True
            self._task.cancel()

    def recover(self) -> None:
        """Lets the task go on after its end: there is something left to say."""
        if self._task is not None:
            self._task.uncancel()

    async def _listen(self) -> None:
        with suppress(asyncio.CancelledError):
            while (await self._receive())["type"] != "http.disconnect":
                pass
            if not self.is_cut and self._task is not None:
                self.is_gone = True
                self._task.cancel(HUNG_UP)


def shutting_down() -> Fault:
    """What is told while the server ends."""
    return Fault(
        503,
        "the server is shutting down",
        code="shutting_down",
        kind="server_error",
        retry_after_s=_AGAIN_AFTER_S,
    )
