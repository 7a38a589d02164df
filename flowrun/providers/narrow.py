"""The HTTP client for few requests in flight: httpx2's own pool on asyncio's sockets.

The pool's own way to a socket is anyio, which takes a tenth of what a whole step takes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import httpcore2
import httpx2
from aiohappyeyeballs import start_connection

_NEXT_ADDRESS_AFTER_S = 0.25
"""Of a host with several addresses the next is tried when one is silent for so long (RFC 8305)."""

_MOST_WAITING_BYTES = 2**18


class NarrowClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient`, proxies from the environment included, without anyio's streams."""

    def _init_transport(self, **settings: Any) -> httpx2.AsyncBaseTransport:  # type: ignore[override]  # handed on as it is
        return _on_asyncio(super()._init_transport(**settings))

    def _init_proxy_transport(self, *args: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        return _on_asyncio(super()._init_proxy_transport(*args, **settings))

    def way(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Mapping[str, float | None],
    ) -> Way | None:
        """The way past the client's own layers: no cookies, redirects or hooks are looked at.

        None where the address holds a password, of which they make a header.
        Raises: httpx2.InvalidURL.
        """
        address = httpx2.URL(url)
        if address.userinfo:
            return None
        transport = self._transport_for_url(address)
        return Way(transport, method, address, httpx2.Headers(headers), timeouts)


class Way:
    """An address with all that is the same in each request to it."""

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport,
        method: str,
        url: httpx2.URL,
        headers: httpx2.Headers,
        timeouts: Mapping[str, float | None],
    ) -> None:
        self._transport = transport
        self._method = method
        self._url = url
        self._headers = headers
        self._extensions = {"timeout": timeouts}

    async def ask(self, body: bytes) -> httpx2.Response:
        """A response whose body is still to be read."""
        request = httpx2.Request(
            self._method,
            self._url,
            headers=self._headers,
            content=body,
            extensions=self._extensions,
        )
        return await self._transport.handle_async_request(request)


def _on_asyncio(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
    if isinstance(transport, httpx2.AsyncHTTPTransport):
        # The pool has a setting for it, which httpx2 does not pass on.
        transport._pool._network_backend = Network()
    return transport


class Network(httpcore2.AsyncNetworkBackend):
    """Opens connections in the running loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the pool's protocol
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> Connection:
        """A connection without TLS."""
        loop = asyncio.get_running_loop()
        with _told(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            async with asyncio.timeout(timeout):
                addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                # asyncio's own race between addresses leaks the winner when it is cancelled.
                winner = await start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, loop=loop
                )
                _, connection = await loop.create_connection(Connection, sock=winner)
        for option in socket_options or ():
            connection.get_extra_info("socket").setsockopt(*option)
        return connection


class Connection(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connection, whose reads and writes wait for asyncio's transport."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiting = bytearray()
        self._has_ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # What the pool asks for.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """What came in; nothing at the end."""
        if not self._waiting and not self._has_ended:
            self._reader = self._loop.create_future()
            with _told(httpcore2.ReadTimeout, httpcore2.ReadError):
                async with asyncio.timeout(timeout):
                    await self._reader
        if not self._waiting and self._error is not None:
            raise httpcore2.ReadError(str(self._error)) from self._error
        found = bytes(self._waiting[:max_bytes])
        del self._waiting[:max_bytes]
        self._transport.resume_reading()
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Sends it, or as much as the transport takes before it waits."""
        if self._transport.is_closing():
            raise httpcore2.WriteError("the connection is closed") from self._error
        self._transport.write(buffer)
        if self._writer is not None:
            with _told(httpcore2.WriteTimeout, httpcore2.WriteError):
                async with asyncio.timeout(timeout):
                    await self._writer

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Connection:
        """This connection, from now on with TLS."""
        try:
            with _told(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                async with asyncio.timeout(timeout):
                    transport = await self._loop.start_tls(
                        self._transport, self, ssl_context, server_hostname=server_hostname
                    )
        except BaseException:
            self._transport.abort()
            raise
        assert transport is not None
        self._transport = transport
        return self

    async def aclose(self) -> None:
        """Closes it without a farewell."""
        self._transport.abort()
        await asyncio.sleep(0)  # the transport's turn

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection; `is_readable`: it is no use to whoever would write."""
        match info:
            case "is_readable":
                return bool(self._waiting) or self._has_ended
            case "client_addr":
                return self._transport.get_extra_info("sockname")
            case "server_addr":
                return self._transport.get_extra_info("peername")
            case _:
                return self._transport.get_extra_info(info)

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods alone

    def data_received(self, data: bytes) -> None:
        """Keeps what came in; what is more has to wait."""
        self._waiting += data
        if len(self._waiting) > _MOST_WAITING_BYTES:
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        """Nothing more comes in."""
        self._has_ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes in or goes out."""
        self._has_ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """Enough waits to go out."""
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        """More may go out."""
        _wake(self._writer)
        self._writer = None


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


@contextmanager
def _told(too_late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Errors as the pool's."""
    try:
        yield
    except TimeoutError as error:
        raise too_late(str(error)) from error
    except OSError as error:  # ssl.SSLError is one
        raise failed(str(error)) from error
