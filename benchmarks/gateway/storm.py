"""Healthy callers while others hang, drip, drop, send garbage and too much.

python -m benchmarks.gateway.storm --seconds 600 --connections 200
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.gateway import contenders
from benchmarks.gateway.contenders import Contender
from benchmarks.harness import FLOWRUN, ROOT, run

HEALTHY = 16
CALM_S = 20.0
LATENCY_MS = 100.0
CORE = 1
SETTLED_S = 75.0
"""Longer than any deadline of the server's."""


Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Storm:
    """Bad callers of one server, until a time."""

    def __init__(self, contender: Contender, until: float) -> None:
        parts = urlsplit(contender.url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._until = until
        message = [{"role": "user", "content": "Say something."}]
        self._body = json.dumps({"model": contender.model, "messages": message}).encode()
        self._stream = self._body[:-1] + b', "stream": true}'
        self._key = contender.key
        self.done: dict[str, int] = {}

    async def run(self, connections: int) -> None:
        """All of them at once."""
        async with asyncio.TaskGroup() as group:
            for seed in range(connections):
                group.create_task(self._caller(random.Random(seed)))

    async def _caller(self, chance: random.Random) -> None:
        kinds: list[Callable[[random.Random, Pipe], Awaitable[None]]] = [
            *(self._hang, self._drip_headers, self._drip_body, self._drop, self._drop_stream),
            *(self._garbage, self._large_body, self._endless_body, self._large_headers),
            *(self._unread, self._not_json, self._wrong_key),
        ]
        while (left := self._until - time.monotonic()) > 0:
            kind = chance.choice(kinds)
            name = kind.__name__.strip("_")
            self.done[name] = self.done.get(name, 0) + 1
            try:
                async with asyncio.timeout(min(left, chance.uniform(1, 15))):
                    reader, writer = await asyncio.open_connection(*self._address)
                    try:
                        await kind(chance, (reader, writer))
                    finally:
                        _drop(writer)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(chance.uniform(0.05, 0.5))

    def _head(self, length: int | None, key: str | None = None) -> bytes:
        size = f"content-length: {length}" if length is not None else "transfer-encoding: chunked"
        return (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: Bearer {key or self._key}\r\ncontent-type: application/json\r\n"
            f"{size}\r\n\r\n"
        ).encode()

    async def _hang(self, _chance: random.Random, pipe: Pipe) -> None:
        await pipe[0].read()

    async def _drip_headers(self, _chance: random.Random, pipe: Pipe) -> None:
        await self._drip(self._head(len(self._body)), pipe)

    async def _drip_body(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(len(self._body)))
        await self._drip(self._body, pipe)

    async def _drip(self, data: bytes, pipe: Pipe) -> None:
        for byte in data:
            pipe[1].write(bytes([byte]))
            await pipe[1].drain()
            await asyncio.sleep(0.5)

    async def _drop(self, chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(len(self._body)) + self._body)
        await asyncio.sleep(chance.uniform(0, 0.12))

    async def _drop_stream(self, chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(len(self._stream)) + self._stream)
        await pipe[0].readuntil(b"data: ")
        await asyncio.sleep(chance.uniform(0, 0.05))

    async def _garbage(self, chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(chance.randbytes(chance.randrange(1, 4000)))
        await pipe[0].read()

    async def _large_body(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(10**10))
        await self._pour(b"a" * 2**16, pipe)

    async def _endless_body(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(None))
        await self._pour(b"10000\r\n" + b"a" * 2**16 + b"\r\n", pipe)

    async def _pour(self, data: bytes, pipe: Pipe) -> None:
        for _ in range(16):
            pipe[1].write(data)
            await pipe[1].drain()
            await asyncio.sleep(0.05)
        await pipe[0].read()

    async def _large_headers(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(b"POST / HTTP/1.1\r\nx: " + b"a" * 2**17)
        await pipe[0].read()

    async def _unread(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(len(self._stream)) + self._stream)
        await asyncio.sleep(15)

    async def _not_json(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(9) + b'{"model":')
        await pipe[0].readuntil(b"\r\n\r\n")

    async def _wrong_key(self, _chance: random.Random, pipe: Pipe) -> None:
        pipe[1].write(self._head(len(self._body), "fr-" + "x" * 43) + self._body)
        await pipe[0].readuntil(b"\r\n\r\n")


def _drop(writer: asyncio.StreamWriter) -> None:
    """Ends a connection without a word."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main() -> int:
    """Ends with 1 if a healthy caller noticed, or something was left."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--connections", type=int, default=200)
    flags = parser.parse_args()
    os.sched_setaffinity(0, {CORE})
    with contenders.upstream(LATENCY_MS, CORE) as url, contenders.flowrun(url) as contender:
        _healthy(contender, CALM_S).communicate()  # warms it up
        calm = _read(_healthy(contender, CALM_S))
        before = state(contender)
        print(f"calm:   p50 {calm['p50_ms']:.1f} ms, p99 {calm['p99_ms']:.1f} ms; {before}")
        callers = _healthy(contender, flags.seconds)
        storm = Storm(contender, time.monotonic() + flags.seconds)
        asyncio.run(storm.run(flags.connections))
        wild = _read(callers)
        print(f"storm:  p50 {wild['p50_ms']:.1f} ms, p99 {wild['p99_ms']:.1f} ms; {storm.done}")
        time.sleep(SETTLED_S)
        after = state(contender)
        print(f"after:  {after}")
    noticed = wild["faults"] > 0 or wild["p99_ms"] > 2 * calm["p99_ms"]
    left = {name: (before[name], after[name]) for name in COUNTED if after[name] > before[name]}
    print(f"noticed: {noticed} ({wild['faults']:.0f} faults {wild['fault']}), left: {left}")
    return 1 if noticed or left else 0


COUNTED = ("descriptors", "tasks", "in_flight", "held")


def state(contender: Contender) -> dict[str, float]:
    """What the server has open, under way and on hold; MB of memory beside it."""
    url = contender.url.removesuffix("/v1")
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        lines = [line.split() for line in reply.read().decode().splitlines()]
    told = {line[0]: float(line[1]) for line in lines if len(line) == 2}
    listed = run([FLOWRUN, "keys", "list", "--json"], cwd=contender.folder).out
    return {
        "descriptors": len(list(Path(f"/proc/{contender.pid}/fd").iterdir())),
        "tasks": told["flowrun_tasks"],
        "in_flight": told["flowrun_in_flight"],
        "held": sum(float(each["held"]) for each in json.loads(listed)),
        "megabytes": round(contender.memory_mb(), 1),
    }


def _healthy(contender: Contender, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.gateway.load", contender.url]
    command += ["--model", contender.model, "--key", contender.key, "--core", str(CORE)]
    command += ["--seconds", str(seconds), "--connections", str(HEALTHY)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _read(process: subprocess.Popen[str]) -> dict[str, float]:
    found: dict[str, float] = json.loads(process.communicate()[0])
    return found


if __name__ == "__main__":
    sys.exit(main())
