from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpcore2
import httpx2
import pytest
import uvloop

from flowrun.providers.narrow import NarrowClient, Network
from flowrun.providers.wide import WideClient

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
clients = pytest.mark.parametrize("kind", [NarrowClient, WideClient])
loops = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


async def ask(
    serve: Serve,
    use: Callable[[httpx2.AsyncClient, str], Awaitable[None]],
    *,
    kind: type[httpx2.AsyncClient] = NarrowClient,
    tls: bool = False,
    trusts: bool = True,
) -> None:
    """Uses a client on an address where `serve` answers each connection."""
    identity, trusted = (
        ssl.SSLContext(each) for each in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)
    )
    identity.load_cert_chain(CERTIFICATE)
    if trusts:
        trusted.load_verify_locations(CERTIFICATE)

    handlers: list[asyncio.Task[None]] = []

    async def serve_to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        current = asyncio.current_task()
        assert current is not None
        handlers.append(current)
        with suppress(asyncio.IncompleteReadError, OSError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(
        serve_to_the_end, "127.0.0.1", 0, ssl=identity if tls else None
    )
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with kind(verify=trusted, timeout=5.0) as client:
            await use(client, f"http{'s' if tls else ''}://127.0.0.1:{port}/")
        for each in handlers:
            await each


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back the body of each request."""
    while not reader.at_eof():
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length + body)
        await writer.drain()


@clients
@loops
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_what_is_large_goes_and_comes_whole(
    kind: type[httpx2.AsyncClient], tls: bool, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    body = bytes(range(256)) * 3_500

    async def use(client: httpx2.AsyncClient, url: str) -> None:
        for _ in range(2):
            assert (await client.post(url, content=body)).content == body

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask(echo, use, kind=kind, tls=tls))


@clients
def test_a_certificate_that_nobody_vouches_for_is_refused(kind: type[httpx2.AsyncClient]) -> None:
    async def use(client: httpx2.AsyncClient, url: str) -> None:
        with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
            await client.post(url, content=b"hi")

    asyncio.run(ask(echo, use, kind=kind, tls=True, trusts=False))


@clients
def test_a_connection_that_the_server_left_is_not_used_again(
    kind: type[httpx2.AsyncClient],
) -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def echo_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"hi")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            writer.close()
            await writer.wait_closed()
            gone.set()

        async def use(client: httpx2.AsyncClient, url: str) -> None:
            for _ in range(5):
                gone.clear()
                assert (await client.post(url, content=b"hi")).text == "hi"
                await gone.wait()
                for _ in range(3):
                    await asyncio.sleep(0)  # the client's turn to see it

        await ask(echo_once, use, kind=kind)

    asyncio.run(main())


def test_a_server_that_takes_nothing_in_is_not_written_to_for_ever() -> None:
    async def main() -> None:
        done = asyncio.Event()

        async def take_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, so it can pause
            await done.wait()

        async def use(client: httpx2.AsyncClient, url: str) -> None:
            timeout = httpx2.Timeout(5.0, write=0.05, read=0.05)
            with pytest.raises(httpx2.TimeoutException):
                await client.post(url, content=bytes(2**25), timeout=timeout)
            done.set()

        await ask(take_nothing, use)

    asyncio.run(main())


def test_a_connection_that_is_closed_takes_nothing() -> None:
    async def main() -> None:
        async def use(_: httpx2.AsyncClient, url: str) -> None:
            connection = await Network().connect_tcp(
                "127.0.0.1",
                httpx2.URL(url).port or 0,
                socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
            )
            assert connection.get_extra_info("socket").getsockopt(
                socket.SOL_SOCKET, socket.SO_KEEPALIVE
            )
            assert connection.get_extra_info("server_addr")[0] == "127.0.0.1"
            assert connection.get_extra_info("client_addr")[0] == "127.0.0.1"
            assert not connection.get_extra_info("is_readable")
            await connection.aclose()
            assert connection.get_extra_info("is_readable")
            assert await connection.read(10) == b""
            with pytest.raises(httpcore2.WriteError, match="closed"):
                await connection.write(b"hi")

        await ask(echo, use)

    asyncio.run(main())


def test_another_transport_is_left_as_it_is() -> None:
    async def main() -> str:
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, text="mocked"))
        async with NarrowClient(transport=transport) as client:
            return (await client.get("http://llm.example.org/")).text

    assert asyncio.run(main()) == "mocked"
