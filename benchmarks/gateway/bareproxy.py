"""The least that a gateway of this kind does: pass a request on and its answer back, unread.

python -m benchmarks.gateway.bareproxy UPSTREAM
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def app_of(upstream: str) -> Starlette:
    """The proxy as an app."""
    sessions: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def open_session(_app: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            sessions.append(session)
            yield

    async def completions(request: Request) -> Response:
        body = await request.body()
        headers = {"content-type": "application/json"}
        reply = await sessions[0].post(
            f"{upstream}/chat/completions", data=body, headers=headers, allow_redirects=False
        )
        if reply.content_type != "text/event-stream":
            async with reply:
                data = await reply.read()
            return Response(data, reply.status, media_type="application/json")

        async def pieces() -> AsyncIterator[bytes]:
            async with reply:
                async for piece in reply.content.iter_any():
                    yield piece

        return StreamingResponse(pieces(), reply.status, media_type="text/event-stream")

    route = Route("/v1/chat/completions", completions, methods=["POST"])
    return Starlette(routes=[route], lifespan=open_session)


def main() -> None:
    """Prints its address and serves."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    config = uvicorn.Config(app_of(sys.argv[1]), log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
