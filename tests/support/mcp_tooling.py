"""A toolbox for tests, MCP servers for it, and a listener that their tools report to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from flowrun.config import ToolSettings
from flowrun.document.tool import McpServer, Tool
from flowrun.errors import ToolError
from flowrun.folder import Folder
from flowrun.masking import Masker
from flowrun.tools import base
from flowrun.tools.toolbox import Toolbox

ROOT = Path(__file__).parent.parent.parent
_OFFICIAL = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    "from tests.support.mcp_server import main; main(sys.argv[1:])"
)


def box(
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    settings: ToolSettings | None = None,
    may_execute: bool = True,
    secrets: Iterable[str] = (),
) -> Toolbox:
    return Toolbox(
        Folder(folder),
        environ=os.environ if environ is None else environ,
        settings=settings or ToolSettings(),
        may_execute=may_execute,
        masker=Masker(secrets),
    )


def declared(name: str = "docs", *, is_pure: bool = False, **server: Any) -> Tool:
    """A declared MCP server."""
    return Tool(name, ("tools", name), McpServer(**server), is_pure=is_pure, origin="story.yaml")


def official(*arguments: str) -> tuple[str, ...]:
    """The command of a server made with the official package."""
    return (sys.executable, "-c", _OFFICIAL, *arguments)


def by_hand(*pages: object, **behaviour: object) -> tuple[str, ...]:
    """The command of a server that speaks MCP by hand, with its pages of tools."""
    script = ROOT / "tests" / "support" / "mcp_raw.py"
    return (sys.executable, "-S", "-E", str(script), json.dumps({"pages": pages, **behaviour}))


async def refusal(called: base.Tool, **arguments: Any) -> str:
    """What a tool says that does not do what it is asked."""
    with pytest.raises(ToolError) as caught:
        await called.call(arguments)
    return str(caught.value)


@dataclass(slots=True)
class Listener:
    """Hears from tools that have begun, by their process; they wait for what it says."""

    port: int = 0
    _server: asyncio.Server | None = None
    _heard: asyncio.Queue[tuple[int, asyncio.StreamWriter]] = field(default_factory=asyncio.Queue)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for each in self._writers:
            each.close()
            with suppress(OSError):
                await each.wait_closed()
        await self._server.wait_closed()

    async def heard(self) -> tuple[int, asyncio.StreamWriter]:
        """The process of the next tool that has begun, and what to answer it by."""
        return await self._heard.get()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        line = await reader.readline()
        if line:
            self._heard.put_nowait((int(line), writer))


def is_running(process: int) -> bool:
    """Whether a process is there and no mere entry of one that has ended."""
    status = Path(f"/proc/{process}/stat")
    try:
        if Path("/proc/self").exists():
            return status.read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
        os.kill(process, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


async def ended(process: int) -> bool:
    """Whether a process ends: the system tells nobody but its parent, so this asks."""
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while is_running(process):  # noqa: ASYNC110 - a process that is no child of ours
                await asyncio.sleep(0.01)
    return not is_running(process)


def kill(process: int) -> None:
    """Ends a process at once."""
    os.kill(process, signal.SIGKILL)
