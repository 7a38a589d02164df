"""Servers over their pipes: how they end, what they are given, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification

from flowrun.config import ToolSettings
from flowrun.digest import JsonValue
from flowrun.errors import StepError, ToolError
from flowrun.masking import Masker
from flowrun.tools.base import Tool
from flowrun.tools.mcp_stdio import Command, StdioLink
from flowrun.tools.toolbox import Toolbox
from tests.support.mcp_raw import tool
from tests.support.mcp_tooling import (
    Listener,
    box,
    by_hand,
    declared,
    ended,
    is_running,
    kill,
    refusal,
)

ALL = [tool(name) for name in ("echo", "die", "kill", "close", "flood", "wait", "spawn")]


async def ready(toolbox: Toolbox, **behaviour: object) -> Mapping[str, Tool]:
    return await toolbox.ready(declared(command=by_hand(ALL, **behaviour)))


@pytest.mark.parametrize(
    ("member", "arguments", "told"),
    [
        ("die", {"status": 3}, "exit status 3"),
        ("die", {"status": 3, "says": "out\nof paper"},
         'exit status 3; it said last: "out of paper"'),
        ("die", {"status": 0, "says": "the key is hunter22"},
         'exit status 0; it said last: "the key is ***"'),
        ("kill", {}, "killed by SIGKILL"),
        ("close", {}, "it closed its output"),
        ("flood", {"size": 11 * 2**20}, "it sent more than 10 MB at once"),
        ("flood", {"size": 11 * 2**20, "ends": 1}, "it sent more than 10 MB at once"),
    ],
    ids=["status", "last words", "masked", "signal", "output", "endless line", "long line"],
)  # fmt: skip
def test_a_server_that_ends_in_a_call_is_named_with_its_end(
    tmp_path: Path, member: str, arguments: dict[str, object], told: str
) -> None:
    async def run() -> tuple[str, object]:
        async with box(tmp_path, secrets=("hunter22",)) as toolbox:
            found = await ready(toolbox)
            problem = await refusal(found[member], **arguments)
            return problem, await found["echo"].call({"text": "back"})

    assert asyncio.run(run()) == (f'the MCP server "docs" ended: {told}', "back")


def test_messages_that_are_much_together_and_not_one_by_one_are_read(tmp_path: Path) -> None:
    async def run() -> object:
        async with box(tmp_path) as toolbox:
            found = await ready(toolbox)
            async with asyncio.TaskGroup() as group:
                lines: dict[str, JsonValue] = {"size": 24, "text": "x" * 2**20 + "\n"}
                flood = group.create_task(found["flood"].call(lines))
                text = await found["echo"].call({"text": "behind it all"})
                flood.cancel()
            return text

    assert asyncio.run(run()) == "behind it all"


def test_a_link_whose_server_is_gone_takes_and_gives_nothing(tmp_path: Path) -> None:
    async def run() -> str:
        command = Command(by_hand([], exit=4), {"PATH": os.environ["PATH"]}, tmp_path)
        link = StdioLink(command, Masker())
        async with link as (incoming, outgoing):
            await link.over.wait()
            with pytest.raises(anyio.EndOfStream):
                await incoming.receive()
            notice = JSONRPCNotification(jsonrpc="2.0", method="notifications/none")
            with pytest.raises(anyio.ClosedResourceError):
                await outgoing.send(SessionMessage(notice))
        return link.ending()

    assert asyncio.run(run()) == "exit status 4"


def test_a_message_of_too_many_values_ends_the_server(tmp_path: Path) -> None:
    async def run() -> str:
        async with box(tmp_path) as toolbox:
            found = await ready(toolbox)
            return await refusal(found["flood"], size=1, text="[" * 600_000, ends=1)

    assert asyncio.run(run()) == 'the MCP server "docs" ended: it sent too many values at once'


def test_a_program_that_writes_no_messages_without_end_is_refused_at_once(tmp_path: Path) -> None:
    program = "while True: print('y')"

    async def run() -> str:
        async with box(tmp_path) as toolbox:
            with pytest.raises(StepError) as caught:
                await toolbox.ready(declared(command=(sys.executable, "-c", program)))
            return str(caught.value)

    why = "it wrote 10,000 lines that are no messages"
    assert asyncio.run(run()) == f'the MCP server "docs" cannot be used: {why}'


def test_a_server_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    async def run(*command: str) -> str:
        async with box(tmp_path) as toolbox:
            with pytest.raises(StepError) as caught:
                await toolbox.ready(declared(command=command))
            return str(caught.value)

    assert asyncio.run(run("docs-server-that-is-not")) == (
        'the MCP server "docs" cannot be used: there is no "docs-server-that-is-not"'
    )
    assert "cannot be run" in asyncio.run(run(str(tmp_path)))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        async with box(tmp_path / "gone") as toolbox:
            await ready(toolbox)

    with pytest.raises(ToolError, match=r'there is no ".*gone"'):
        asyncio.run(run())


def test_a_server_gets_the_common_variables_and_those_it_names(tmp_path: Path) -> None:
    environ = {**os.environ, "DOCS_KEY": "k", "OTHER_KEY": "secret", "TZ": "UTC"}
    server = declared(command=by_hand([tool("environment")]), env=("DOCS_KEY",))

    async def run() -> object:
        settings = ToolSettings(env=("DOCS_KEY", "OTHER_KEY"))
        async with box(tmp_path, environ=environ, settings=settings) as toolbox:
            found = await toolbox.ready(server)
            return await found["environment"].call({})

    given = asyncio.run(run())
    assert isinstance(given, dict)
    assert given["DOCS_KEY"] == "k"
    common = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}
    # LC_CTYPE is Python's own doing (PEP 538).
    assert set(given) - {"LC_CTYPE"} == {"DOCS_KEY"} | (common & set(environ))


def test_a_server_runs_in_the_folder_of_its_pipeline(tmp_path: Path) -> None:
    (tmp_path / "serve").symlink_to(sys.executable)
    words = ("./serve", *by_hand(ALL)[1:])

    async def run() -> object:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=words))
            return await found["echo"].call({"text": "here"})

    assert asyncio.run(run()) == "here"


def test_nothing_is_left_of_a_server_and_its_children_that_ignore_signals(tmp_path: Path) -> None:
    async def run() -> list[int]:
        async with Listener() as listener:
            async with box(tmp_path) as toolbox:
                found = await ready(toolbox, is_stubborn=True)
                await found["spawn"].call({"port": listener.port})
                child, _ = await listener.heard()
                async with asyncio.TaskGroup() as group:
                    waiting = group.create_task(found["wait"].call({"port": listener.port}))
                    server, answer = await listener.heard()
                    answer.write(b"go on")
                assert waiting.result() == "go on"
                assert is_running(server)
                assert is_running(child)
            assert await ended(child)
            return [each for each in (server, child) if is_running(each)]

    assert asyncio.run(run()) == []


def test_the_children_of_a_server_that_was_killed_end_too(tmp_path: Path) -> None:
    async def run() -> bool:
        async with Listener() as listener, box(tmp_path) as toolbox:
            found = await ready(toolbox)
            await found["spawn"].call({"port": listener.port})
            child, _ = await listener.heard()
            await refusal(found["kill"])
            return await ended(child)

    assert asyncio.run(run())


def test_a_server_killed_from_outside_fails_its_call_and_is_started_again(tmp_path: Path) -> None:
    async def run() -> tuple[str, object]:
        async with Listener() as listener, box(tmp_path) as toolbox:
            found = await ready(toolbox)
            async with asyncio.TaskGroup() as group:
                failing = group.create_task(refusal(found["wait"], port=listener.port))
                server, _ = await listener.heard()
                kill(server)
            return failing.result(), await found["echo"].call({"text": "back"})

    assert asyncio.run(run()) == ('the MCP server "docs" ended: killed by SIGKILL', "back")


def test_calls_cancelled_in_the_middle_leave_the_server_as_it_was(tmp_path: Path) -> None:
    async def run() -> object:
        async with Listener() as listener, box(tmp_path) as toolbox:
            found = await ready(toolbox)
            seen = set()
            for _ in range(20):
                async with asyncio.TaskGroup() as group:
                    waiting = group.create_task(found["wait"].call({"port": listener.port}))
                    server, answer = await listener.heard()
                    seen.add(server)
                    waiting.cancel()
                answer.close()
            assert len(seen) == 1
            return await found["echo"].call({"text": "still here"})

    assert asyncio.run(run()) == "still here"


def test_runs_cancelled_in_the_middle_leave_no_process(tmp_path: Path) -> None:
    async def one(listener: Listener) -> None:
        async with box(tmp_path) as toolbox:
            found = await ready(toolbox)
            await found["wait"].call({"port": listener.port})

    async def run() -> list[int]:
        async with Listener() as listener:
            async with asyncio.TaskGroup() as group:
                runs = [group.create_task(one(listener)) for _ in range(20)]
                seen = [(await listener.heard())[0] for _ in runs]
                for each in runs:
                    each.cancel()
            assert len(set(seen)) == 20
            return [each for each in seen if is_running(each)]

    assert asyncio.run(run()) == []


def test_a_run_cancelled_twice_leaves_no_process(tmp_path: Path) -> None:
    async def one(listener: Listener, leaving: asyncio.Event) -> None:
        async with box(tmp_path) as toolbox:
            found = await ready(toolbox, is_stubborn=True)
            try:
                await found["wait"].call({"port": listener.port})
            finally:
                leaving.set()

    async def run() -> bool:
        leaving = asyncio.Event()
        async with Listener() as listener, asyncio.TaskGroup() as group:
            task = group.create_task(one(listener, leaving))
            server, _ = await listener.heard()
            task.cancel()
            await leaving.wait()
            task.cancel()
            assert is_running(server)
            await asyncio.wait({task})
            return await ended(server)

    assert asyncio.run(run())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StepError])
def test_a_run_that_ends_by_an_error_leaves_no_process(
    tmp_path: Path, error: type[BaseException]
) -> None:
    seen = []

    async def run() -> None:
        async with Listener() as listener, box(tmp_path) as toolbox:
            found = await ready(toolbox)
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(found["wait"].call({"port": listener.port}))
                server, answer = await listener.heard()
                answer.write(b"go on")
            seen.append(server)
            assert waiting.result() == "go on"
            raise error

    with pytest.raises(error):
        asyncio.run(run())
    assert [each for each in seen if is_running(each)] == []


_WAITING = """
import asyncio, sys
from pathlib import Path
from tests.support.mcp_tooling import (
    Listener, box, by_hand, declared, ended, is_running, kill, refusal,
)

async def run():
    async with box(Path(sys.argv[1])) as toolbox:
        found = await toolbox.ready(declared(command=tuple(sys.argv[3:])))
        await found["wait"].call({"port": int(sys.argv[2])})

try:
    asyncio.run(run())
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_in_a_call_leaves_no_process(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent

    async def run() -> tuple[int, bytes, bool]:
        async with Listener() as listener:
            words = ("-c", _WAITING, str(tmp_path), str(listener.port), *by_hand(ALL))
            run = await asyncio.create_subprocess_exec(
                sys.executable, *words, cwd=root, stderr=subprocess.PIPE
            )
            server, _ = await listener.heard()
            run.send_signal(2)
            _, said = await run.communicate()
            assert run.returncode is not None
            return run.returncode, said, await ended(server)

    assert asyncio.run(run()) == (130, b"", True)
