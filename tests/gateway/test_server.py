"""Real sockets against a server with a small app."""

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from flowrun.errors import UsageError
from flowrun.gateway.server import LARGEST_HEADERS_BYTES, Server, bound, server_of, unbound
from flowrun.serving import ServeSettings
from tests.support.running import until

HEADERS = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
QUICK = ServeSettings(header_timeout_s=0.2, drain_s=0.3)
Receive = Callable[[], Awaitable[dict[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]


class App:
    """Answers with what `piece` is; a path of /slow waits until it is cut."""

    def __init__(self, piece: bytes = b"hello", pieces: int = 1) -> None:
        self.piece, self.pieces = piece, pieces
        self.is_cut = asyncio.Event()
        self.is_asked = asyncio.Event()
        self.drained = 0

    async def __call__(self, scope: dict[str, object], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.is_asked.set()
        if scope["path"] == "/slow":
            await self.is_cut.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(self.pieces):
            await send({"type": "http.response.body", "body": self.piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def drain(self) -> None:
        self.drained += 1


@asynccontextmanager
async def running(app: App, settings: ServeSettings) -> AsyncIterator[tuple[Server, int]]:
    server = server_of(app, settings, on_drain=app.drain, on_cut=app.is_cut.set)
    listener = bound("127.0.0.1", 0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        yield server, listener.getsockname()[1]
        server.should_exit = True
        app.is_cut.set()
        await task


async def answer(port: int, sent: bytes) -> bytes:
    """All that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEADERS[:-2], b"\r\n"])
def test_headers_that_do_not_come_in_time_end_the_connection(sent: bytes) -> None:
    async def run() -> bytes:
        async with running(App(), QUICK) as (_, port):
            return await answer(port, sent)

    assert asyncio.run(run()) in (b"", b"reset")


def test_a_byte_now_and_then_does_not_keep_a_connection() -> None:
    async def run() -> int:
        async with running(App(), QUICK) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sent = 0
            with suppress(ConnectionError):
                while not reader.at_eof() and sent < 10_000:
                    writer.write(b"\n")
                    sent += 1
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.02)
            writer.close()
            return sent

    assert 1 < asyncio.run(run()) < 10_000


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_headers_above_their_bound_are_refused(end: bytes) -> None:
    async def run() -> bytes:
        async with running(App(), replace(QUICK, header_timeout_s=10)) as (_, port):
            large = b"GET / HTTP/1.1\r\nx: " + b"a" * (LARGEST_HEADERS_BYTES + 1) + end
            return await answer(port, large)

    found = asyncio.run(run())
    assert found.startswith(b"HTTP/1.1 431 ") or found == b"reset"


@pytest.mark.parametrize("size", [LARGEST_HEADERS_BYTES + 1, 200_000])
def test_a_body_that_comes_at_once_with_its_headers_is_none_of_them(size: int) -> None:
    class Reading(App):
        async def __call__(self, scope: dict[str, object], receive: Receive, send: Send) -> None:
            while scope["type"] == "http" and (await receive()).get("more_body"):
                pass
            await super().__call__(scope, receive, send)

    async def run() -> bytes:
        async with running(Reading(), QUICK) as (_, port):
            about = f"host: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n".encode()
            return await answer(port, b"POST / HTTP/1.1\r\n" + about + b"x" * size)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 200 ")


def test_a_second_request_on_a_connection_has_a_deadline_of_its_own() -> None:
    async def run() -> tuple[bytes, bytes]:
        async with running(App(), QUICK) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEADERS)
            first = await reader.readuntil(b"0\r\n\r\n")
            writer.write(b"GET / HTT")
            try:
                rest = await reader.read()
            except ConnectionError:
                rest = b""
            writer.close()
            return first, rest

    first, rest = asyncio.run(run())
    assert b"hello" in first
    assert rest == b""


def test_the_oldest_that_sends_nothing_makes_room_for_a_caller() -> None:
    async def run() -> bytes:
        settings = ServeSettings(header_timeout_s=60, max_connections=3, drain_s=0.3)
        async with running(App(), settings) as (server, port):
            hanging = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            await until(lambda: len(server.server_state.connections) == 3)
            found = await answer(port, HEADERS.replace(b"host", b"connection: close\r\nhost"))
            for _, writer in hanging:
                writer.close()
            return found

    assert b"hello" in asyncio.run(run())


def test_where_all_are_at_work_one_more_is_told_to_come_back() -> None:
    async def run() -> bytes:
        settings = ServeSettings(max_connections=1, drain_s=0.3)
        app = App()
        async with running(app, settings) as (_, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEADERS.replace(b"/ ", b"/slow "))
            await app.is_asked.wait()
            found = await answer(port, HEADERS)
            writer.close()
            return found

    found = asyncio.run(run())
    assert found.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in found


def test_draining_lets_an_answer_end_and_cuts_what_does_not() -> None:
    async def run() -> tuple[bytes, int]:
        app = App()
        async with running(app, QUICK) as (server, port):
            asked = asyncio.create_task(answer(port, HEADERS.replace(b"/ ", b"/slow ")))
            await app.is_asked.wait()
            server.handle_exit(signal.SIGTERM, None)
            assert not app.is_cut.is_set()
            found = await asked
            assert app.is_cut.is_set()
            return found, app.drained

    found, drained = asyncio.run(run())
    assert b"hello" in found
    assert drained == 2


def test_no_connection_is_taken_while_draining() -> None:
    async def run() -> None:
        app = App()
        async with running(app, QUICK) as (server, port):
            asked = asyncio.create_task(answer(port, HEADERS.replace(b"/ ", b"/slow ")))
            await app.is_asked.wait()
            server.handle_exit(signal.SIGTERM, None)
            await until(lambda: not server.servers[0].is_serving())
            with pytest.raises(OSError, match="Connect call failed"):
                await asyncio.open_connection("127.0.0.1", port)
            await asked

    asyncio.run(run())


def test_an_address_of_another_machine_is_told_as_one() -> None:
    with pytest.raises(UsageError) as caught:
        bound("192.0.2.1", 0)
    assert str(caught.value) == "this machine has no address 192.0.2.1: choose another --host"


@pytest.mark.parametrize(
    ("error", "said"),
    [(PermissionError(errno.EACCES, "Permission denied"),
      "Permission denied; a port below 1024 is for the system: choose a higher --port"),
     (socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
      "Name or service not known; choose another --host"),
     (OSError(errno.EADDRINUSE, "Address already in use"),
      "Address already in use; choose another --port")],
)  # fmt: skip
def test_why_it_cannot_listen_is_told_with_a_mend(error: OSError, said: str) -> None:
    assert unbound("here", 80, error) == f"cannot listen on here:80: {said}"


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    listener = bound("127.0.0.1", 0)
    listener.listen()
    port = listener.getsockname()[1]
    with pytest.raises(UsageError, match=rf"^cannot listen on 127.0.0.1:{port}: "):
        bound("127.0.0.1", port)
    listener.close()
