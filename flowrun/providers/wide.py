"""The HTTP client for many requests in flight: httpx2's API on aiohttp's sockets.

httpx2's own pool looks at every connection for every request, which costs the more the wider
a run is; aiohttp's does not. It is imported only where it is needed, for importing it costs
more than a small run takes. What the transport leaves untranslated or translates wrongly (a
connection that was reset is a time-out to it) is put right here.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx2
from httpx_aiohttp.httpx2 import AiohttpTransport


class WideClient(httpx2.AsyncClient):
    """An `httpx2.AsyncClient`, proxies from the environment included, on aiohttp's pool."""

    def _init_transport(  # type: ignore[override]  # the hook that httpx-aiohttp's client uses
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
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(
                ssl=context, limit=0, keepalive_timeout=limits.keepalive_expiry or 0.0
            )
            return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

        self._inner = AiohttpTransport(verify=context, proxy=proxy, client=session)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        with _translated(request):
            response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Body(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for chunk in self._inner:
                yield chunk

    async def aclose(self) -> None:
        with _translated(self._request):
            await self._inner.aclose()


@contextmanager
def _translated(request: httpx2.Request) -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientError as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from error
    except httpx2.TimeoutException as error:
        cause = error.__cause__
        if isinstance(cause, TimeoutError):
            raise
        raise httpx2.NetworkError(str(error), request=request) from cause
