"""The HTTP client for many requests in flight: httpx2's API on aiohttp's sockets.

httpx2's own pool looks at every connection for every request, which costs the more the wider
a run is; aiohttp's does not. It is imported only where it is needed, for importing it costs
more than a small run takes.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import aiohttp
import httpx2

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
        with _translated(request):
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
            response.status, headers=response.raw_headers, stream=_Body(response, request)
        )

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
    def __init__(self, response: aiohttp.ClientResponse, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._response.release()


class _translated:  # noqa: N801  # read as the verb it is
    """Errors of aiohttp as httpx2's."""

    __slots__ = ("_request",)

    def __init__(self, request: httpx2.Request) -> None:
        self._request = request

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if isinstance(error, aiohttp.ClientError):
            told = next(to for of, to in _KINDS if isinstance(error, of))
            raise told(str(error), request=self._request) from error
