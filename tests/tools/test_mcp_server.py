"""The life of a server during a run: starts, lists, bounds, restarts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flowrun.errors import ToolError
from flowrun.masking import Masker
from flowrun.tools.mcp_server import Patience, Server
from flowrun.tools.mcp_stdio import Command, StdioLink
from tests.support.mcp_raw import tool
from tests.support.mcp_tooling import by_hand

QUICK = Patience(start_s=0.2, list_s=0.2, answer_s=5)


@asynccontextmanager
async def server(
    folder: Path, command: tuple[str, ...], patience: Patience | None = None
) -> AsyncIterator[Server]:
    masker = Masker()
    started = Command(command, {"PATH": os.environ["PATH"]}, folder)
    async with asyncio.TaskGroup() as group:
        made = Server(
            "docs", lambda: StdioLink(started, masker), group, masker, patience or Patience()
        )
        try:
            yield made
        finally:
            made.close()


def refused(folder: Path, *pages: object, patience: Patience | None = None, **more: object) -> str:
    """Why a server cannot be used."""

    async def run() -> str:
        async with server(folder, by_hand(*pages, **more), patience) as made:
            with pytest.raises(ToolError) as caught:
                await made.tools()
            return str(caught.value).removeprefix('the MCP server "docs" cannot be used: ')

    return asyncio.run(run())


def test_all_pages_of_tools_are_read(tmp_path: Path) -> None:
    async def run() -> list[str]:
        command = by_hand([tool("a"), tool("b")], [], [tool("c")])
        async with server(tmp_path, command) as made:
            return list(await made.tools())

    assert asyncio.run(run()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("pages", "more", "told"),
    [
        ([[tool("a")], [tool("a")]], {}, 'it lists two tools "a"'),
        ([[{"name": "a"}]], {}, "it answered with what MCP does not allow"),
        ([], {"is_endless": True}, "the list of its tools has more than 50 pages"),
        ([], {"is_endless": True, "size": 2**20}, "the list of its tools is larger than 10 MB"),
        ([], {"refuses": "tools/list"}, "not today"),
    ],
    ids=["twice", "invalid", "endless", "large", "none"],
)
def test_a_list_that_cannot_be_used_is_named(
    tmp_path: Path, pages: list[object], more: dict[str, Any], told: str
) -> None:
    assert refused(tmp_path, *pages, **more) == told


def test_a_server_that_exits_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    told = refused(tmp_path, [], exit=2, says="usage: docs-server FILE")
    assert told == 'exit status 2; it said last: "usage: docs-server FILE"'


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    assert refused(tmp_path, [], is_mute=True, patience=QUICK) == "it did not answer in time"


def test_a_server_that_refuses_to_begin_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, [], refuses="initialize") == "not today"


def test_first_uses_at_once_start_it_once(tmp_path: Path) -> None:
    counting = ("sh", "-c", 'echo x >> starts; exec "$0" "$@"', *by_hand([tool("a")]))

    async def run() -> list[list[str]]:
        async with server(tmp_path, counting) as made, asyncio.TaskGroup() as group:
            listed = [group.create_task(made.tools()) for _ in range(5)]
        return [list(each.result()) for each in listed]

    assert asyncio.run(run()) == [["a"]] * 5
    assert (tmp_path / "starts").read_text("utf-8") == "x\n"


def test_who_stops_waiting_for_the_start_does_not_stop_it(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with server(tmp_path, by_hand([tool("a")])) as made:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(made.tools())
                second = group.create_task(made.tools())
                await asyncio.sleep(0)
                first.cancel()
            return list(second.result())

    assert asyncio.run(run()) == ["a"]


def test_a_server_that_ends_again_and_again_is_given_up(tmp_path: Path) -> None:
    async def run() -> list[str]:
        told = []
        async with server(tmp_path, by_hand([tool("die")])) as made:
            listed = (await made.tools())["die"]
            for _ in range(4):
                with pytest.raises(ToolError) as caught:
                    await made.call(listed, {"status": 1}, timeout_s=60)
                told.append(str(caught.value))
        return told

    assert asyncio.run(run()) == [
        *['the MCP server "docs" ended: exit status 1'] * 3,
        'the MCP server "docs" failed 3 times and is given up; the last time: exit status 1',
    ]


def test_all_calls_under_way_fail_when_it_ends(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with server(tmp_path, by_hand([tool("die"), tool("mute")])) as made:
            listed = await made.tools()

            async def call(name: str) -> str:
                with pytest.raises(ToolError) as caught:
                    await made.call(listed[name], {"status": 1}, timeout_s=60)
                return str(caught.value)

            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(call(name)) for name in ("mute", "mute", "die")]
            return [each.result() for each in calls]

    assert asyncio.run(run()) == ['the MCP server "docs" ended: exit status 1'] * 3


def test_calls_after_it_ended_share_one_new_start(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with server(tmp_path, by_hand([tool("die"), tool("echo")])) as made:
            listed = await made.tools()
            with pytest.raises(ToolError, match="ended"):
                await made.call(listed["die"], {}, timeout_s=60)
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(made.call(listed["echo"], {"text": text}, timeout_s=60))
                    for text in "ab"
                ]
            return [str(each.result().content[0]) for each in calls]

    assert len(asyncio.run(run())) == 2


def test_a_tool_that_changed_at_a_restart_is_refused(tmp_path: Path) -> None:
    changing = by_hand([tool("die"), tool("echo")], is_changing=True)

    async def run() -> str:
        async with server(tmp_path, changing) as made:
            listed = await made.tools()
            with pytest.raises(ToolError, match="ended"):
                await made.call(listed["die"], {}, timeout_s=60)
            with pytest.raises(ToolError) as caught:
                await made.call(listed["echo"], {"text": "x"}, timeout_s=60)
            return str(caught.value)

    assert asyncio.run(run()) == (
        'the MCP server "docs" changed its tool "echo" when it was started again'
    )


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("refuse", {}, "not today"),
        ("raw", {"result": {"content": 3}}, None),
        ("raw", {"result": {"resultType": "input_required", "requestState": "s"}}, None),
    ],
    ids=["refusal", "no result", "a question"],
)
def test_an_answer_that_is_no_result_fails_the_call_alone(
    tmp_path: Path, name: str, arguments: dict[str, object], told: str | None
) -> None:
    async def run() -> str:
        async with server(tmp_path, by_hand([tool(name), tool("echo")])) as made:
            listed = await made.tools()
            with pytest.raises(ToolError) as caught:
                await made.call(listed[name], arguments, timeout_s=60)  # type: ignore[arg-type]
            await made.call(listed["echo"], {"text": "x"}, timeout_s=60)
            return str(caught.value)

    expected = f": {told}" if told else " answered with what MCP does not allow"
    assert asyncio.run(run()) == f'the MCP server "docs"{expected}'


def test_a_closed_server_is_not_started(tmp_path: Path) -> None:
    async def run() -> None:
        async with server(tmp_path, by_hand([])) as made:
            await made.tools()
            made.close()
            await made.tools()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run())
    told = 'the MCP server "docs" is closed: the run is at its end'
    assert [str(each) for each in caught.value.exceptions] == [told]


def test_what_the_package_logs_is_printed_nowhere(tmp_path: Path) -> None:
    refused(tmp_path, [], exit=2)
    refused(tmp_path, [], exit=2)
    handlers = logging.getLogger("mcp").handlers
    assert [type(each) for each in handlers] == [logging.NullHandler]
