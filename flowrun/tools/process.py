"""One process with its descendants: started, fed, read within bounds, and always ended.

run:  start, in a session of its own -> feed, read -> it ends -> whatever it left behind is killed
      cancelled, or too much is written -> TERM -> after a second KILL
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import cast

from flowrun.dataclass import dataclass

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Command:
    """What is started: `program` is a path, `environment` the whole of it."""

    program: str
    arguments: Sequence[bytes]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be written: more on stdout ends the process, of stderr the end is kept."""

    stdout_bytes: int
    stderr_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; `status` is negative for a signal. `is_full`: it wrote too much."""

    status: int
    stdout: bytes
    stderr: bytes
    is_full: bool


async def run(command: Command, stdin: bytes | None, bounds: Bounds) -> Ended:
    """Runs the command to its end; cancelled, it is ended with all that it started.

    Raises: OSError if it cannot be started.
    """
    loop = asyncio.get_running_loop()
    transport, child = await loop.subprocess_exec(
        lambda: _Child(bounds),
        command.program,
        *command.arguments,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=command.folder,
        env=dict(command.environment),
        start_new_session=True,
    )
    try:
        if stdin is not None:
            feed = cast("asyncio.WriteTransport", transport.get_pipe_transport(_STDIN))
            feed.write(stdin)
            feed.close()
        await child.wait()
    finally:
        try:
            await _end(transport, child)
        finally:
            _signal(transport.get_pid(), signal.SIGKILL)
            transport.close()
    status = transport.get_returncode()
    # Not even KILL ends at once what waits for a broken disk.
    known = -signal.SIGKILL if status is None else status
    return Ended(known, bytes(child.stdout), bytes(child.stderr), child.is_full)


async def _end(transport: asyncio.SubprocessTransport, child: _Child) -> None:
    """Ends what still runs, and waits for the rest of what it wrote."""
    group = transport.get_pid()
    if not child.exited.done():
        _signal(group, signal.SIGTERM)
        await _within_grace(child.exited)
    _signal(group, signal.SIGKILL)
    await _within_grace(child.exited)
    # A descendant in a session of its own may hold the pipes open for ever.
    await _within_grace(child.closed)


async def _within_grace(future: asyncio.Future[None]) -> None:
    await asyncio.wait((future,), timeout=_GRACE_S)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Child(asyncio.SubprocessProtocol):
    """What the process writes, and its end, which may come before that of its pipes."""

    def __init__(self, bounds: Bounds) -> None:
        loop = asyncio.get_running_loop()
        self.stdout, self.stderr = bytearray(), bytearray()
        self.is_full = False
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._full: asyncio.Future[None] = loop.create_future()
        self._bounds = bounds
        self._open = {_STDOUT, _STDERR}

    async def wait(self) -> None:
        """Until it has ended, or has written too much."""
        await asyncio.wait((self.exited, self._full), return_when=asyncio.FIRST_COMPLETED)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _STDERR:
            self.stderr += data
            del self.stderr[: -self._bounds.stderr_bytes]
        elif len(self.stdout) + len(data) <= self._bounds.stdout_bytes:
            self.stdout += data
        else:
            self.is_full = True
            _done(self._full)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            _done(self.closed)

    def process_exited(self) -> None:
        _done(self.exited)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
