"""A server that speaks MCP by hand, so that it starts at once and can be wrong in every way.

python mcp_raw.py '{"pages": [[TOOL, …], …], …}'

The object says how it behaves; for a tool the name of a file may stand that holds it. Each tool
answers a call by what its name says (see `answer`). It imports nothing of ours, and is run as a
file.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


_CHILD = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
listener.sendall(f"{os.getpid()}\\n".encode())
listener.recv(1)
signal.pause()
"""


def tool(name: str, **more: Any) -> dict[str, Any]:
    """A tool as it is listed."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def main(behaviour: dict[str, Any]) -> None:
    """Answers line by line until its input ends."""
    if behaviour.get("says"):
        _tell(behaviour["says"])
    if "exit" in behaviour:
        sys.exit(behaviour["exit"])
    if behaviour.get("is_stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour.get("is_changing"):
        _change(behaviour["pages"])
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            _respond(asked, behaviour)
    while behaviour.get("is_stubborn"):
        signal.pause()


def _change(pages: list[Any]) -> None:
    """Describes the tools by how often it was started in this folder."""
    with open("starts.txt", "a+", encoding="utf-8") as counter:  # noqa: PTH123 - needs no import
        counter.write("x")
        counter.seek(0)
        starts = len(counter.read())
    for page in pages:
        for each in page:
            each["description"] = f"start {starts}"


def _respond(asked: dict[str, Any], behaviour: dict[str, Any]) -> None:
    method, params = asked["method"], asked.get("params", {})
    found: Any = None
    if method == behaviour.get("refuses"):
        found = {"code": -32000, "message": "not today"}
    elif method == "initialize" and not behaviour.get("is_mute"):
        found = {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "raw", "version": "1"},
        }
    elif method == "tools/list":
        found = _page(behaviour, int(params.get("cursor") or 0))
    elif method == "tools/call":
        found = answer(params["name"], params.get("arguments") or {})
    elif method == "server/discover":
        found = {"code": -32601, "message": "no such method"}
    if found is not None:
        is_problem = "code" in found
        _say({"jsonrpc": "2.0", "id": asked["id"], "error" if is_problem else "result": found})


def _page(behaviour: dict[str, Any], at: int) -> dict[str, Any]:
    pages = behaviour["pages"]
    if behaviour.get("is_endless"):
        more = [tool(f"tool{at}", description="x" * behaviour.get("size", 0))]
        return {"tools": more, "nextCursor": str(at + 1)}
    tools = [each if isinstance(each, dict) else _read(each) for each in pages[at]]
    return {"tools": tools} | ({"nextCursor": str(at + 1)} if at + 1 < len(pages) else {})


def _read(path: str) -> Any:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - needs no import
        return json.load(file)


def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """What a tool gives, by its name; None for no answer at all."""
    match name:
        case "echo":
            return {"content": [{"type": "text", "text": arguments["text"]}]}
        case "raw":
            return dict(arguments["result"])
        case "environment":
            return {"content": [], "structuredContent": dict(os.environ)}
        case "refuse":
            return {"code": -32000, "message": "not today"}
        case "wait":
            return _wait(arguments["port"])
        case "spawn":
            subprocess.Popen([sys.executable, "-c", _CHILD, str(arguments["port"])])
            return {"content": []}
    _break(name, arguments)
    return None


def _break(name: str, arguments: dict[str, Any]) -> None:
    match name:
        case "die":
            _tell(arguments.get("says", ""))
            os._exit(arguments.get("status", 0))
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "close":
            os.close(1)
            time.sleep(60)
        case "flood":
            text = arguments.get("text", "x") * arguments["size"]
            sys.stdout.write(text + "\n" * arguments.get("ends", 0))
            sys.stdout.flush()


def _wait(port: int) -> dict[str, Any] | None:
    """Tells the listener its process, and answers when the listener lets it."""
    listener = socket.create_connection(("127.0.0.1", port))
    listener.sendall(f"{os.getpid()}\n".encode())
    said = listener.recv(100)
    return {"content": [{"type": "text", "text": said.decode()}]} if said else None


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write("this line is no message\n" + json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
