"""An MCP server as a process: messages over its pipes, and its end with all that it started.

The official package's own way adds variables to the environment, reads lines of any length
and does not tell how a server ended; this one gives it the two streams that it works on.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import anyio
import mcp_types
from mcp.shared.message import SessionMessage

from flowrun.dataclass import dataclass
from flowrun.digest import is_crowded
from flowrun.errors import ToolError
from flowrun.masking import Masker

LARGEST_MESSAGE_BYTES = 10 * 2**20
MOST_FOREIGN_LINES = 10_000
"""How many lines on end may be no messages: a server may print, and not for ever."""
_TAIL_BYTES = 4096
_TAIL_CHARACTERS = 300
_AFTER_STDIN_S = 0.5
_AFTER_TERM_S = 1.5
_AFTER_KILL_S = 1.0
_AFTER_EXIT_S = 0.2
"""How long what an ended process still had in its pipe may take to arrive."""


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a server: the words of its command, its whole environment, where it runs."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


class StdioLink:
    """One start of a server over its pipes; entered, it gives the streams of a session.

    `over` is set when the server has ended, or by whoever wants it to. Leaving it closes the
    server's input, ends what is left of its process group, and takes 3 seconds at most.
    """

    def __init__(self, command: Command, masker: Masker) -> None:
        self._command = command
        self._masker = masker
        self._pipes = _Pipes()
        self._ending = ""

    @property
    def over(self) -> asyncio.Event:
        """Whether the server has ended, or shall."""
        return self._pipes.over

    def ending(self) -> str:
        """How the server ended by itself, nothing if it did not."""
        return self._ending

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        tail = self._pipes.tail.decode(errors="replace")
        return " ".join(self._masker.mask(tail).split())[-_TAIL_CHARACTERS:]

    async def __aenter__(self) -> tuple[_Incoming, _Outgoing]:
        command = self._command
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self._pipes,
                *command.words,
                env=dict(command.environment),
                cwd=command.folder,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            missing = command.folder if not command.folder.is_dir() else command.words[0]
            raise ToolError(f'there is no "{missing}"') from error
        except (OSError, ValueError) as error:
            raise ToolError(f'"{command.words[0]}" cannot be run: {error}') from error
        return _Incoming(self._pipes), _Outgoing(self._pipes)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        pipes = self._pipes
        try:
            await self._end()
        finally:
            # Nothing waits here: this must hold even if the run is cancelled a second time.
            pipes.signal(signal.SIGKILL)
            pipes.transport.close()
        await _within(_AFTER_KILL_S, pipes.gone)

    async def _end(self) -> None:
        pipes = self._pipes
        was_over = pipes.over.is_set()
        pipes.pipe(0).close()
        await _within(_AFTER_STDIN_S, pipes.exited)
        if was_over:
            self._ending = pipes.ending()
        if not pipes.exited.is_set():
            pipes.signal(signal.SIGTERM)
            await _within(_AFTER_TERM_S, pipes.exited)


class _Pipes(asyncio.SubprocessProtocol):
    """The pipes of one process, and how it ends.

    What it says is read as it comes: the session takes every line at once, so that only a part
    of one waits here.
    """

    def __init__(self) -> None:
        self.transport: asyncio.SubprocessTransport
        self.over = asyncio.Event()
        self.exited = asyncio.Event()
        self.gone = asyncio.Event()
        self.tail = b""
        self.refused = ""
        self._waiting = bytearray()
        self._searched = 0
        self._has_ended = False
        self._arrived = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.tail = (self.tail + data)[-_TAIL_BYTES:]
            return
        if self._has_ended:
            return
        self._waiting += data
        self._arrived.set()
        if len(self._waiting) > LARGEST_MESSAGE_BYTES:
            self.refuse(f"it sent more than {LARGEST_MESSAGE_BYTES // 2**20} MB at once")

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._end()

    def process_exited(self) -> None:
        self.exited.set()
        # A process that it left behind may hold the pipe open.
        asyncio.get_running_loop().call_later(_AFTER_EXIT_S, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self.gone.set()

    def pipe(self, fd: int) -> asyncio.BaseTransport:
        """One of the pipes, by the number that it has in the process."""
        return cast("asyncio.BaseTransport", self.transport.get_pipe_transport(fd))

    async def line(self) -> bytes | None:
        """The next line, None when there are no more."""
        while True:
            at = self._waiting.find(b"\n", self._searched)
            if at >= 0:
                line = bytes(self._waiting[:at])
                del self._waiting[: at + 1]
                self._searched = 0
                return line
            self._searched = len(self._waiting)
            if self._has_ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()

    def refuse(self, reason: str) -> None:
        """Listens no more, for this reason."""
        self.refused = reason
        self._waiting.clear()
        self._end()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process and to what it started, if anything is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.transport.get_pid(), number)

    def ending(self) -> str:
        """How it ended, or what it did instead."""
        status = self.transport.get_returncode()
        if self.refused:
            return self.refused
        if status is None:
            return "it closed its output"
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    def _end(self) -> None:
        self._has_ended = True
        self._arrived.set()
        self.over.set()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class _Stream:
    """What both streams of a session are besides: entered and left without effect."""

    async def aclose(self) -> None:
        """Leaves all to the link, which owns the pipes."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        return None


class _Incoming(_Stream):
    """What the server says, one message after the other."""

    def __init__(self, pipes: _Pipes) -> None:
        self._pipes = pipes
        self._foreign = 0

    def __aiter__(self) -> _Incoming:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        line = await self._pipes.line()
        if line is None:
            raise StopAsyncIteration
        if is_crowded(line):
            self._pipes.refuse("it sent too many values at once")
            raise StopAsyncIteration
        try:
            message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError as error:
            # Servers that print for people among their messages are common.
            self._foreign += 1
            if self._foreign < MOST_FOREIGN_LINES:
                return error
            self._pipes.refuse(f"it wrote {MOST_FOREIGN_LINES:,} lines that are no messages")
            raise StopAsyncIteration from error
        self._foreign = 0
        return SessionMessage(message)

    async def receive(self) -> SessionMessage | Exception:
        """The next message. Raises: anyio.EndOfStream."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise anyio.EndOfStream from None


class _Outgoing(_Stream):
    """What is said to the server; nothing ever waits for it to listen."""

    def __init__(self, pipes: _Pipes) -> None:
        self._pipes = pipes
        self._stdin = cast("asyncio.WriteTransport", pipes.pipe(0))

    async def send(self, item: SessionMessage, /) -> None:
        """Writes a message. Raises: anyio.ClosedResourceError."""
        if self._pipes.over.is_set() or self._stdin.is_closing():
            raise anyio.ClosedResourceError
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        self._stdin.write(text.encode() + b"\n")
