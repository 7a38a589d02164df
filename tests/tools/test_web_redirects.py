from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from flowrun.errors import ToolError
from flowrun.tools.web import Outgoing, Web
from tests.support.endpoint import endpoint
from tests.support.wire import head, whole
from tests.tools.test_web import HELLO, PUBLIC, Recorder, fetch, loopback, port_of


def to(location: str, status: int = 302) -> bytes:
    return whole(status, b"moved", "text/plain", location=location)


def test_redirects_are_followed_three_times() -> None:
    recorder = Recorder(a=to("/b"), b=to("c", 308), c=to("/d", 301), e=to("/e"))
    with endpoint(recorder) as server:
        base = server.url.replace("/v1", "")
        assert fetch(f"{base}/a", headers={"x-own": "1"}).body == b"hello"
        assert [each.path for each in recorder.seen] == ["/a", "/b", "/c", "/d"]
        assert all(each.headers["x-own"] == "1" for each in recorder.seen)
        with pytest.raises(ToolError, match=r"^127\.0\.0\.1 redirects more than 3 times$"):
            fetch(f"{base}/e")


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (302, "PUT", "PUT", b"data"),
        (307, "POST", "POST", b"data"),
        (308, "POST", "POST", b"data"),
    ],
)
def test_a_redirect_keeps_the_method_where_it_should(
    status: int, method: str, then: str, body: bytes
) -> None:
    moved = head(status, {"location": "/there"}, length=0)
    there = head(200, {"content-type": "text/plain"}, length=0)
    recorder = Recorder(here=moved, there=there)
    given = None if method == "HEAD" else b"data"
    with endpoint(recorder) as server:
        fetch(server.url.replace("/v1", "/here"), method=method, body=given)
    last = recorder.seen[-1]
    assert (last.path, last.method, last.body) == ("/there", then, body)


def test_another_host_is_told_no_secrets() -> None:
    there = Recorder()
    with endpoint(there) as other:
        for status in (302, 307):
            here = Recorder(here=to(f"http://b.example:{port_of(other)}/", status))
            with endpoint(here) as server:
                url = f"http://a.example:{port_of(server)}/here"
                hosts = ("a.example", "b.example")
                fetch(
                    url,
                    private=hosts,
                    headers={"authorization": "Bearer canary", "x-key": "canary"},
                )
                if status == 307:
                    with pytest.raises(
                        ToolError, match=r"redirects what it was sent to b\.example$"
                    ):
                        fetch(url, private=hosts, method="POST", body=b"canary")
    assert len(there.seen) == 2
    assert all("canary" not in str(each.headers) + str(each.body) for each in there.seen)


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("file:///etc/passwd", '"file" is no scheme of a web address'),
        ("gopher://127.0.0.1/", '"gopher" is no scheme of a web address'),
        ("http://me:secret@127.0.0.1/", "a web address may hold no name or password"),
        ("http://[::1/", "127.0.0.1 cannot be asked: Invalid port: ':1'"),
        ("http://b.example:99999/", "a web address has no port 99999"),
        ("http://b.example:0/", "a web address has no port 0"),
        ("http://169.254.169.254/latest/", '"169.254.169.254" is not public; to allow it, write '
         'private = ["169.254.169.254:80"] under [tools] in flowrun.toml'),
        ("http://[::ffff:127.0.0.1]/", '"::ffff:127.0.0.1" is not public; to allow it, write '
         'private = ["[::ffff:127.0.0.1]:80"] under [tools] in flowrun.toml'),
    ],
)  # fmt: skip
def test_where_a_redirect_may_not_lead(location: str, problem: str) -> None:
    async def as_written(host: str, _port: int) -> Sequence[str]:
        return (host,)

    async def run(url: str) -> None:
        web = Web(("127.0.0.1",), resolve=as_written)
        try:
            await web.fetch(Outgoing("GET", httpx2.URL(url)), timeout_s=20)
        finally:
            await web.aclose()

    with endpoint(Recorder(it=to(location))) as server, pytest.raises(ToolError) as caught:
        asyncio.run(run(server.url.replace("/v1", "/it")))
    assert str(caught.value) == problem


def test_a_public_host_does_not_lead_to_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_name(host: str, _port: int) -> Sequence[str]:
        return (PUBLIC,) if host == "public.example" else ("127.0.0.1",)

    monkeypatch.setattr("tests.conftest._LOOPBACK", {"127.0.0.1", PUBLIC})
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, to: connect(self, ("127.0.0.1", to[1]))
    )
    inside = Recorder()
    with (
        endpoint(inside) as wiki,
        endpoint(Recorder(it=to(f"http://127.0.0.1:{port_of(wiki)}/"))) as server,
    ):

        async def run() -> None:
            web = Web(("127.0.0.1",), resolve=by_name)
            url = httpx2.URL(f"http://public.example:{port_of(server)}/it")
            try:
                await web.fetch(Outgoing("GET", url), timeout_s=20)
            finally:
                await web.aclose()

        with pytest.raises(ToolError) as caught:
            asyncio.run(run())
    assert str(caught.value) == "public.example redirects to 127.0.0.1, which is not public"
    assert inside.seen == []


CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"


@asynccontextmanager
async def secure(answer: Callable[[str], bytes]) -> AsyncIterator[int]:
    """A server on TLS; `answer` is given the name that the client asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    asked: list[str] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(asked[-1]))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def over_tls(answer: Callable[[str], bytes], host: str = "localhost") -> bytes:
    async def run() -> bytes:
        web = Web((host,), resolve=loopback)
        async with secure(answer) as port:
            try:
                url = httpx2.URL(f"https://{host}:{port}/")
                return (await web.fetch(Outgoing("GET", url), timeout_s=20)).body
            finally:
                await web.aclose()

    return asyncio.run(run())


def test_certificates_are_those_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert over_tls(lambda name: whole(200, name.encode(), "text/plain")) == b"localhost"
    with pytest.raises(ToolError, match=r"^other\.example cannot be reached: .*certificate"):
        over_tls(lambda _: HELLO, "other.example")


def test_https_does_not_lead_to_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with pytest.raises(ToolError, match=r"^localhost redirects from https to http$"):
        over_tls(lambda _: to("http://localhost/"))
