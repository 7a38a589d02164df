"""An MCP server over streamable HTTP: one client for one start, held to checked addresses.

request: resolve and check the host -> connect to that address and no other -> refuse what can
         be no answer -> bound what is read
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import TYPE_CHECKING

import httpx2
from mcp.client.streamable_http import streamable_http_client

from flowrun.errors import ToolError
from flowrun.tools import addresses

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

LARGEST_ANSWER_BYTES = 10 * 2**20
_CONNECT_S = 10.0
_NOTICE_S = 5.0
_GOODBYE_S = 1.5
_CLOSE_S = 2.0
_SESSION = "mcp-session-id"
_NO_ACCESS = (401, 403, 407)
_NOT_FOUND = 404
_HEAD_BYTES = 64


class HttpLink:
    """One connection to a server over HTTP; entered, it gives the streams of a session.

    `private` are the hosts that may be reached though their address is not a public one. `over`
    is set when the server cannot be reached, breaks off, or has forgotten the session, or by
    whoever wants the link to end. Leaving it takes 2 seconds at most.
    """

    def __init__(
        self,
        url: str,
        token: str,
        private: tuple[str, ...],
        *,
        resolve: addresses.Resolve = addresses.look_up,
    ) -> None:
        self._url = url
        self._token = token
        self._guard = _Guard(_parsed(url), private, resolve)
        self._stack = AsyncExitStack()

    @property
    def over(self) -> asyncio.Event:
        """Whether the server is there no longer, or the link shall end."""
        return self._guard.over

    def ending(self) -> str:
        """How the server ended by itself, nothing if it did not."""
        return self._guard.ending

    def last_words(self) -> str:
        """Nothing: what it writes for people stays with it."""
        return ""

    async def __aenter__(self) -> TransportStreams:
        headers = {"user-agent": "flowrun", "accept-encoding": "identity"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                httpx2.AsyncClient(
                    transport=self._guard,
                    headers=headers,
                    timeout=httpx2.Timeout(_CONNECT_S, read=None, pool=None),
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                    trust_env=False,
                )
            )
            streams = await stack.enter_async_context(
                streamable_http_client(
                    self._url, http_client=client, max_sse_event_size=LARGEST_ANSWER_BYTES
                )
            )
            self._stack = stack.pop_all()
        return streams

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        async with asyncio.timeout(_CLOSE_S):
            return await self._stack.__aexit__(exc_type, exc_val, exc_tb)


class _Guard(httpx2.AsyncBaseTransport):
    """Sends requests to addresses that were checked, and sees when the server is gone."""

    def __init__(
        self, url: httpx2.URL, private: tuple[str, ...], resolve: addresses.Resolve
    ) -> None:
        self.over = asyncio.Event()
        self.ending = ""
        self._private = private
        self._resolve = resolve
        # Reading the certificates costs as much as a small run.
        is_tls = url.scheme == "https"
        tls = httpx2.create_ssl_context() if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._inner = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response, whose body is bounded."""
        try:
            async with asyncio.timeout(_patience(request)):
                response = await self._send(request)
            self._require_answer(request, response)
        except (httpx2.TransportError, ToolError, TimeoutError) as error:
            self._lost(request, error)
            raise
        return response

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """The response of the first address of the host that takes a connection."""
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await addresses.checked(url.host, port, self._private, resolve=self._resolve)
        for address in found[:-1]:
            try:
                return await self._inner.handle_async_request(_addressed(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_addressed(request, found[-1]))

    def _require_answer(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Refuses what can be no answer, and bounds what may be one."""
        status = response.status_code
        if status in _NO_ACCESS:
            raise ToolError(f"it refuses access: HTTP {status}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ToolError("it answered in a compression that nobody asked for")
        if status == _NOT_FOUND and _SESSION in request.headers:
            self._end("it has forgotten the session")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Watched(response, self._broken if request.method == "POST" else None)

    def _broken(self, error: httpx2.TransportError) -> None:
        self._end(f"the connection broke: {error}")

    def _lost(self, request: httpx2.Request, error: Exception) -> None:
        """Notes that there is no way to the server; a stream of notices alone may end."""
        is_late = isinstance(error, TimeoutError | httpx2.TimeoutException)
        told = "it did not answer in time" if is_late else str(error) or "the connection broke"
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            self._end(f"{request.url.host} cannot be reached: {told}")
        elif request.method == "POST":
            self._end(told)

    def _end(self, reason: str) -> None:
        self.ending = self.ending or reason
        self.over.set()


class _Watched(httpx2.AsyncByteStream):
    """The body of a response, bounded; a stream of events is bounded elsewhere, event by event."""

    def __init__(
        self, response: httpx2.Response, broken: Callable[[httpx2.TransportError], None] | None
    ) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._inner = response.stream
        kind = response.headers.get("content-type", "")
        self._is_bounded = not kind.lower().startswith("text/event-stream")
        self._broken = broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size_bytes = 0
        try:
            async for chunk in self._inner:
                size_bytes += len(chunk)
                if self._is_bounded and size_bytes > LARGEST_ANSWER_BYTES:
                    largest = LARGEST_ANSWER_BYTES // 2**20
                    raise httpx2.StreamError(f"the answer is larger than {largest} MB")
                yield chunk
        except httpx2.TransportError as error:
            if self._broken is not None:
                self._broken(error)
            raise

    async def aclose(self) -> None:
        """Closes the response."""
        await self._inner.aclose()


def _addressed(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request to an address; the host's name stays in the header and in TLS."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _patience(request: httpx2.Request) -> float | None:
    """How long the head of a response may take; that of a call is its caller's affair."""
    if request.method == "DELETE":
        return _GOODBYE_S
    is_notice = b'"method":"notifications/' in request.content[:_HEAD_BYTES]
    return _NOTICE_S if request.method == "POST" and is_notice else None


def _parsed(url: str) -> httpx2.URL:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ToolError(f"the URL cannot be used: {error}") from error
