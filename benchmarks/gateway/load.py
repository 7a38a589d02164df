"""Callers that ask again as soon as they are answered: requests a second, and how long each took.

python -m benchmarks.gateway.load URL --model NAME --key KEY --seconds 5 --connections 64 [--stream]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from urllib.parse import urlsplit


class Load:
    """A load and what came of it."""

    def __init__(self, url: str, model: str, key: str, *, is_stream: bool) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        messages = [{"role": "user", "content": "Say something. " * 8}]
        more = {"stream": True} if is_stream else {}
        text = json.dumps({"model": model, "messages": messages, **more}).encode()
        head = (
            f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(text)}\r\n\r\n"
        )
        self._request = head.encode() + text
        self._is_stream = is_stream
        self.seconds: list[float] = []
        self.firsts: list[float] = []
        self.faults = 0
        self.fault = ""

    async def run(self, connections: int, seconds: float, most: int) -> float:
        """Loads for that long, or for so many requests; how long it took."""
        self._left = most
        self._until = time.perf_counter() + seconds
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._caller())
        return time.perf_counter() - start

    async def _caller(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        while self._left > 0 and time.perf_counter() < self._until:
            self._left -= 1
            start = time.perf_counter()
            writer.write(self._request)
            try:
                first, body = await self._answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                self._failed(repr(error))
                writer.close()
                reader, writer = await asyncio.open_connection(self.host, self.port)
                continue
            if self._is_stream and not body.rstrip().endswith(b"data: [DONE]"):
                self._failed(body[-200:].decode("utf-8", "replace"))
            self.firsts.append(first - start)
            self.seconds.append(time.perf_counter() - start)
        writer.close()

    def _failed(self, said: str) -> None:
        self.faults += 1
        self.fault = self.fault or said

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[float, bytes]:
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            body, first = await self._chunks(reader)
        else:
            length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            first, body = time.perf_counter(), await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            self._failed((head[:40] + body[:200]).decode("utf-8", "replace"))
        return first, body

    async def _chunks(self, reader: asyncio.StreamReader) -> tuple[bytes, float]:
        found, first = b"", 0.0
        while True:
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            piece = await reader.readexactly(size + 2)
            first = first or time.perf_counter()
            if size == 0:
                return found, first
            found += piece[:-2]


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--model", required=True)
    parser.add_argument("--key", default="none")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--requests", type=int, default=10**9)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--core", type=int)
    flags = parser.parse_args()
    if flags.core is not None:
        os.sched_setaffinity(0, {flags.core})
    load = Load(flags.url, flags.model, flags.key, is_stream=flags.stream)
    try:
        socket.create_connection((load.host, load.port), 5).close()
    except OSError as error:
        sys.exit(f"nobody listens at {flags.url}: {error}")
    run = load.run(flags.connections, flags.seconds, flags.requests)
    try:
        import uvloop
    except ImportError:
        took_s = asyncio.run(run)
    else:
        took_s = uvloop.run(run)
    times, firsts = sorted(load.seconds), sorted(load.firsts)
    print(
        json.dumps(
            {
                "requests": len(times),
                "rate": len(times) / took_s,
                "p50_ms": at(times, 0.5) * 1000,
                "p99_ms": at(times, 0.99) * 1000,
                "first_p50_ms": at(firsts, 0.5) * 1000,
                "faults": load.faults,
                "fault": load.fault,
            }
        )
    )


def at(values: list[float], part: float) -> float:
    """The value below which that part of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


if __name__ == "__main__":
    main()
