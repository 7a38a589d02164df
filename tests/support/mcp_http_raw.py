"""An MCP server over HTTP that speaks by hand, so that it can be wrong in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support.mcp_raw import answer, tool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its method, its headers in lower case, and its message."""

    method: str
    headers: Mapping[str, str]
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One response; `is_cut` breaks off behind the body, which claims to go on; 0 says nothing."""

    status: int = 200
    body: bytes = b""
    headers: tuple[str, ...] = ("content-type: application/json",)
    is_cut: bool = False


Answer = Callable[[Asked], Said | None]


@dataclass(slots=True)
class HandMade:
    """The server; `special` may answer a request otherwise than it would."""

    special: Answer = lambda asked: None
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/mcp"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for each in self._writers:
            each.close()
            with suppress(OSError):
                await each.wait_closed()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (each.split(": ", 1) for each in head[1:] if each)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                message = json.loads(body) if body else {}
                asked = Asked(head[0].split(" ")[0], headers, message)
                self.asked.append(asked)
                said = self.special(asked) or plain(asked)
                if not said.status:
                    writer.close()
                    break
                length = len(said.body) + (100 if said.is_cut else 0)
                lines = (f"HTTP/1.1 {said.status} said", *said.headers, f"content-length: {length}")
                writer.write("\r\n".join((*lines, "", "")).encode() + said.body)
                if said.is_cut:
                    writer.close()


def plain(asked: Asked) -> Said:
    """What a sound server of before 2026 says; its session is number 1."""
    method = asked.message.get("method")
    if asked.method != "POST":
        return Said(405)
    if "id" not in asked.message:
        return Said(202)
    params = asked.message.get("params", {})
    match method:
        case "initialize":
            info = {"name": "hand-made", "version": "1"}
            found = {"protocolVersion": params["protocolVersion"], "serverInfo": info}
            more = ("mcp-session-id: 1",)
            return said(asked, {**found, "capabilities": {"tools": {}}}, *more)
        case "tools/list":
            return said(asked, {"tools": [tool("echo"), tool("raw")]})
        case "tools/call":
            return said(asked, answer(params["name"], params["arguments"]))
    return Said(404)


def said(asked: Asked, result: object, *headers: str) -> Said:
    """A result as JSON."""
    message = {"jsonrpc": "2.0", "id": asked.message["id"], "result": result}
    return Said(200, json.dumps(message).encode(), ("content-type: application/json", *headers))
