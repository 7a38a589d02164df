"""Any dialect over HTTP: the only code that sends a request to a model.

send:    encode -> exchange (time-outs, caps, errors translated) -> refuse a failed status -> decode
stream:  encode -> open -> refuse a failed status -> bytes -> events -> deltas

What is read is bounded while it is read, after decompression. A redirect is an error, so the
key goes to the endpoint's own origin and nowhere else. Every failure of the transport leaves
as a ProviderError that names the endpoint and the cause; secrets in it are masked.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeAlias, TypeVar

import httpx2

from flowrun.chat.messages import ChatReply, ChatRequest, Delta, unfold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable
from flowrun.masking import Masker
from flowrun.providers.base import Dialect, Endpoint, StreamDecoder, Wire
from flowrun.providers.sse import EventParser
from flowrun.providers.ways import KnowsWays, Response, Way
from flowrun.providers.wording import brief, seconds

Client: TypeAlias = httpx2.AsyncClient
Asking: TypeAlias = Callable[[], Awaitable[Response]]
LARGEST_REPLY_BYTES = 48 * 2**20
_LARGEST_ERROR_BYTES = 64 * 2**10
_WIDEST_OWN_POOL = 16
_LARGEST_SHORT_BYTES = 2**16  # what a socket takes at once
_KEEPALIVE_S = 4.0  # below the 5 s after which uvicorn and Node drop an idle connection
_DRAIN_S = 0.1
_MOST_KNOWN = 256
_Kind = TypeVar("_Kind")
_Made = TypeVar("_Made")


def open_client(in_flight: int, *, tls: bool = True) -> Client:
    """A client for that many requests in flight; the caller closes it.

    Neither pool limits what is in flight: that is Limited's work. Without `tls` no
    certificates are loaded, which costs as much as a small run; HTTPS would then be refused.
    """
    context = httpx2.create_ssl_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx2.Limits(
        max_connections=None, max_keepalive_connections=in_flight, keepalive_expiry=_KEEPALIVE_S
    )
    # Imported here, for a run needs one of them, and aiohttp costs more than a small run takes.
    kind: type[Client]
    if in_flight > _WIDEST_OWN_POOL:
        from flowrun.providers.wide import WideClient

        kind = WideClient
    else:
        from flowrun.providers.narrow import NarrowClient

        kind = NarrowClient
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return kind(verify=context, limits=limits, cookies=no_cookies, follow_redirects=False)


class HttpProvider:
    """An endpoint behind its dialect; the client belongs to whoever opened it."""

    def __init__(
        self,
        endpoint: Endpoint,
        dialect: Dialect,
        client: Client,
        *,
        key: str | None = None,
        masker: Masker | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._client = client
        self._masker = masker or Masker((key,) if key else ())
        self._now = now
        self._headers = {
            "accept-encoding": "identity",
            "user-agent": "flowrun",
            **{name.lower(): value for name, value in endpoint.headers.items()},
            **(dialect.key_headers(key) if key else {}),
        }
        self._named = _Hearing(self._of_dialect)
        self._translated = _Hearing(self._of_transport)
        self._urls: dict[str, httpx2.URL] = {}
        self._knows_ways = client if isinstance(client, KnowsWays) else None
        self._ways: dict[tuple[object, ...], Way | None] = {}
        self._timeouts = {
            "connect": endpoint.connect_timeout_s,
            "read": endpoint.idle_timeout_s,
            "write": endpoint.idle_timeout_s,
            "pool": None,
        }

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply."""
        with self._named:
            wire = self._dialect.encode(request, stream=False)
        body, content_type = await self._fetch(self._asking(wire))
        with self._named:
            reply = self._dialect.decode(body, content_type=content_type)
        return reply if reply.model else replace(reply, model=request.model)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces, as they arrive."""
        with self._named:
            wire = self._dialect.encode(request, stream=True)
        deadline = _loop_time() + self._endpoint.total_timeout_s
        response = await self._open(self._asking(wire), deadline)
        try:
            async with aclosing(self._deltas(response, deadline)) as deltas:
                has_model = False
                async for delta in deltas:
                    has_model = has_model or bool(delta.model)
                    yield delta if has_model else replace(delta, model=request.model)
        finally:
            await response.aclose()

    async def models(self) -> list[Mapping[str, JsonValue]]:
        """The models that the endpoint lists; each row has at least `id`."""
        wire = self._dialect.listing()
        url = self._endpoint.models_url or f"{self._endpoint.base_url.rstrip('/')}{wire.path}"
        request = self._built(wire.method, url, wire.body, wire.headers)
        body, _ = await self._fetch(partial(self._client.send, request, stream=True))
        with self._named:
            return self._dialect.models(body)

    async def aclose(self) -> None:
        """Nothing is held open here."""

    def _asking(self, wire: Wire) -> Asking:
        """What asks for the response to a request."""
        url = f"{self._endpoint.base_url.rstrip('/')}{wire.path}"
        headers = {"content-type": "application/json", **wire.headers}
        body = wire.body
        if self._knows_ways is not None and body and len(body) <= _LARGEST_SHORT_BYTES:
            kind = (wire.method, url, *headers.items())
            if kind not in self._ways:
                _make_room(self._ways)
                with self._translated:
                    self._ways[kind] = self._knows_ways.way(
                        wire.method, url, {**headers, **self._headers}, self._timeouts
                    )
            if (way := self._ways[kind]) is not None:
                return partial(way.ask, body)
        return partial(self._client.send, self._built(wire.method, url, body, headers), stream=True)

    def _built(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> httpx2.Request:
        with self._translated:
            known = self._urls.get(url)
            if known is None:
                # Reading a URL takes as long as the rest of a request: each one is read once.
                _make_room(self._urls)
                known = self._urls[url] = httpx2.URL(url)
            return httpx2.Request(
                method,
                known,
                headers={**headers, **self._headers},
                content=body,
                extensions={"timeout": self._timeouts},
            )

    async def _fetch(self, asking: Asking) -> tuple[bytes, str]:
        """A whole body and its content type; errors are raised."""
        deadline = _loop_time() + self._endpoint.total_timeout_s
        response: Response | None = None
        try:
            with self._translated:
                async with asyncio.timeout_at(deadline):
                    response = await asking()
                    if _is_good(response):
                        body = await self._whole(response)
                        return body, response.headers.get("content-type", "")
            raise await self._refusal(response, deadline)
        finally:
            if response is not None:
                await response.aclose()

    async def _open(self, asking: Asking, deadline: float) -> Response:
        """A response whose body is still to be read, and whose status is a good one."""
        with self._translated:
            async with asyncio.timeout_at(deadline):
                response = await asking()
        if _is_good(response):
            return response
        try:
            raise await self._refusal(response, deadline)
        finally:
            await response.aclose()

    async def _refusal(self, response: Response, deadline: float) -> ProviderError:
        status = response.status_code
        if status < 400:
            said = f"redirects to {self._origin(response)}: redirects are not followed"
            shown = f"{self._endpoint.name} redirects: redirects are not followed"
            return self._with_name(ProviderError(said, status=status)).shown_as(shown)
        body = b""
        # The status says what matters; that its explanation was lost does not.
        with suppress(Unavailable):
            body = await self._body(response, deadline, cut_at=_LARGEST_ERROR_BYTES)
        error = self._dialect.error(status, response.headers, body, now=self._now())
        return self._with_name(error)

    async def _body(
        self, response: Response, deadline: float, *, cut_at: int | None = None
    ) -> bytes:
        """The body within its time."""
        with self._translated:
            async with asyncio.timeout_at(deadline):
                return await self._whole(response, cut_at=cut_at)

    async def _whole(self, response: Response, *, cut_at: int | None = None) -> bytes:
        """The body, decompressed; above the cap an error, or cut where a cut is asked for."""
        self._refuse_large(_announced(response))
        parts, size = [], 0
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if cut_at is not None and size >= cut_at:
                    break
                self._refuse_large(size)
        return b"".join(parts)[:cut_at]

    async def _chunks(self, response: Response, deadline: float) -> AsyncGenerator[bytes, None]:
        """The body as it comes in, within its time and its size."""
        self._refuse_large(_announced(response))
        size = 0
        async with aclosing(response.aiter_bytes()) as chunks:
            while True:
                # No time-out may be open over a yield: it would cancel whoever reads.
                with self._translated:
                    async with asyncio.timeout_at(deadline):
                        chunk = await anext(chunks, None)
                if chunk is None:
                    return
                size += len(chunk)
                self._refuse_large(size)
                yield chunk

    async def _deltas(self, response: Response, deadline: float) -> AsyncGenerator[Delta, None]:
        content_type = response.headers.get("content-type", "")
        if "event-stream" not in content_type:
            body = await self._body(response, deadline)
            with self._named:
                reply = self._dialect.decode(body, content_type=content_type)
            yield unfold(reply)
            return
        parser, decoder = EventParser(), self._dialect.decoder()
        async with aclosing(self._chunks(response, deadline)) as chunks:
            while (chunk := await _next(chunks, decoder)) is not None:
                for delta in self._decoded(decoder, lambda: parser.feed(chunk)):
                    yield delta
                if decoder.closed:
                    await _drain(chunks)
                    break
        for delta in self._decoded(decoder, parser.finish):
            yield delta
        with self._named:
            last = decoder.finish()
        for delta in last:
            yield delta

    def _decoded(self, decoder: StreamDecoder, events: Callable[[], list[str]]) -> Iterator[Delta]:
        with self._named:
            for event in events():
                yield from decoder.feed(event)

    def _with_name(self, error: ProviderError) -> ProviderError:
        error.args = (self._masker.mask(f"{self._endpoint.name} {error}"),)
        return error

    def _of_dialect(self, error: BaseException) -> None:
        """Puts the endpoint's name before what a dialect says."""
        if isinstance(error, ProviderError):
            self._with_name(error)

    def _of_transport(self, error: BaseException) -> None:
        """Turns what the transport raises into errors of ours."""
        match error:
            case httpx2.InvalidURL() | httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
                said = f"cannot be asked: {self._words(error)}"
                shown = f"{self._endpoint.name} cannot be asked"
                raise self._with_name(ProviderError(said)).shown_as(shown) from error
            case httpx2.HTTPError() | OSError():
                is_unsent = isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError)
                unavailable = Unavailable(self._cause(error), is_unsent=is_unsent)
                if isinstance(error, httpx2.ConnectError):
                    unavailable.shown_as(f"{self._endpoint.name} cannot be reached")
                raise self._with_name(unavailable) from error

    def _cause(self, error: Exception) -> str:
        endpoint = self._endpoint
        match error:
            case httpx2.ConnectTimeout():
                return f"did not take a connection within {seconds(endpoint.connect_timeout_s)}"
            case httpx2.TimeoutException():
                return f"sent nothing for {seconds(endpoint.idle_timeout_s)}"
            case TimeoutError():
                return f"did not finish its reply within {seconds(endpoint.total_timeout_s)}"
            case httpx2.DecodingError():
                return f"sent a body that cannot be decompressed: {self._words(error)}"
            case httpx2.ConnectError():
                return f"cannot be reached at {endpoint.base_url}: {self._words(error)}"
            case _:
                return f"broke the connection: {self._words(error)}"

    def _origin(self, response: Response) -> str:
        """Where a redirect leads; masked before it is read, for a host is told in lower case."""
        try:
            url = httpx2.URL(self._masker.mask(response.headers.get("location", "")))
        except httpx2.InvalidURL:
            return "an address that cannot be read"
        return f"{url.scheme}://{url.netloc.decode('ascii')}" if url.host else "another path"

    def _words(self, error: BaseException) -> str:
        """What an exception says, or what caused it, or at least its kind."""
        cause: BaseException | None = error
        while cause is not None:
            if said := brief(str(cause), mask=self._masker.mask):
                return said
            cause = cause.__cause__ or cause.__context__
        return type(error).__name__

    def _refuse_large(self, size: int) -> None:
        if size > LARGEST_REPLY_BYTES:
            said = f"sent a reply above {LARGEST_REPLY_BYTES // 2**20} MiB"
            raise self._with_name(ProviderError(said))


class _Hearing:
    """A `with` block whose error is shown to `hear`; without state, so that one is enough."""

    def __init__(self, hear: Callable[[BaseException], None]) -> None:
        self._hear = hear

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is not None:
            self._hear(error)


def _make_room(known: dict[_Kind, _Made]) -> None:
    """Forgets what is known where it grows: models, and the borders in forms, are in addresses."""
    if len(known) >= _MOST_KNOWN:
        known.clear()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _is_good(response: Response) -> bool:
    return 200 <= response.status_code < 300


def _announced(response: Response) -> int:
    """The length that the response says that it has; 0 where it does not."""
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


async def _next(chunks: AsyncGenerator[bytes, None], decoder: StreamDecoder) -> bytes | None:
    """More of the stream, None at its end; a reply that is whole survives a broken connection."""
    try:
        return await anext(chunks, None)
    except Unavailable:
        if decoder.complete:
            return None
        raise


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    """Reads on to the end, so that the connection can be used again, but not for long."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass
    except (TimeoutError, ProviderError):
        return  # the reply is whole; the connection is closed instead of kept
