"""Servers over HTTP: real ones that are killed, and hand-made ones that misbehave."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from flowrun.chat.images import Image
from flowrun.config import ToolSettings
from flowrun.errors import ToolError
from flowrun.masking import Masker
from flowrun.tools.base import Tool
from flowrun.tools.mcp_http import HttpLink
from flowrun.tools.mcp_server import Server
from flowrun.tools.toolbox import Toolbox
from tests.support.mcp_http_raw import Asked, HandMade, Said
from tests.support.mcp_tooling import Listener, box, declared, kill, official, refusal

LOOPBACK = ToolSettings(env=("DOCS_KEY",), private=("127.0.0.1",))


@asynccontextmanager
async def served(port: int = 0) -> AsyncIterator[tuple[int, str]]:
    """A real server in a process of its own; its URL."""
    process = await asyncio.create_subprocess_exec(
        *official("http", str(port)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    try:
        yield process.pid, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def reaching(folder: Path, environ: Mapping[str, str] = os.environ) -> Toolbox:
    return box(folder, settings=LOOPBACK, environ=environ)


def test_a_real_server_answers_fails_and_is_found_again_after_it_was_killed(tmp_path: Path) -> None:
    async def run() -> None:
        async with Listener() as listener, reaching(tmp_path) as toolbox:
            async with served() as (process, url):
                found = await toolbox.ready(declared(url=url))
                assert await found["echo"].call({"text": "hello"}) == {"result": "hello"}
                assert isinstance(await found["picture"].call({}), Image)
                assert (
                    await refusal(found["fail"])
                    == "Error executing tool fail: there is no such order"
                )
                told = await refusal(found["huge"], size=11 * 2**20)
                assert "the answer is larger than 10 MB" in told
                async with asyncio.TaskGroup() as group:
                    failing = group.create_task(refusal(found["wait"], port=listener.port))
                    await listener.heard()
                    kill(process)
                assert failing.result().startswith('the MCP server "docs" ended: ')
            async with served(int(url.split(":")[2].split("/")[0])):
                assert await found["echo"].call({"text": "back"}) == {"result": "back"}

    asyncio.run(run())


def test_calls_cancelled_in_the_middle_leave_the_connection_as_it_was(tmp_path: Path) -> None:
    async def run() -> object:
        async with Listener() as listener, served() as (_, url), reaching(tmp_path) as toolbox:
            found = await toolbox.ready(declared(url=url))
            for _ in range(20):
                async with asyncio.TaskGroup() as group:
                    waiting = group.create_task(found["wait"].call({"port": listener.port}))
                    await listener.heard()
                    waiting.cancel()
            return await found["echo"].call({"text": "still here"})

    assert asyncio.run(run()) == {"result": "still here"}


@asynccontextmanager
async def hand_made(
    folder: Path, special: Callable[[Asked], Said | None]
) -> AsyncIterator[Mapping[str, Tool]]:
    """The tools of a hand-made server that answers some requests in a way of its own."""
    async with HandMade(special) as server, reaching(folder) as toolbox:
        yield await toolbox.ready(declared(url=server.url))


def test_the_bearer_goes_with_every_request(tmp_path: Path) -> None:
    async def run() -> list[Asked]:
        environ = {**os.environ, "DOCS_KEY": "hunter22"}
        async with HandMade() as server:
            async with reaching(tmp_path, environ) as toolbox:
                found = await toolbox.ready(declared(url=server.url, bearer="DOCS_KEY"))
                assert await found["echo"].call({"text": "one"}) == "one"
            return server.asked

    asked = asyncio.run(run())
    assert {each.headers["authorization"] for each in asked} == {"Bearer hunter22"}
    assert {each.headers["host"].split(":")[0] for each in asked} == {"127.0.0.1"}
    assert {each.method for each in asked} >= {"POST", "DELETE"}
    assert not any("cookie" in each.headers for each in asked)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (Said(401), "it refuses access: HTTP 401"),
        (Said(403), "it refuses access: HTTP 403"),
        (Said(200, b"x", ("content-encoding: gzip",)),
         "it answered in a compression that nobody asked for"),
        (Said(200, b"{}", is_cut=True),
         "the connection broke: peer closed connection without sending complete message body "
         "(received 2 bytes, expected 102)"),
        (Said(200, b": none\n\n", ("content-type: text/event-stream",), is_cut=True),
         "the connection broke: peer closed connection without sending complete message body "
         "(received 8 bytes, expected 108)"),
    ],
    ids=["401", "403", "compressed", "cut", "cut events"],
)  # fmt: skip
def test_an_answer_that_is_none_ends_the_connection_and_the_next_call_opens_another(
    tmp_path: Path, response: Said, told: str
) -> None:
    left = [response]

    def special(asked: Asked) -> Said | None:
        return left.pop() if asked.message.get("method") == "tools/call" and left else None

    async def run() -> tuple[str, object]:
        async with hand_made(tmp_path, special) as found:
            problem = await refusal(found["echo"], text="one")
            return problem, await found["echo"].call({"text": "two"})

    assert asyncio.run(run()) == (f'the MCP server "docs" ended: {told}', "two")


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (Said(500), "Server returned an error response"),
        (Said(202), "server answered a request with 202 Accepted"),
        (Said(307, headers=("location: http://127.0.0.2:1/mcp",)),
         "Redirect to http://127.0.0.2:1/mcp not followed; "
         "use that URL as the endpoint if it is the intended server"),
        (Said(200, b"x" * (10 * 2**20 + 1)),
         "Failed to parse JSON response: the answer is larger than 10 MB"),
    ],
    ids=["500", "202", "redirect", "large"],
)  # fmt: skip
def test_an_answer_that_is_none_may_fail_its_call_alone(
    tmp_path: Path, response: Said, told: str
) -> None:
    def special(asked: Asked) -> Said | None:
        is_first = asked.message.get("params", {}).get("arguments") == {"text": "one"}
        return response if is_first else None

    async def run() -> tuple[str, object]:
        async with hand_made(tmp_path, special) as found:
            problem = await refusal(found["echo"], text="one")
            return problem, await found["echo"].call({"text": "two"})

    assert asyncio.run(run()) == (f'the MCP server "docs": {told}', "two")


def test_a_session_that_was_forgotten_is_begun_anew(tmp_path: Path) -> None:
    forgotten = ["1"]

    def special(asked: Asked) -> Said | None:
        is_call = asked.message.get("method") == "tools/call"
        return Said(404) if is_call and forgotten and forgotten.pop() else None

    async def run() -> tuple[str, object]:
        async with hand_made(tmp_path, special) as found:
            problem = await refusal(found["echo"], text="one")
            return problem, await found["echo"].call({"text": "two"})

    problem = 'the MCP server "docs" ended: it has forgotten the session'
    assert asyncio.run(run()) == (problem, "two")


@pytest.mark.parametrize(
    "ending", [Said(200, b"", ("content-type: text/event-stream",), is_cut=True), Said(0)]
)
def test_a_stream_of_notices_may_end_without_the_server_ending(
    tmp_path: Path, ending: Said
) -> None:
    async def run() -> object:
        asked_for = asyncio.Event()

        def special(asked: Asked) -> Said | None:
            if asked.method != "GET":
                return None
            asked_for.set()
            return ending

        async with hand_made(tmp_path, special) as found:
            await asked_for.wait()
            return await found["echo"].call({"text": "one"})

    assert asyncio.run(run()) == "one"


def test_a_server_that_is_not_public_must_be_listed(tmp_path: Path) -> None:
    async def run() -> str:
        async with HandMade() as server, box(tmp_path) as toolbox:
            with pytest.raises(ToolError) as caught:
                await toolbox.ready(declared(url=server.url))
            assert server.asked == []
            return str(caught.value).replace(server.url.split(":")[2].split("/")[0], "PORT")

    assert asyncio.run(run()) == (
        'the MCP server "docs" cannot be used: "127.0.0.1" is not public; '
        'to allow it, write private = ["127.0.0.1:PORT"] under [tools] in flowrun.toml'
    )


@asynccontextmanager
async def named(server: HandMade, *answers: Sequence[str]) -> AsyncIterator[Server]:
    """A server at a host whose name is looked up with these answers, one after the other."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "docs.example.org"
        return left.pop(0) if len(left) > 1 else left[0]

    url = server.url.replace("127.0.0.1", "docs.example.org")
    async with asyncio.TaskGroup() as group:
        link = partial(HttpLink, url, "", ("docs.example.org",), resolve=resolve)
        made = Server("docs", link, group, Masker())
        try:
            yield made
        finally:
            made.close()


def test_a_host_is_reached_at_the_first_address_that_answers() -> None:
    async def run() -> set[str]:
        async with HandMade() as server, named(server, ["::1", "127.0.0.1"]) as docs:
            assert set(await docs.tools()) == {"echo", "raw"}
            return {each.headers["host"].split(":")[0] for each in server.asked}

    assert asyncio.run(run()) == {"docs.example.org"}


def test_a_host_whose_address_becomes_a_private_one_is_refused() -> None:
    async def run() -> str:
        resolved = iter([["127.0.0.1"]])

        async def resolve(host: str, port: int) -> Sequence[str]:
            return next(resolved, ["10.0.0.1"])

        async with HandMade() as server, asyncio.TaskGroup() as group:
            docs = Server(
                "docs",
                partial(HttpLink, server.url, "", ("wiki.intern",), resolve=resolve),
                group,
                Masker(),
            )
            with pytest.raises(ToolError) as caught:
                await docs.tools()
            assert server.asked == []
            return str(caught.value)

    assert '"127.0.0.1" is not public' in asyncio.run(run())


def test_a_server_that_is_not_there_is_given_up_after_three_times(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with HandMade() as server:
            url = server.url
        told = []
        async with reaching(tmp_path) as toolbox:
            for _ in range(4):
                with pytest.raises(ToolError) as caught:
                    await toolbox.ready(declared(url=url))
                told.append(str(caught.value))
        return told

    nowhere = "127.0.0.1 cannot be reached: All connection attempts failed"
    assert asyncio.run(run()) == [
        *[f'the MCP server "docs" cannot be used: {nowhere}'] * 3,
        f'the MCP server "docs" failed 3 times and is given up; the last time: {nowhere}',
    ]


def test_an_address_that_is_none_fails_the_server_and_not_the_run() -> None:
    with pytest.raises(ToolError, match="the URL cannot be used: Invalid port"):
        HttpLink("http://[::1/", "", ())
