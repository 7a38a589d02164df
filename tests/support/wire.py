"""HTTP/1.1 as a scripted server speaks it: one connection, and the actions that an answer is."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is written for so many seconds."""

    seconds: float


class End(Enum):
    """Ways in which an answer ends other than by having been written."""

    CLOSE = "the connection is closed in good order"
    RESET = "the connection is reset"
    HANG = "nothing more is written, and the connection stays open"


Action: TypeAlias = bytes | Wait | End


@dataclass(slots=True)
class Seen:
    """One request as it came in, and what became of its answer; times are monotonic seconds.

    `attempt` counts from 1 the requests of one model with one first user message;
    `behaviour` is the fault or oddity that was chosen, empty for a sane answer.
    `answered_at` is None unless the answer was written whole; `gone_at` is when the client
    left before that.
    """

    sequence: int
    at: float
    method: str
    path: str
    head: bytes
    body: bytes
    base_url: str = ""
    attempt: int = 1
    behaviour: str = ""
    answered_at: float | None = None
    gone_at: float | None = None
    _json: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body as data; empty where there is none."""
        if self._json is None:
            self._json = cast("dict[str, Any]", json.loads(self.body)) if self.body else {}
        return self._json

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields, names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, value in pairs}

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.json.get("model", ""))

    @property
    def stream(self) -> bool:
        """Whether a stream was asked for."""
        return bool(self.json.get("stream"))

    @property
    def prompt(self) -> str:
        """The text of the last user message."""
        return _text_of(self.json, -1)

    @property
    def opening(self) -> str:
        """The text of the first user message, which names a conversation."""
        return _text_of(self.json, 0)


def _text_of(body: Mapping[str, Any], index: int) -> str:
    asked = [each for each in body.get("messages", ()) if each.get("role") == "user"]
    if not asked:
        return ""
    content = asked[index].get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return str(content)


Answer: TypeAlias = Callable[[Seen], Iterable[Action]]
"""What is done when a request came in."""


class Log:
    """What a server has seen; `in_flight` counts requests whose answer is not ended."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.open: set[asyncio.Transport] = set()
        self.connections = 0
        self.in_flight = 0
        self.max_in_flight = 0

    def forget(self) -> None:
        """Forgets the requests."""
        self.seen = []
        self.connections = len(self.open)
        self.max_in_flight = self.in_flight

    def hang_up(self) -> None:
        """Ends every connection."""
        for transport in list(self.open):
            transport.abort()


_WRITES_AT_A_TIME = 32


class Connection(asyncio.Protocol):
    """Reads requests one after the other and does what `answer` says to each."""

    def __init__(self, answer: Answer, log: Log, base_url: Callable[[], str]) -> None:
        self._answer, self._log, self._base_url = answer, log, base_url
        self._buffer = b""
        self._seen: Seen | None = None
        self._actions: Iterator[Action] = iter(())
        self._timer: asyncio.Handle | None = None
        self._is_paused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._log.connections += 1
        self._log.open.add(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._seen is None:
            self._next_request()

    def _next_request(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        whole = end + 4 + _content_length(head)
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        log = self._log
        seen = Seen(len(log.seen), time.monotonic(), method, path, head, body, self._base_url())
        if method == "POST":
            log.seen.append(seen)
        log.in_flight += 1
        log.max_in_flight = max(log.max_in_flight, log.in_flight)
        self._seen = seen
        self._actions = iter(self._answer(seen))
        self._advance()

    def _advance(self) -> None:
        self._timer = None
        written = 0
        for action in self._actions:
            if self._transport.is_closing():
                return
            if isinstance(action, bytes):
                self._transport.write(action)
                written += 1
                if self._is_paused:
                    return
                if written == _WRITES_AT_A_TIME:
                    self._timer = self._loop.call_soon(self._advance)
                    return
            elif isinstance(action, Wait):
                self._timer = self._loop.call_later(action.seconds, self._advance)
                return
            else:
                self._stop(action)
                return
        self._finish()

    def _stop(self, how: End) -> None:
        if how is End.RESET:
            linger = struct.pack("ii", 1, 0)
            endpoint = self._transport.get_extra_info("socket")
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        elif how is End.CLOSE:
            self._transport.close()

    def _finish(self) -> None:
        if self._seen is not None:
            self._seen.answered_at = time.monotonic()
            self._seen = None
            self._log.in_flight -= 1
        if self._buffer:
            self._timer = self._loop.call_soon(self._next_request)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._seen is not None and self._timer is None:
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._log.open.discard(self._transport)
        if self._timer is not None:
            self._timer.cancel()
        if self._seen is not None:
            self._seen.gone_at = time.monotonic()
            self._seen = None
            self._log.in_flight -= 1
        self._actions = iter(())

    def eof_received(self) -> bool:
        return False


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        if b"\r\ntransfer-encoding:" in lowered:
            raise ValueError("this server reads no chunked requests")
        return 0
    start = at + 17
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : end if end >= 0 else None])


_REASONS = {200: "OK", 307: "Temporary Redirect", 429: "Too Many Requests", 503: "Unavailable"}


def head(status: int, headers: Mapping[str, str], *, length: int | None = None) -> bytes:
    """A response's head; without a length the body is to be sent in chunks."""
    fields = dict(headers)
    if length is None:
        fields.setdefault("transfer-encoding", "chunked")
    else:
        fields.setdefault("content-length", str(length))
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole(status: int, body: bytes, content_type: str, **headers: str) -> bytes:
    """A complete response in one write; `_` in a header's name stands for `-`."""
    fields = {"content-type": content_type}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return head(status, fields, length=len(body)) + body


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
