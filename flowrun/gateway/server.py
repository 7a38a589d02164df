"""uvicorn with what it lacks: deadlines for slow callers, a bound of connections, a drain.

A connection is dropped when the headers of a request are not there in time or too large, and
when an answer is not taken. At the bound of connections the one that has waited longest for its
request makes room. SIGTERM or SIGINT: no new connections, what runs may end, then it is cut.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flowrun.errors import UsageError
from flowrun.serving import ServeSettings

LARGEST_HEADERS_BYTES = 32 * 2**10
_TAKEN_WITHIN_S = 30.0
_AFTER_THE_CUT_S = 2.0
App: TypeAlias = Callable[..., object]
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
_CLOSING = b"content-length: 0\r\nconnection: close\r\n\r\n"


class Guarded(HttpToolsProtocol):
    """One connection; `settings` and `waiting` are of its server.

    `waiting` holds the connections that have no whole request, the oldest first.
    """

    settings: ServeSettings
    waiting: dict[Guarded, None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Makes room, or refuses."""
        self._deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._has_headers = False
        self._untaken: asyncio.TimerHandle | None = None
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > self.settings.max_connections:
            oldest = next(iter(self.waiting), None)
            if oldest is None:
                self._answer(_TOO_MANY)
                return
            oldest.transport.abort()
            self.waiting.pop(oldest, None)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._stop_waiting()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hears more of a request, or the beginning of the next one."""
        if self.transport.is_closing():
            return
        self._header_bytes += len(data)  # which begins anew where headers, or a body, end
        super().data_received(data)
        if self._has_headers or self.transport.is_closing():
            return
        if self._header_bytes > LARGEST_HEADERS_BYTES:
            self._answer(_TOO_LARGE)
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_request()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._has_headers = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._has_headers = True
        self._header_bytes = 0
        self._stop_waiting()
        if sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEADERS_BYTES:
            self._answer(_TOO_LARGE)
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there; what follows is another one."""
        super().on_message_complete()
        self._has_headers = False
        self._header_bytes = 0

    def on_response_complete(self) -> None:
        """The answer is sent; the connection may be closed to make room."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self.waiting[self] = None

    def pause_writing(self) -> None:
        """The caller takes nothing."""
        super().pause_writing()
        self._untaken = self.loop.call_later(_TAKEN_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller takes it again."""
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _await_request(self) -> None:
        self.waiting.pop(self, None)
        self.waiting[self] = None
        self._deadline = self.loop.call_later(self.settings.header_timeout_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _answer(self, status: bytes) -> None:
        self._stop_waiting()
        self.transport.write(status + _CLOSING)
        self.transport.close()


class Server(uvicorn.Server):
    """A server that tells when it begins to drain, and when what still runs is to be cut."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain_s: float,
        on_drain: Callable[[], None],
        on_cut: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._on_drain = on_drain
        self._on_cut = on_cut

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain; a second SIGINT ends at once. The signal is not raised again."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()
        self._on_drain()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets what runs end, cuts what does not, and closes."""
        self._on_drain()
        cut = asyncio.get_running_loop().call_later(self._drain_s, self._on_cut)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises: UsageError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise UsageError(unbound(host, port, error)) from error
    found.setblocking(False)
    return found


def unbound(host: str, port: int, error: OSError) -> str:
    """What is said where a server cannot listen."""
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}: choose another --host"
    said = f"cannot listen on {host}:{port}: {error.strerror}"
    if isinstance(error, socket.gaierror):
        return f"{said}; choose another --host"
    if error.errno == errno.EACCES:
        return f"{said}; a port below 1024 is for the system: choose a higher --port"
    return f"{said}; choose another --port"


def server_of(
    app: App,
    settings: ServeSettings,
    *,
    on_drain: Callable[[], None],
    on_cut: Callable[[], None],
) -> Server:
    """A server for the app; run it by `server.run(sockets=[bound(...)])`, or `serve` in a loop.

    `on_drain` is called when it is told to end, perhaps twice, `on_cut` when `settings.drain_s`
    later something still runs.
    """
    facts = {"settings": settings, "waiting": {}}
    config = uvicorn.Config(
        app,
        http=type("Guarded", (Guarded,), facts),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.drain_s + _AFTER_THE_CUT_S)),
    )
    return Server(config, drain_s=settings.drain_s, on_drain=on_drain, on_cut=on_cut)
