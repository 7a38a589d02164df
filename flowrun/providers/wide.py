"""The HTTP client for many requests in flight: httpx2's API on aiohttp's sockets.

httpx2's own pool looks at every connection for every request, which costs the more the wider
a run is; aiohttp's does not. It is imported only where it is needed, for importing it costs
more than a small run takes.

Two ways lead to a socket:

    AsyncClient.send ── _Transport ── ClientSession     any request, by a proxy too
    Way.ask ────────────────────────────┐               a small body to an address known before,
                                    TCPConnector        written in one piece where it is asked

The second takes a fifth of the first's time, and no turn of the loop passes between the call and
the bytes on their way: answers that come together are not sent on together, each after all.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import aiohttp
import httpx2
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

_KINDS: tuple[tuple[type[aiohttp.ClientError], type[httpx2.RequestError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx2.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx2.ReadTimeout),
    (aiohttp.InvalidURL, httpx2.UnsupportedProtocol),
    (aiohttp.ClientProxyConnectionError, httpx2.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx2.ProxyError),
    (aiohttp.ClientConnectorError, httpx2.ConnectError),
    (aiohttp.ClientConnectionError, httpx2.NetworkError),
    (aiohttp.ClientPayloadError, httpx2.NetworkError),
    (aiohttp.ClientError, httpx2.RemoteProtocolError),
)
"""What each error of aiohttp is to httpx2: the first that fits."""


class WideClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient`, proxies from the environment included, on aiohttp's pool."""

    def _init_transport(  # type: ignore[override]  # the client hands on more than is used
        self,
        *,
        verify: ssl.SSLContext,
        limits: httpx2.Limits,
        transport: httpx2.AsyncBaseTransport | None = None,
        **_: object,
    ) -> httpx2.AsyncBaseTransport:
        return transport or _Transport(verify, limits)

    def _init_proxy_transport(  # type: ignore[override]  # as above
        self,
        proxy: httpx2.Proxy,
        *,
        verify: ssl.SSLContext,
        limits: httpx2.Limits,
        **_: object,
    ) -> httpx2.AsyncBaseTransport:
        return _Transport(verify, limits, proxy=proxy)

    def way(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Mapping[str, float | None],
    ) -> Way | None:
        """The short way for requests of which only the body differs.

        None through a proxy, and for what cannot be asked at all. Raises: httpx2.InvalidURL.
        """
        pattern = httpx2.Request(
            method, url, headers=headers, extensions={"timeout": dict(timeouts)}
        )
        transport = self._transport_for_url(pattern.url)
        return transport.way(pattern) if isinstance(transport, _Transport) else None


class _Transport(httpx2.AsyncBaseTransport):
    def __init__(
        self,
        context: ssl.SSLContext,
        limits: httpx2.Limits,
        *,
        proxy: httpx2.Proxy | None = None,
    ) -> None:
        self._context = context
        self._keepalive_s = limits.keepalive_expiry or 0.0
        self._proxy = None if proxy is None else str(proxy.url)
        self._proxy_headers = {}
        if proxy is not None and proxy.auth is not None:
            self._proxy_headers["proxy-authorization"] = aiohttp.encode_basic_auth(*proxy.auth)
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        session = self._session = self._session or self._opened()
        timeouts = request.extensions.get("timeout", {})
        if request.url.scheme == "http":
            # What goes through a tunnel is not for the proxy.
            request.headers.update(self._proxy_headers)
        with _TRANSLATED:
            response = await session.request(
                request.method,
                str(request.url),
                headers=request.headers.items(),
                data=await request.aread() or None,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                timeout=aiohttp.ClientTimeout(
                    sock_connect=timeouts.get("connect"), sock_read=timeouts.get("read")
                ),
            )
        return httpx2.Response(
            response.status, headers=response.raw_headers, stream=_Body(response)
        )

    def way(self, pattern: httpx2.Request) -> Way | None:
        url, head = pattern.url, _head(pattern)
        is_simple = url.scheme in ("http", "https") and url.host and not url.userinfo
        if self._proxy is not None or not is_simple or not head:
            return None
        session = self._session = self._session or self._opened()
        return Way(session, pattern, head)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Opened when it is first used, for it belongs to the loop that runs then."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._context, limit=0, keepalive_timeout=self._keepalive_s
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
        )


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _TRANSLATED:
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._response.release()


class Way:
    """An address with all that is the same in each request to it; see `ask`."""

    def __init__(
        self, session: aiohttp.ClientSession, pattern: httpx2.Request, head: bytes
    ) -> None:
        assert session.connector is not None
        timeouts = pattern.extensions["timeout"]
        self._connector = session.connector
        self._head = head
        self._read_s: float | None = timeouts["read"]
        self._timeout = aiohttp.ClientTimeout(sock_connect=timeouts["connect"])
        # Only where it leads to is read of it.
        self._address = aiohttp.ClientRequest(
            pattern.method, URL(str(pattern.url)), loop=asyncio.get_running_loop()
        )

    async def ask(self, body: bytes) -> httpx2.Response | Plain:
        """A response whose body is still to be read; one that is no plain answer as httpx2's."""
        with _TRANSLATED:
            connection = await self._connected()
            try:
                message, content = await self._exchanged(connection, body)
            except BaseException:
                connection.close()
                raise
        content.on_eof(connection.release)
        headers = message.headers
        plain = Plain(message.code, headers, content, connection)
        if 200 <= message.code < 300 and _is_plain(headers):
            return plain
        return httpx2.Response(
            message.code, headers=list(message.raw_headers), stream=_PlainBody(plain)
        )

    async def _connected(self) -> aiohttp.connector.Connection:
        try:
            return await self._connector.connect(self._address, [], self._timeout)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error

    async def _exchanged(
        self, connection: aiohttp.connector.Connection, body: bytes
    ) -> tuple[aiohttp.http.RawResponseMessage, StreamReader]:
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=False, read_timeout=self._read_s
        )
        if transport is None:
            raise httpx2.WriteError("the connection is closed")
        transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        protocol.start_timeout()
        while True:
            message, content = await protocol.read()
            if message.code >= 200 or message.code == 101:
                return message, content


class Plain:
    """A good answer whose bytes are its body, with what is asked of an `httpx2.Response`."""

    __slots__ = ("_connection", "_content", "headers", "status_code")

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        content: StreamReader,
        connection: aiohttp.connector.Connection,
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self._content = content
        self._connection = connection

    async def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes in."""
        with _TRANSLATED:
            while chunk := await self._content.readany():
                yield chunk

    async def aclose(self) -> None:
        """Keeps the connection if the body was read to its end, and closes it otherwise."""
        self._connection.release()


class _PlainBody(httpx2.AsyncByteStream):
    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._plain.aiter_bytes():
            yield chunk

    async def aclose(self) -> None:
        await self._plain.aclose()


def _is_plain(headers: Mapping[str, str]) -> bool:
    encoding, kind = headers.get("content-encoding", ""), headers.get("content-type", "")
    return encoding in ("", "identity") and kind.isascii()


def _head(pattern: httpx2.Request) -> bytes:
    """The request up to the length of its body; nothing where a line would end before its time."""
    lines = [b"%b %b HTTP/1.1" % (pattern.method.encode("ascii"), pattern.url.raw_path)]
    for name, value in pattern.headers.raw:
        if name.lower() not in (b"content-length", b"transfer-encoding"):
            lines.append(b"%b: %b" % (name, value))
    if any(sign in line for line in lines for sign in (b"\r", b"\n", b"\0")):
        return b""
    if "accept" not in pattern.headers:
        lines.append(b"accept: */*")
    return b"\r\n".join([*lines, b"content-length: "])


class _Translated:
    """Errors of aiohttp as httpx2's; without state, so that one is enough."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if isinstance(error, aiohttp.ClientError):
            told = next(to for of, to in _KINDS if isinstance(error, of))
            raise told(str(error)) from error
        if isinstance(error, HttpProcessingError):
            raise httpx2.RemoteProtocolError(str(error)) from error


_TRANSLATED = _Translated()
