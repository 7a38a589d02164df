"""One MCP server during a run: started when first needed, again if it ends, and then closed.

call:   the start that stands, or a new one -> is the tool as it was? -> ask -> answer
                                                          ended: say how; the next call starts it
start:  a task of its own: open the link -> shake hands -> list -> wait for `over` -> close

A start happens in one task of the toolbox's group, for the package's cancel scopes have to be
left in the task that entered them. Every wait is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Protocol

from mcp import Client, MCPError
from mcp.client import ClientSession, Transport
from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult, Implementation
from mcp_types import Tool as ToolOfServer
from pydantic import ValidationError

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, canonical
from flowrun.errors import ToolError
from flowrun.masking import Masker

MOST_STARTS = 3
_AFTER_TIMEOUT_S = 5.0
_MOST_PAGES = 50
_LARGEST_LIST_BYTES = 10 * 2**20
_LARGEST_PROBLEM = 2000


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a start may take, then the list of tools, and each answer to these."""

    start_s: float = 20.0
    list_s: float = 20.0
    answer_s: float = 10.0


class Link(Transport, Protocol):
    """One start of a server; entered, it gives the package the streams of a session."""

    @property
    def over(self) -> asyncio.Event:
        """Set when the server has ended, and by whoever wants the link to be closed."""
        ...

    def ending(self) -> str:
        """How the server ended by itself, nothing if it did not."""
        ...

    def last_words(self) -> str:
        """The end of what it wrote for people, nothing where that cannot be seen."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]
    returns: Mapping[str, JsonValue] | None

    def as_json(self) -> dict[str, JsonValue]:
        """Everything that it says of itself, in the wire's words."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.parameters,
            "outputSchema": self.returns,
        }


_PATIENCE = Patience()


class Server:
    """A server that a file declares; `link` makes what the next start goes over.

    The tasks of its starts belong to `group`; after `close` they end within seconds.
    """

    def __init__(
        self,
        name: str,
        link: Callable[[], Link],
        group: asyncio.TaskGroup,
        masker: Masker,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._shown = f'the MCP server "{name}"'
        self._link = link
        self._group = group
        self._masker = masker
        self._patience = patience
        self._starts = 0
        self._start: _Start | None = None
        self._told = ""
        self._is_closed = False

    async def tools(self) -> Mapping[str, Listed]:
        """What it lists, by name. Raises: ToolError if it cannot be started."""
        return (await self._ready()).tools

    async def call(
        self, tool: Listed, arguments: Mapping[str, JsonValue], *, timeout_s: float
    ) -> CallToolResult:
        """What the server answers; the caller keeps the time, `timeout_s` is for the server.

        Raises: ToolError if it ends meanwhile, cannot be started, refuses, or if the tool is
            another than it was when it was listed first.
        """
        start = await self._ready()
        if start.tools.get(tool.name) != tool:
            raise ToolError(
                f'{self._shown} changed its tool "{tool.name}" when it was started again'
            )
        asked = CallToolRequestParams(name=tool.name, arguments=dict(arguments))
        try:
            return await start.session.send_request(
                CallToolRequest(params=asked),
                CallToolResult,
                request_read_timeout_seconds=timeout_s + _AFTER_TIMEOUT_S,
            )
        except MCPError as error:
            if not start.link.over.is_set():
                raise ToolError(self._brief(f"{self._shown}: {error.message}")) from error
        except ValidationError as error:
            raise ToolError(f"{self._shown} answered with what MCP does not allow") from error
        await start.closed.wait()
        raise ToolError(self._brief(f"{self._shown} ended: {start.told()}"))

    def close(self) -> None:
        """Lets the start that stands come to its end, and allows no other."""
        self._is_closed = True
        if self._start is not None:
            self._start.link.over.set()

    async def _ready(self) -> _Start:
        while self._start is not None and self._start.link.over.is_set():
            await self._start.closed.wait()
        start = self._start or self._begin()
        await start.settled.wait()
        if not start.is_open:
            raise ToolError(self._brief(f"{self._shown} cannot be used: {start.told()}"))
        return start

    def _begin(self) -> _Start:
        if self._is_closed:
            raise ToolError(f"{self._shown} is closed: the run is at its end")
        if self._starts == MOST_STARTS:
            told = f"{MOST_STARTS} times and is given up; the last time: {self._told}"
            raise ToolError(self._brief(f"{self._shown} failed {told}"))
        self._starts += 1
        self._start = start = _Start(self._link(), self._patience)
        self._group.create_task(self._live(start))
        return start

    async def _live(self, start: _Start) -> None:
        try:
            await start.run()
        finally:
            self._start = None
            self._told = start.told()
            start.closed.set()
            start.settled.set()

    def _brief(self, text: str) -> str:
        masked = self._masker.mask(text)
        return masked if len(masked) <= _LARGEST_PROBLEM else f"{masked[:_LARGEST_PROBLEM]}…"


class _Start:
    """One start of a server, from its first byte until nothing of it is left.

    `is_open` once its tools are known, and from then on; `settled` when it is open or failed,
    `closed` at its end.
    """

    def __init__(self, link: Link, patience: Patience) -> None:
        self.link = link
        self._patience = patience
        self.tools: Mapping[str, Listed] = {}
        self.settled = asyncio.Event()
        self.closed = asyncio.Event()
        self.session: ClientSession
        self.is_open = False
        self._fault = ""

    def told(self) -> str:
        """Why it is over."""
        words = self.link.last_words()
        said = f'it said last: "{words}"' if words else ""
        why = self.link.ending() or self._fault or "the connection was closed"
        return f"{why}; {said}" if said else why

    async def run(self) -> None:
        """Opens the link, and closes it when it is over or the task is cancelled."""
        _be_quiet()
        client = Client(
            self.link,
            cache=None,
            read_timeout_seconds=self._patience.answer_s,
            client_info=Implementation(name="flowrun", version="1"),
        )
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._patience.start_s):
                    await stack.enter_async_context(client)
                async with asyncio.timeout(self._patience.list_s):
                    self.tools = await _listing(client)
                self.session = client.session
                self.is_open = True
                self.settled.set()
                await self.link.over.wait()
        except* Exception as errors:  # noqa: BLE001 - a server's doing ends that server, not the run
            self._fault = _fault(errors)
        finally:
            self.link.over.set()


def _be_quiet() -> None:
    """Keeps what the package logs from being printed where nobody asked for logs."""
    logger = logging.getLogger("mcp")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


async def _listing(client: Client) -> Mapping[str, Listed]:
    found: dict[str, Listed] = {}
    size_bytes = 0
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        for each in page.tools:
            tool = _listed(each)
            size_bytes += len(canonical(tool.as_json()))
            if size_bytes > _LARGEST_LIST_BYTES:
                raise ToolError("the list of its tools is larger than 10 MB")
            if tool.name in found:
                raise ToolError(f'it lists two tools "{tool.name}"')
            found[tool.name] = tool
        cursor = page.next_cursor
        if not cursor:
            return found
    raise ToolError(f"the list of its tools has more than {_MOST_PAGES} pages")


def _listed(tool: ToolOfServer) -> Listed:
    return Listed(tool.name, tool.description or "", tool.input_schema, tool.output_schema)


def _fault(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case ToolError():
            return str(error)
        case MCPError():
            return error.message
        case TimeoutError():
            return "it did not answer in time"
        case ValidationError():
            return "it answered with what MCP does not allow"
        case _:
            return str(error) or type(error).__name__
