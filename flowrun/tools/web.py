"""HTTP requests of tools: to checked addresses, within bounds, with nothing sent along unasked.

fetch:  check the URL -> connect (each address of the host checked, then one of these) -> send
        -> at most 3 redirects, each of them checked again -> read within bounds

No proxies, cookies, or passwords of the environment are used. A connection is opened to an address
that was checked a moment before, so that a second look-up cannot give another one.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeAlias

import httpcore2
import httpx2

from flowrun.dataclass import dataclass
from flowrun.errors import ToolError
from flowrun.providers.narrow import Network
from flowrun.tools.addresses import Resolve, checked, is_listed, look_up
from flowrun.tools.returned import LARGEST_BYTES

_MOST_REDIRECTS = 3
_CONNECT_S = 10.0
_LARGEST_PROBLEM_BYTES = 4 * 2**10
_LONGEST_PROBLEM = 500
_SINGLE_MEMBER_OF_ANY_KIND = 32 + zlib.MAX_WBITS
_PORTS = {"http": 80, "https": 443}
_Origin: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request; `headers` go to its own origin only."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A good answer, decompressed; `content_type` is in lower case, without parameters."""

    content_type: str
    charset: str
    body: bytes


class Web:
    """A client that reaches checked addresses: opened when first used, closed by `aclose`."""

    def __init__(
        self,
        private: Collection[str],
        *,
        resolve: Resolve = look_up,
        most_bytes: int = LARGEST_BYTES,
    ) -> None:
        self._private = private
        self._resolve = resolve
        self._most_bytes = most_bytes
        self._client: httpx2.AsyncClient | None = None

    async def get(self, url: str, *, timeout_s: float) -> Fetched:
        """What lies at an address that somebody else wrote. Raises: ToolError as `fetch` does."""
        try:
            asked = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise ToolError(f"it is no web address: {error}") from error
        return await self.fetch(Outgoing("GET", asked), timeout_s=timeout_s)

    async def fetch(self, request: Outgoing, *, timeout_s: float) -> Fetched:
        """The answer, redirects followed.

        Raises: ToolError for an address that may not be reached, a status of 400 and more, an
            answer that is too large, or none at all.
        """
        first = origin_of(request.url)
        with _translated(request.url.host):
            for _ in range(_MOST_REDIRECTS + 1):
                self._check(request.url, first)
                response = await self._open(request, timeout_s)
                try:
                    if not response.has_redirect_location:
                        return await _answer(response, self._most_bytes)
                    request = _redirected(request, response)
                finally:
                    await response.aclose()
        raise ToolError(f"{first[1]} redirects more than {_MOST_REDIRECTS} times")

    async def aclose(self) -> None:
        """Closes the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _check(self, url: httpx2.URL, first: _Origin) -> None:
        """A public host may not send us on to one that was allowed to the pipeline alone."""
        if url.scheme not in _PORTS or not url.host:
            raise ToolError(f'"{url.scheme}" is no scheme of a web address')
        if url.userinfo:
            raise ToolError("a web address may hold no name or password")
        here = origin_of(url)
        if not 0 < here[2] < 2**16:
            raise ToolError(f"a web address has no port {here[2]}")
        is_on = here == first or is_listed(first[1], first[2], self._private)
        if not is_on and is_listed(here[1], here[2], self._private):
            said = f"{first[1]} redirects to {here[1]}, which is not public"
            raise ToolError(said).shown_as("the address is not a public one")

    async def _open(self, request: Outgoing, timeout_s: float) -> httpx2.Response:
        if self._client is None:
            self._client = _opened(_Checked(self._private, self._resolve))
        headers = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "flowrun"}
        limits = {"connect": _CONNECT_S, "read": timeout_s, "write": timeout_s, "pool": None}
        sent = httpx2.Request(
            request.method,
            request.url,
            headers={**headers, **request.headers},
            content=request.body,
            extensions={"timeout": limits},
        )
        return await self._client.send(sent, stream=True)


def origin_of(url: httpx2.URL) -> _Origin:
    """Scheme, host and port of a URL."""
    return url.scheme, url.host, _PORTS.get(url.scheme, 0) if url.port is None else url.port


class _Checked(httpcore2.AsyncNetworkBackend):
    """Opens connections to checked addresses and to no others."""

    def __init__(self, private: Collection[str], resolve: Resolve) -> None:
        self._private = private
        self._resolve = resolve
        self._inner = Network()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the pool's protocol
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address that takes one."""
        async with asyncio.timeout(timeout):
            found = await checked(host, port, self._private, resolve=self._resolve)
        for address in found[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(found[-1], port, timeout)


class _Transport(httpx2.AsyncHTTPTransport):
    """httpx2's own, on connections of ours."""

    def __init__(self, network: _Checked) -> None:
        context = httpx2.create_ssl_context()
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context, max_connections=None, network_backend=network
        )


def _opened(network: _Checked) -> httpx2.AsyncClient:
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx2.AsyncClient(
        transport=_Transport(network),
        cookies=no_cookies,
        follow_redirects=False,
        trust_env=False,
    )


def _redirected(request: Outgoing, response: httpx2.Response) -> Outgoing:
    """The request that a redirect asks for."""
    url = request.url.join(response.headers["location"])
    if request.url.scheme == "https" and url.scheme == "http":
        raise ToolError(f"{request.url.host} redirects from https to http")
    status = response.status_code
    if status == 303 or (status in (301, 302) and request.method == "POST"):
        method = request.method if request.method == "HEAD" else "GET"
        request = replace(request, method=method, body=None)
    if origin_of(url) != origin_of(request.url):
        if request.body is not None:
            raise ToolError(f"{request.url.host} redirects what it was sent to {url.host}")
        request = replace(request, headers={})
    return replace(request, url=url)


async def _answer(response: httpx2.Response, most_bytes: int) -> Fetched:
    status = response.status_code
    if status >= 400:
        body = await _body(response, _LARGEST_PROBLEM_BYTES, is_cut=True)
        text = decoded(body, response.charset_encoding or "utf-8").strip()[:_LONGEST_PROBLEM]
        raise ToolError(f"{response.url.host} answered {status}{f': {text}' if text else ''}")
    if status >= 300:
        raise ToolError(f"{response.url.host} answered {status}, which is no result")
    body = await _body(response, most_bytes)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(content_type, response.charset_encoding or "utf-8", body)


async def _body(response: httpx2.Response, most_bytes: int, *, is_cut: bool = False) -> bytes:
    """The body, decompressed piece by piece so that it can never grow beyond its bound."""
    inflate = _inflater(response)
    found = bytearray()
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            left = most_bytes + 1 - len(found)
            found += chunk[:left] if inflate is None else inflate.decompress(chunk, left)
            if len(found) > most_bytes:
                if is_cut:
                    break
                raise ToolError(f"the answer is larger than {most_bytes // 2**20} MiB")
    if inflate is not None and found and not inflate.eof and not is_cut:
        raise ToolError("the answer is cut short")
    return bytes(found[:most_bytes])


def _inflater(response: httpx2.Response) -> zlib._Decompress | None:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(_SINGLE_MEMBER_OF_ANY_KIND)
    raise ToolError(f'the answer is compressed in a way that nobody asked for, "{encoding[:20]}"')


def decoded(body: bytes, charset: str) -> str:
    """Bytes as text; what cannot be read is replaced."""
    try:
        return body.decode(charset, "replace")
    except (LookupError, UnicodeError):
        return body.decode("utf-8", "replace")


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """Turns what the transport raises into errors of ours."""
    try:
        yield
    except (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
        raise ToolError(f"{host} cannot be asked: {error}") from error
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise ToolError(f"{host} did not answer in time") from error
    except zlib.error as error:
        raise ToolError(f"{host} sent what cannot be decompressed: {error}") from error
    except httpx2.HTTPError as error:
        said = str(error) or type(error).__name__
        raise ToolError(f"{host} cannot be reached: {said}") from error
