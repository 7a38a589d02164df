"""An ASGI app asked in this process: one exchange, whose pieces are seen as they are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

App: TypeAlias = Callable[..., Awaitable[None]]
COMPLETIONS = "/v1/chat/completions"
JSON = {"content-type": "application/json", "host": "127.0.0.1:8600"}


def asking(model: str = "fake/echo", text: str = "Hello there.", **more: Any) -> dict[str, Any]:
    """The body of a completion."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@dataclass(slots=True)
class Got:
    """An answer as far as it has come; `pieces` are the parts of its body as they were sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    is_whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """The data of its events; the last one is the text [DONE]."""
        lines = self.body.decode().split("\n\n")
        data = [each.removeprefix("data: ") for each in lines if each.startswith("data: ")]
        return [each if each == "[DONE]" else json.loads(each) for each in data]

    @property
    def text(self) -> str:
        """What a stream said."""
        choices = [each["choices"][0] for each in self.events[:-1] if each["choices"]]
        return "".join(each["delta"].get("content") or "" for each in choices)


@dataclass(slots=True)
class Caller:
    """Somebody who asks, and may hang up; `on_piece` is called for each part of a body."""

    app: App
    got: Got = field(default_factory=Got)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    on_piece: Callable[[bytes], object] = lambda _: None

    async def ask(
        self,
        body: object = None,
        *,
        path: str = COMPLETIONS,
        method: str = "POST",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = JSON,
        client: str = "127.0.0.1",
        parts: Iterable[bytes] | None = None,
    ) -> Got:
        """The whole exchange."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        left = list(parts) if parts is not None else [data]
        pairs = headers.items() if isinstance(headers, Mapping) else headers

        async def receive() -> dict[str, Any]:
            if left:
                part = left.pop(0)
                return {"type": "http.request", "body": part, "more_body": bool(left)}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
            "client": (client, 50_000),
            "server": ("127.0.0.1", 8600),
        }
        await self.app(scope, receive, self._sent)
        return self.got

    async def _sent(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.got.status = message["status"]
            self.got.headers = {
                name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]
            }
            return
        if part := message.get("body", b""):
            self.got.pieces.append(part)
            self.on_piece(part)
        self.got.is_whole = not message.get("more_body", False)


async def ask(app: App, body: object = None, **how: Any) -> Got:
    """What the app answers to one request."""
    return await Caller(app).ask(body, **how)


async def get(app: App, path: str, **how: Any) -> Got:
    """What the app answers to a GET."""
    return await Caller(app).ask(b"", path=path, method="GET", **how)
