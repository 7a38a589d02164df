"""A bare client on httpx2: what a pipeline costs if there is nothing but its requests.

`pool` is httpx2's own connection pool, `aiohttp` the transport of httpx-aiohttp under it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

import httpx2


def client(transport: str, in_flight: int) -> httpx2.AsyncClient:
    """A client that may hold `in_flight` connections open."""
    timeout = httpx2.Timeout(60.0)
    if transport == "pool":
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=in_flight)
        return httpx2.AsyncClient(limits=limits, timeout=timeout)
    from httpx_aiohttp.httpx2 import AiohttpTransport  # only where asked: aiohttp is slow to import

    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return httpx2.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=timeout)


async def ask(http: httpx2.AsyncClient, url: str, number: int) -> str:
    """One chat completion."""
    body = {
        "model": "word",
        "messages": [{"role": "user", "content": f"Say something about item {number}."}],
        "temperature": 0,
    }
    reply = await http.post(f"{url}/chat/completions", json=body)
    reply.raise_for_status()
    return str(reply.json()["choices"][0]["message"]["content"])


async def main() -> None:
    """Asks so many times and prints `span_s` and `cpu_ms` (a call) as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare")
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--cold", action="store_true", help="no call before the measured ones")
    parser.add_argument("--transport", choices=["pool", "aiohttp"], default="aiohttp")
    flags = parser.parse_args()
    limit = asyncio.Semaphore(flags.in_flight)

    async def limited(number: int) -> str:
        async with limit:
            return await ask(http, flags.url, number)

    async with client(flags.transport, flags.in_flight) as http:
        if not flags.cold:
            await ask(http, flags.url, 0)
        start, cpu = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(1, flags.calls + 1):
                group.create_task(limited(number))
        span_s, cpu_s = time.monotonic() - start, time.process_time() - cpu
    json.dump({"span_s": span_s, "cpu_ms": 1000 * cpu_s / flags.calls}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
