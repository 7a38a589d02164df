"""A real MCP server, made with the official package: over stdio, or over HTTP on the loopback.

python -m tests.support.mcp_server stdio|http PORT [--changing]

Over HTTP its first line tells the URL. With --changing it counts its starts in the working
folder and describes its tool `echo` by the number.
"""

from __future__ import annotations

import base64
import os
import socket
import sys
from pathlib import Path
from typing import TypedDict

import anyio
import uvicorn
from mcp.server.mcpserver import Image as Picture
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from tests.support.mcp_raw import PIXEL


class Weather(TypedDict):
    city: str
    degrees: float


def made(description: str) -> MCPServer:
    """The server with all its tools."""
    server = MCPServer("test", log_level="CRITICAL")

    @server.tool(description=description)
    def echo(text: str) -> str:
        return text

    @server.tool()
    def weather(city: str) -> Weather:
        """How warm it is."""
        return {"city": city, "degrees": 21.5}

    @server.tool()
    def picture() -> Picture:
        """One pixel."""
        return Picture(data=base64.b64decode(PIXEL), format="png")

    @server.tool()
    def fail() -> str:
        """Never works."""
        raise ToolError("there is no such order")

    @server.tool()
    def huge(size: int) -> str:
        """A long text."""
        return "x" * size

    @server.tool()
    def die(status: int) -> str:
        """Ends the server in the middle."""
        sys.stderr.write("out of paper\n")
        sys.stderr.flush()
        os._exit(status)

    @server.tool()
    async def wait(port: int) -> str:
        """Tells the listener its process, and gives what the listener says."""
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(f"{os.getpid()}\n".encode())
            return (await stream.receive()).decode()

    return server


def _description(is_changing: bool) -> str:
    if not is_changing:
        return "Says it again."
    counter = Path("starts.txt")
    starts = int(counter.read_text("utf-8")) + 1 if counter.exists() else 1
    counter.write_text(str(starts), "utf-8")
    return f"Says it again ({starts})."


def _serve_http(server: MCPServer, port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


def main(arguments: list[str]) -> None:
    """Serves until it is ended."""
    server = made(_description("--changing" in arguments))
    if arguments[0] == "http":
        _serve_http(server, int(arguments[1]))
    else:
        server.run("stdio")


if __name__ == "__main__":
    main(sys.argv[1:])
