"""Completions under way: ended by their callers, or by the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowrun.gateway.faults import Fault
from flowrun.gateway.running import Running, Watch


class Caller:
    """Somebody who sends a stray message, then hangs up once `gone` is set."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._stray = [{"type": "http.request", "body": b"", "more_body": False}]

    async def __call__(self) -> dict[str, Any]:
        if self._stray:
            return self._stray.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}


def test_who_hangs_up_ends_the_work_quietly() -> None:
    async def main() -> tuple[bool, int]:
        caller, running = Caller(), Running()
        caller.gone.set()
        async with Watch(caller, running) as watch:
            await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        return watch.is_gone, task.cancelling() + len(running.watched)

    assert asyncio.run(main()) == (True, 0)


def test_the_server_s_end_is_heard_by_the_work() -> None:
    async def main() -> bool:
        running = Running()
        async with Watch(Caller(), running) as watch:
            asyncio.get_running_loop().call_soon(running.cut)
            asyncio.get_running_loop().call_soon(running.cut)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                watch.recover()
                await asyncio.sleep(0)
        return watch.is_cut

    assert asyncio.run(main())


def test_any_other_end_passes() -> None:
    async def main() -> None:
        async with Watch(Caller(), Running()):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_a_cancellation_by_others_passes() -> None:
    async def work() -> None:
        async with Watch(Caller(), Running()):
            await asyncio.Event().wait()

    async def main() -> bool:
        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(main())


def test_nothing_is_begun_while_the_server_drains() -> None:
    running = Running()
    running.require_open()
    running.drain()
    with pytest.raises(Fault) as caught:
        running.require_open()
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1.0)
