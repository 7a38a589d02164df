"""All tools of a run: each made ready when first needed, shared, and closed with the run.

ready:  refuse what runs code, with --no-exec -> python | http | shell: made
                                              -> mcp: the server started once, its tools by name
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Self

from flowrun.config import ToolSettings
from flowrun.document.tool import HttpCall, McpServer, PythonFunction, ShellCommand
from flowrun.document.tool import Tool as DeclaredTool
from flowrun.errors import StepError
from flowrun.folder import Folder
from flowrun.masking import Masker
from flowrun.tools.base import Tool

if TYPE_CHECKING:
    from flowrun.tools.mcp_server import Server
    from flowrun.tools.web import Web

_PACKAGES_OF_MCP = ("mcp", "mcp_types")


class Toolbox:
    """The tools of one run, to be entered and left by the task that runs it.

    `root` is the folder of the pipeline that is run. Without `may_execute` no tool runs code on
    this machine. Leaving ends every server, however the run ended, within seconds.
    """

    def __init__(
        self,
        root: Folder,
        *,
        environ: Mapping[str, str],
        settings: ToolSettings,
        may_execute: bool,
        masker: Masker,
    ) -> None:
        self._root = root
        self._environ = environ
        self._settings = settings
        self._may_execute = may_execute
        self._masker = masker
        self._group = asyncio.TaskGroup()
        self._web: Web | None = None
        self._servers: dict[tuple[str, str], Server] = {}
        self._ready: dict[tuple[str, str], Mapping[str, Tool]] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        for server in self._servers.values():
            server.close()
        try:
            if self._web is not None:
                await self._web.aclose()
        finally:
            # Without the error of the run, which the group would wrap in one of its own.
            await self._group.__aexit__(None, None, None)

    async def ready(self, tool: DeclaredTool) -> Mapping[str, Tool]:
        """What can be called of a declared tool, by member: "", or the names of a server's tools.

        Raises: StepError if it may not be used here, or cannot be made ready; the next call
            tries again.
        """
        if tool.runs_code and not self._may_execute:
            raise StepError(
                f'the tool "{tool.name}" runs code on this machine, which --no-exec forbids'
            )
        key = (tool.origin, tool.name)
        found = self._ready.get(key)
        if found is None:
            # Who waited for the same server meanwhile takes what the first of them got.
            found = self._ready.setdefault(key, await self._made(tool, key))
        return found

    async def _made(self, tool: DeclaredTool, key: tuple[str, str]) -> Mapping[str, Tool]:
        # Imported here: a run that calls no tool of a kind does not pay for that kind.
        folder = self._root.root / tool.folder
        match tool.action:
            case PythonFunction():
                from flowrun.tools.python import imported

                return {"": await imported(tool, folder)}
            case HttpCall():
                from flowrun.tools.http import http_tool
                from flowrun.tools.web import Web

                self._web = self._web or Web(self._settings.private)
                environ, settings = self._environ, self._settings
                return {"": http_tool(tool, environ=environ, settings=settings, web=self._web)}
            case ShellCommand():
                from flowrun.tools.shell import shell_tool

                environ, settings = self._environ, self._settings
                return {"": shell_tool(tool, folder, environ=environ, settings=settings)}
            case McpServer():
                return await self._served(tool, key)
            case _:
                raise ValueError(f'the tool "{tool.name}" is none that a toolbox makes ready')

    async def _served(self, tool: DeclaredTool, key: tuple[str, str]) -> Mapping[str, Tool]:
        try:
            # Imported here, for the package belongs to an extra; in a thread, for that takes
            # most of a second, in which other steps go on.
            await asyncio.to_thread(import_module, "flowrun.tools.mcp")
            from flowrun.tools import mcp
        except ImportError as error:
            if (error.name or "").split(".")[0] not in _PACKAGES_OF_MCP:
                raise
            raise StepError(
                f'the tool "{tool.name}" needs the package mcp: python -m pip install "mcp>=2.3"'
            ) from error
        if key not in self._servers:
            around = mcp.Surroundings(
                folder=self._root.root / tool.folder,
                environ=self._environ,
                settings=self._settings,
                masker=self._masker,
                group=self._group,
            )
            self._servers[key] = mcp.mcp_server(tool, around)
        return await mcp.mcp_tools(tool, self._servers[key])
