from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from flowrun.errors import ToolError
from flowrun.tools.web import Fetched, Outgoing, Web, decoded
from tests.conftest import NetworkForbiddenError
from tests.support.endpoint import endpoint
from tests.support.wire import LAST_CHUNK, Action, End, Seen, chunk, head, whole

HELLO = whole(200, b"hello", "text/plain")
PUBLIC = "93.184.216.34"


class Recorder:
    """Answers by path, and notes every request."""

    def __init__(self, **answers: bytes | tuple[Action, ...]) -> None:
        self.answers = answers
        self.seen: list[Seen] = []

    def __call__(self, seen: Seen) -> Iterator[Action]:
        self.seen.append(seen)
        answer = self.answers.get(seen.path.strip("/").partition("?")[0], HELLO)
        yield from (answer,) if isinstance(answer, bytes) else answer


async def loopback(_host: str, _port: int) -> Sequence[str]:
    return ("127.0.0.1",)


def fetch(
    url: str, *, private: Sequence[str] = ("127.0.0.1",), method: str = "GET", **more: Any
) -> Fetched:
    async def run() -> Fetched:
        web = Web(private, resolve=loopback)
        try:
            return await web.fetch(Outgoing(method, httpx2.URL(url), **more), timeout_s=20)
        finally:
            await web.aclose()

    return asyncio.run(run())


def served(answer: bytes | tuple[Action, ...]) -> Fetched:
    with endpoint(Recorder(it=answer)) as server:
        return fetch(server.url.replace("/v1", "/it"))


def problem_of(answer: bytes | tuple[Action, ...]) -> str:
    with pytest.raises(ToolError) as caught:
        served(answer)
    return str(caught.value)


def port_of(server: Any) -> str:
    return str(server.url.split(":")[2].split("/")[0])


def test_an_answer_is_fetched() -> None:
    answer = whole(200, "grün".encode("latin-1"), "Text/HTML; charset=latin-1")
    assert served(answer) == Fetched("text/html", "latin-1", "grün".encode("latin-1"))


def test_nothing_is_sent_along_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password canary")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    recorder = Recorder(cookie=whole(200, b"x", "text/plain", set_cookie="a=canary; Path=/"))
    with endpoint(recorder) as server:
        base = server.url.replace("/v1", "")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

        async def twice() -> None:
            web = Web(("127.0.0.1",))
            for path in ("cookie", "again"):
                url = httpx2.URL(f"{base}/{path}")
                await web.fetch(Outgoing("GET", url, {"x-own": "1"}), timeout_s=20)
            await web.aclose()

        asyncio.run(twice())
    fields = {"host", "accept", "accept-encoding", "user-agent", "x-own"}
    assert [set(each.headers) for each in recorder.seen] == [fields, fields]
    assert server.log.connections == 1


def test_private_addresses_are_refused_unless_listed() -> None:
    recorder = Recorder()
    with endpoint(recorder) as server:
        port = port_of(server)
        for private in ((), ("127.0.0.1:1",), ("localhost",)):
            with pytest.raises(ToolError, match="is not public"):
                fetch(f"http://127.0.0.1:{port}/", private=private)
        assert recorder.seen == []
        assert fetch(f"http://127.0.0.1:{port}/", private=(f"127.0.0.1:{port}",)).body == b"hello"


def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    answers = [(PUBLIC,), ("127.0.0.1",)]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async def run(port: str) -> None:
        web = Web((), resolve=rebinding)
        url = httpx2.URL(f"http://rebinding.example:{port}/")
        try:
            await web.fetch(Outgoing("GET", url), timeout_s=20)
        finally:
            await web.aclose()

    recorder = Recorder()
    with endpoint(recorder) as server, pytest.raises(NetworkForbiddenError, match=PUBLIC):
        asyncio.run(run(port_of(server)))
    assert (recorder.seen, len(answers)) == ([], 1)


def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    async def two(_host: str, _port: int) -> Sequence[str]:
        return ("127.0.0.2", "127.0.0.1")

    async def run(url: str, web: Web) -> bytes:
        try:
            return (await web.fetch(Outgoing("GET", httpx2.URL(url)), timeout_s=20)).body
        finally:
            await web.aclose()

    with endpoint(Recorder()) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.conftest._LOOPBACK", {"127.0.0.1", "127.0.0.2"})
        url = f"http://two.example:{port_of(server)}/"
        assert asyncio.run(run(url, Web(("two.example",), resolve=two))) == b"hello"


LARGE = 10 * 2**20 + 1


def test_a_large_answer_is_refused() -> None:
    said = "the answer is larger than 10 MiB"
    fields = {"content-type": "text/plain"}
    endless = (head(200, fields), *(chunk(bytes(2**20)) for _ in range(64)), LAST_CHUNK)
    assert problem_of(endless) == said
    assert len(served(whole(200, bytes(LARGE - 1), "text/plain")).body) == LARGE - 1


def test_compressed_answers_are_read() -> None:
    packed = whole(200, gzip.compress(b"hello"), "text/plain", content_encoding="gzip")
    assert served(packed).body == b"hello"
    packed = whole(200, zlib.compress(b"hello"), "text/plain", content_encoding="deflate")
    assert served(packed).body == b"hello"
    assert served(whole(200, b"hello", "text/plain", content_encoding="identity")).body == b"hello"
    assert served(whole(200, b"", "text/plain", content_encoding="gzip")).body == b""


def test_a_bomb_is_never_unpacked_whole() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    assert len(bomb) < 2**20
    said = problem_of(whole(200, bomb, "text/plain", content_encoding="gzip"))
    assert said == "the answer is larger than 10 MiB"


@pytest.mark.parametrize(
    ("body", "encoding", "problem"),
    [
        (b"not packed", "gzip", "127.0.0.1 sent what cannot be decompressed: Error -3"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "gzip", "the answer is cut short"),
        (b"hello", "br", "the answer is compressed in a way that nobody asked for, \"br\""),
        (b"hello", "gzip, gzip",
         "the answer is compressed in a way that nobody asked for, \"gzip, gzip\""),
    ],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_told(body: bytes, encoding: str, problem: str) -> None:
    assert problem_of(whole(200, body, "text/plain", content_encoding=encoding)).startswith(problem)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (whole(404, b" no such city\n", "text/plain"), "127.0.0.1 answered 404: no such city"),
        (whole(500, b"", "text/plain"), "127.0.0.1 answered 500"),
        (whole(400, b"x" * 20_000, "text/plain"), f"127.0.0.1 answered 400: {'x' * 500}"),
        (whole(400, "grün".encode("latin-1"), "text/plain; charset=latin-1"),
         "127.0.0.1 answered 400: grün"),
        (whole(304, b"", "text/plain"), "127.0.0.1 answered 304, which is no result"),
        (whole(302, b"", "text/plain"), "127.0.0.1 answered 302, which is no result"),
        ((End.RESET,), "127.0.0.1 cannot be reached: "),
        ((End.CLOSE,), "127.0.0.1 cannot be reached: Server disconnected"),
        ((b"HTTP/1.1 what\r\n\r\n",), "127.0.0.1 cannot be reached: "),
        ((HELLO[:-2], End.CLOSE), "127.0.0.1 cannot be reached: "),
    ],
)  # fmt: skip
def test_what_went_wrong_is_told(answer: bytes | tuple[Action, ...], problem: str) -> None:
    assert problem_of(answer).startswith(problem)


def test_a_silent_server_is_not_waited_for() -> None:
    def silent(_: Seen) -> Iterator[Action]:
        yield End.HANG

    async def run(url: str) -> None:
        web = Web(("127.0.0.1",))
        try:
            await web.fetch(Outgoing("GET", httpx2.URL(url)), timeout_s=0.1)
        finally:
            await web.aclose()

    said = r"^127\.0\.0\.1 did not answer in time$"
    with endpoint(silent) as server, pytest.raises(ToolError, match=said):
        asyncio.run(run(server.url))


def test_a_port_without_a_server_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ToolError, match=r"^127\.0\.0\.1 cannot be reached: "):
        fetch(f"http://127.0.0.1:{port}/")


def test_an_address_needs_a_host() -> None:
    with pytest.raises(ToolError, match='"http" is no scheme'):
        fetch("http:///path")


def test_what_was_never_used_closes() -> None:
    asyncio.run(Web(()).aclose())


@pytest.mark.parametrize("charset", ["latin-1", "no-such", "hex", "undefined", "utf-8"])
def test_any_charset_gives_text(charset: str) -> None:
    assert decoded(b"abc", charset) == "abc"
