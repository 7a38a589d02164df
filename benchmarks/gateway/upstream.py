"""A provider that costs next to nothing: fixed answers after about a given time, on one core.

python -m benchmarks.gateway.upstream --latency-ms 100 --core 1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
from typing import cast

PIECES = 20
_USAGE = {"prompt_tokens": 20, "completion_tokens": PIECES, "total_tokens": 20 + PIECES}
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m", "system_fingerprint": None}


def _unary() -> bytes:
    message = {"role": "assistant", "content": "word " * PIECES, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    body = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
    return head.encode() + b"\r\n" + text


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return _chunk(b"data: " + json.dumps(body).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _events() -> list[bytes]:
    usage = {**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
    last = _event({}, "stop") + _chunk(b"data: " + json.dumps(usage).encode() + b"\n\n")
    pieces = [_event({"role": "assistant", "content": "word "})]
    pieces += [_event({"content": "word "}) for _ in range(PIECES - 1)]
    return [*pieces, last + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"]


UNARY = _unary()
EVENTS = _events()
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Connection(asyncio.Protocol):
    """Answers each request of one connection."""

    latency_s = 0.0
    chance = random.Random(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller came."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._loop = asyncio.get_running_loop()
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Hears more of a request."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) < length:
            return
        self._data = body[length:]
        is_stream = b'"stream":true' in body or b'"stream": true' in body
        # Callers that were answered all at the same moment would ask again at the same moment.
        latency_s = self.latency_s * self.chance.uniform(0.5, 1.5)
        if not is_stream:
            self._later(latency_s, UNARY)
            return
        pause = latency_s / 2 / PIECES
        for number, event in enumerate(EVENTS):
            before = STREAM if number == 0 else b""
            self._later(latency_s / 2 + number * pause, before + event)

    def _later(self, delay_s: float, data: bytes) -> None:
        if delay_s:
            self._loop.call_later(delay_s, self._transport.write, data)
        else:
            self._loop.call_soon(self._transport.write, data)


async def serve() -> None:
    """Serves until it is ended; prints its address first."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Reads the flags."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--core", type=int)
    flags = parser.parse_args()
    Connection.latency_s = flags.latency_ms / 1000
    if flags.core is not None:
        os.sched_setaffinity(0, {flags.core})
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve())
    else:
        uvloop.run(serve())


if __name__ == "__main__":
    main()
