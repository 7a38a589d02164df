"""The tools of an MCP server, each behind the tool protocol."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from flowrun.chat.messages import ToolDefinition
from flowrun.chat.schema import InvalidSchema, compile_schema
from flowrun.config import ToolSettings
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, canonical, digest
from flowrun.document.tool import McpServer
from flowrun.document.tool import Tool as DeclaredTool
from flowrun.errors import StepError, ToolError, did_you_mean
from flowrun.masking import Masker
from flowrun.tools.base import ToolFacts
from flowrun.tools.environment import process_environment, variable
from flowrun.tools.mcp_http import HttpLink
from flowrun.tools.mcp_results import value
from flowrun.tools.mcp_server import Link, Listed, Server
from flowrun.tools.mcp_stdio import Command, StdioLink
from flowrun.tools.returned import fitting

_LONGEST_NAME = 64
_SIGNS_OF_DIGEST = 8
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_BETWEEN = re.compile(r"(?=__)")
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a server is started with, and who outlives it.

    `folder` is where a command runs; `group` owns the tasks of the servers.
    """

    folder: Path
    environ: Mapping[str, str]
    settings: ToolSettings
    masker: Masker
    group: asyncio.TaskGroup


def mcp_server(tool: DeclaredTool, around: Surroundings) -> Server:
    """The server of a declared tool, which is started when its tools are asked for.

    Raises: StepError if it names an environment variable that it may not have.
    """
    link = _link(tool.name, _action(tool), around)
    return Server(tool.name, link, around.group, around.masker)


async def mcp_tools(tool: DeclaredTool, server: Server) -> Mapping[str, McpTool]:
    """What a step may call of a server, by the names that the server itself uses.

    Raises: StepError if it cannot be started, or has no tool that the file allows.
    """
    action = _action(tool)
    listed = await server.tools()
    allowed = tuple(listed) if action.allow is None else action.allow
    for name in allowed:
        if name not in listed:
            raise StepError(_missing(tool.name, name, listed))
    found: dict[str, McpTool] = {}
    taken: set[str] = set()
    for name in allowed:
        _require_schemas(tool.name, listed[name])
        wire = wire_name(tool.name, name, taken)
        taken.add(wire)
        found[name] = McpTool(server, listed[name], _facts(tool, listed[name], wire))
    return found


class McpTool:
    """One tool of a server."""

    def __init__(self, server: Server, listed: Listed, facts: ToolFacts) -> None:
        self._server = server
        self._listed = listed
        self._facts = facts

    @property
    def facts(self) -> ToolFacts:
        """What the server says of it, and what the file does."""
        return self._facts

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What the server answers, which fits what it says that it returns."""
        try:
            canonical(arguments)
        except ValueError as error:
            raise ToolError(f"the arguments are no plain JSON: {error}") from error
        timeout_s = self._facts.timeout_s
        result = await self._server.call(self._listed, arguments, timeout_s=timeout_s)
        return fitting(self._facts.returns, value(result))


def wire_name(server: str, tool: str, taken: Collection[str]) -> str:
    """What a model calls the tool: `server__tool`, in at most 64 letters, digits, `-` and `_`.

    A name that would be longer, hold other signs, or could be read in two ways ends in a
    digest, so that no two tools share one.
    """
    plain = f"{server}__{tool}"
    name = _NOT_IN_NAMES.sub("_", plain)
    is_one = len(_BETWEEN.findall(name)) == 1
    if name == plain and is_one and len(name) <= _LONGEST_NAME and name not in taken:
        return name
    signs = digest("tool-name/1", [server, tool])
    longer = (
        f"{name[: _LONGEST_NAME - length - 1]}_{signs[:length]}"
        for length in range(_SIGNS_OF_DIGEST, _LONGEST_NAME)
    )
    return next(each for each in longer if each not in taken)


def _facts(tool: DeclaredTool, listed: Listed, wire: str) -> ToolFacts:
    action = _action(tool)
    where: JsonValue = list(action.command) or action.url
    return ToolFacts(
        definition=ToolDefinition(wire, listed.description, listed.parameters),
        version=digest("mcp/1", {"tool": listed.as_json(), "server": where}),
        # That a server calls its own tool read-only is a hint, and no promise.
        is_pure=tool.is_pure,
        timeout_s=tool.timeout_s,
        returns=listed.returns,
    )


def _missing(server: str, name: str, listed: Collection[str]) -> str:
    shown = ", ".join(sorted(listed)[:_MOST_NAMED]) or "none"
    more = ", …" if len(listed) > _MOST_NAMED else ""
    near = did_you_mean(name, listed)
    return f'the MCP server "{server}" has no tool "{name}"; it has: {shown}{more}' + (
        f"; {near}" if near else ""
    )


def _require_schemas(server: str, listed: Listed) -> None:
    for schema in (listed.parameters, listed.returns):
        try:
            compile_schema(schema or {})
        except InvalidSchema as error:
            raise StepError(
                f'the MCP server "{server}" describes its tool "{listed.name}" '
                f"by a faulty schema: {error}"
            ) from error


def _action(tool: DeclaredTool) -> McpServer:
    assert isinstance(tool.action, McpServer)
    return tool.action


def _link(name: str, action: McpServer, around: Surroundings) -> Callable[[], Link]:
    shown = f'the tool "{name}"'
    if action.command:
        environment = process_environment(action.env, around.environ, around.settings, shown)
        command = Command(action.command, environment, around.folder)
        return lambda: StdioLink(command, around.masker)
    token = ""
    if action.bearer:
        token = variable(action.bearer, around.environ, around.settings, shown)
    return lambda: HttpLink(action.url, token, around.settings.private)
