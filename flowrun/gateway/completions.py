"""POST /v1/chat/completions over ASGI: who may ask, the body, the answer, and every error.

What the caller gets is decided here alone; an error of ours that nobody foresaw is a 500 that
tells nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from flowrun.errors import FlowrunError
from flowrun.gateway.attempt import Attempt
from flowrun.gateway.base import OPEN, in_credits
from flowrun.gateway.events import ALIVE_EVERY_S, Events
from flowrun.gateway.faults import Fault, body_of, fault_of, headers_of
from flowrun.gateway.incoming import (
    HungUp,
    Receive,
    Send,
    encoded,
    is_short,
    listed,
    request_id,
    require_json,
    require_local_host,
)
from flowrun.gateway.incoming import (
    body_of as received,
)
from flowrun.gateway.incoming import (
    headers_of as heard,
)
from flowrun.gateway.log import Ended, Log
from flowrun.gateway.metrics import Metrics
from flowrun.gateway.running import Running, Watch, shutting_down
from flowrun.gateway.service import Call, Service
from flowrun.gateway.stream import Streamed

_LOG = logging.getLogger("flowrun.gateway")
_FRAMES_TOLD = 4
_GONE = 499
_LAST = (408, 413, 503)
"""After these nothing more is read from the connection."""


class Completions:
    """The route's ASGI app; `clock` is any steady one, in seconds.

    A stream that is silent for `alive_every_s` is kept alive by a comment.
    """

    def __init__(
        self,
        service: Service,
        running: Running,
        metrics: Metrics,
        *,
        log: Log | None = None,
        alive_every_s: float = ALIVE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._alive_every_s = alive_every_s
        self._running = running
        self._metrics = metrics
        self._log = log or Log("none")
        self._clock = clock

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(self._service, self._running, send, self._alive_every_s)
        began = self._clock()
        with self._metrics.asked():
            try:
                await exchange.answer(scope, receive, began)
            except FlowrunError as error:
                await exchange.refuse(fault_of(error, has_own_key=False))
            except Exception as error:  # noqa: BLE001 - the edge of the gateway
                _note(error)
                await exchange.refuse(_fault_of_ours())
            finally:
                seconds = self._clock() - began
                exchange.count(self._metrics, seconds)
                if self._log.wants(exchange.fault):
                    self._log.ended(exchange.ended(seconds))


class Exchange:
    """One request and its answer; `status` is what came of it, 499 where nobody was left."""

    def __init__(
        self, service: Service, running: Running, send: Send, alive_every_s: float
    ) -> None:
        self._service = service
        self._running = running
        self._send = send
        self._alive_every_s = alive_every_s
        self._id = uuid4().hex
        self._is_read = False
        self._headers: Mapping[str, str] = {}
        self._call: Call | None = None
        self._events: Events | None = None
        self._streamed: Streamed | None = None
        self._attempt: Attempt | None = None
        self._key = ""
        self.status = _GONE
        self.fault: Fault | None = None

    async def answer(self, scope: Mapping[str, Any], receive: Receive, now: float) -> None:
        """All of it. Raises: FlowrunError, which is still to be told."""
        headers = self._headers = heard(scope)
        self._id = request_id(headers) or self._id
        service = self._service
        self._running.require_open()
        account = await service.account(headers.get("authorization"))
        self._key = account.name
        if account.id == OPEN:
            require_local_host(headers)
        require_json(headers)
        with service.limits.enter(account, now):
            try:
                body = await received(receive, headers, service.settings)
            except HungUp:
                return
            self._is_read = True
            async with Watch(receive, self._running) as watch:
                try:
                    call = await service.call(account, body, headers.get("x-provider-key"))
                    self._call = call
                    await (self._stream if call.asked.is_stream else self._whole)(call)
                except asyncio.CancelledError:
                    if not watch.is_cut:
                        self.status = _GONE
                        raise
                    watch.recover()
                    raise shutting_down() from None

    async def refuse(self, fault: Fault) -> None:
        """Tells a fault: by its status, or in a stream that has begun."""
        self.status = fault.status
        self.fault = fault
        events = self._events
        if events is not None and events.is_started:
            await events.write(self._broken(fault))
            await events.end()
            return
        about = {"x-request-id": self._id, **headers_of(fault)}
        if self._call is not None and self._call.asked.dropped:
            about["x-flowrun-dropped"] = listed(self._call.asked.dropped)
        if fault.status in _LAST or not (self._is_read or is_short(self._headers)):
            about["connection"] = "close"
        await self._put(fault.status, encoded(about), body_of(fault))

    def count(self, metrics: Metrics, seconds: float) -> None:
        """Tells the metrics what came of it."""
        attempt = self._attempt
        if attempt is None:
            metrics.ended("", self.status, seconds)
            return
        label, units = attempt.candidate.label, attempt.units or 0
        metrics.ended(label, self.status, seconds, usage=attempt.usage, units=units)

    def ended(self, seconds: float) -> Ended:
        """What the log tells of it."""
        if self._attempt is not None:
            model = self._attempt.candidate.label
        else:
            model = "" if self._call is None else self._call.asked.name
        return Ended(self.status, model, seconds, self._key, self._id, self.fault)

    async def _whole(self, call: Call) -> None:
        answer = await self._service.whole(call)
        self._attempt = answer.attempt
        self.status = 200
        about = {
            "content-type": "application/json",
            "x-request-id": self._id,
            **_told(call, answer.attempt),
        }
        if answer.attempt.units is not None:
            about["x-flowrun-credits"] = in_credits(answer.attempt.units)
        await self._put(200, encoded(about), answer.body)

    async def _stream(self, call: Call) -> None:
        start = encoded({"x-request-id": self._id})
        with Events(self._send, start, alive_every_s=self._alive_every_s) as events:
            self._events = events
            streamed = self._streamed = await self._service.stream(call)
            self._attempt = streamed.attempt
            try:
                events.headers += encoded(_told(call, streamed.attempt))
                async for data in streamed.chunks():
                    await events.write(data)
                await events.end()
                self.fault = streamed.failure
                self.status = 200 if self.fault is None else self.fault.status
            finally:
                await streamed.aclose("cut" if self._running.is_draining else "gone")

    def _broken(self, fault: Fault) -> bytes:
        """The events that end a stream which has begun."""
        if self._streamed is not None:
            return self._streamed.broken(fault)
        assert self._call is not None, "a stream begins with a call"
        return self._service.writer(self._call, self._call.asked.name).failure(fault)

    async def _put(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _told(call: Call, attempt: Attempt) -> dict[str, str]:
    """What the headers of an answer tell of it."""
    found = {"x-flowrun-model": attempt.candidate.label}
    if dropped := listed((*call.asked.dropped, *attempt.dropped)):
        found["x-flowrun-dropped"] = dropped
    return found


def _note(error: Exception) -> None:
    """Logs where it went wrong; what the error says may hold what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_TOLD:]
    places = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
    _LOG.error("a request failed: %s at %s", type(error).__name__, places)


def _fault_of_ours() -> Fault:
    return Fault(
        500, "the server failed at this request", code="internal_error", kind="server_error"
    )
