"""The routes of the gateway; each that is not public asks for a key itself.

POST /v1/chat/completions   /api/v1/chat/completions    a completion
GET  /v1/models             /api/v1/models              what can be asked for by name
GET  /v1/models/{id}                                    one of these
GET  /healthz                                           200, or 503 while the server drains
GET  /metrics                                           for this machine, or with a token
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flowrun.digest import JsonValue
from flowrun.errors import FlowrunError, did_you_mean
from flowrun.gateway.base import OPEN, Listed
from flowrun.gateway.completions import Completions
from flowrun.gateway.events import ALIVE_EVERY_S
from flowrun.gateway.faults import Fault, body_of, fault_of, headers_of
from flowrun.gateway.incoming import headers_of as heard
from flowrun.gateway.incoming import is_loopback, require_local_host
from flowrun.gateway.log import Log
from flowrun.gateway.metrics import CONTENT_TYPE, Metrics
from flowrun.gateway.models_list import body_of as list_of
from flowrun.gateway.models_list import row_of
from flowrun.gateway.running import Running
from flowrun.gateway.service import Service
from flowrun.providers.wording import brief

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_LONGEST_SHOWN = 100
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def create_app(
    service: Service,
    running: Running,
    *,
    metrics_token: str | None = None,
    log: Log | None = None,
    alive_every_s: float = ALIVE_EVERY_S,
) -> Starlette:
    """The ASGI app; it closes the service when it ends.

    `running` is told by the server when to drain and to cut. `metrics_token` lets in whoever
    asks for the metrics from elsewhere. Without a `log` nothing is written. A stream that is
    silent for `alive_every_s` is kept alive.
    """
    metrics = Metrics()
    pages = Pages(service, running, metrics, metrics_token)
    completions = Completions(service, running, metrics, log=log, alive_every_s=alive_every_s)
    app = Starlette(
        routes=[
            *(
                Route(f"{root}/chat/completions", completions, methods=["POST"])
                for root in ("/v1", "/api/v1")
            ),
            *(Route(f"{root}/models", _safe(pages.models)) for root in ("/v1", "/api/v1")),
            Route("/v1/models/{id:path}", _safe(pages.model)),
            Route("/healthz", pages.health),
            Route("/metrics", _safe(pages.metrics)),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=_lifespan(service),
    )
    app.router.redirect_slashes = False
    return app


class Pages:
    """What is not a completion."""

    def __init__(
        self, service: Service, running: Running, metrics: Metrics, token: str | None
    ) -> None:
        self._service = service
        self._running = running
        self._metrics = metrics
        self._token = token
        self._created = int(time.time())

    async def models(self, request: Request) -> Response:
        """All models."""
        return _json(list_of(await self._listed(request), created=self._created))

    async def model(self, request: Request) -> Response:
        """One model by its id, which may hold slashes."""
        wanted = request.path_params["id"]
        listed = {each.id: each for each in await self._listed(request)}
        if wanted in listed:
            return _json(row_of(listed[wanted], created=self._created))
        shown = brief(wanted, limit=_LONGEST_SHOWN)
        mend = did_you_mean(shown, listed) or "GET /v1/models lists them"
        raise Fault(
            404, f'no model has the id "{shown}": {mend}', code="model_not_found", param="model"
        )

    async def health(self, request: Request) -> Response:
        """Whether new work is taken; asks nobody."""
        if self._running.is_draining:
            return _json({"status": "draining"}, status=503)
        return _json({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """The counters in Prometheus' form."""
        self._require_scraper(request)
        return Response(self._metrics.body(), headers={"content-type": CONTENT_TYPE})

    async def _listed(self, request: Request) -> tuple[Listed, ...]:
        headers = heard(request.scope)
        account = await self._service.account(headers.get("authorization"))
        if account.id == OPEN:
            require_local_host(headers)
        return await asyncio.to_thread(self._service.models)

    def _require_scraper(self, request: Request) -> None:
        said = request.headers.get("authorization", "")
        wanted = f"Bearer {self._token}"
        if self._token and hmac.compare_digest(said.encode(), wanted.encode()):
            return
        is_near = request.client is not None and is_loopback(request.client.host)
        # A proxy on this machine asks for others, and not every one says so.
        if self._token or not is_near or any(name in request.headers for name in _FORWARDED):
            raise Fault(
                401, "the metrics are for this machine", code="invalid_api_key", kind="auth_error"
            )
        require_local_host(heard(request.scope))


def _safe(handler: Handler) -> Handler:
    """A handler whose errors are told in the wire's form."""

    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except FlowrunError as error:
            return _fault(fault_of(error, has_own_key=False))

    return handled


def _lifespan(service: Service) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service:
            watching = asyncio.get_running_loop().create_task(service.till.watch())
            try:
                yield
            finally:
                watching.cancel()

    return lifespan


async def _refused(request: Request, error: Exception) -> Response:
    """What Starlette refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        fault = Fault(404, _nothing_at(request), code="not_found")
    else:
        said = f"{request.method} is not allowed here"
        fault = Fault(error.status_code, said, code="method_not_allowed")
    return _fault(fault, dict(error.headers or {}))


def _nothing_at(request: Request) -> str:
    path = brief(request.url.path, limit=_LONGEST_SHOWN)
    host = brief(request.headers.get("host", ""), limit=_LONGEST_SHOWN) or "HOST"
    base = f"{request.url.scheme}://{host}/v1"
    return (
        f"nothing is at {path}: the API's base is {base}, with /v1/chat/completions and /v1/models"
    )


async def _failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw: nothing of it is told."""
    return _fault(Fault(500, "the server failed", code="internal_error", kind="server_error"))


def _fault(fault: Fault, more: dict[str, str] | None = None) -> Response:
    headers = {"content-type": "application/json", **headers_of(fault), **(more or {})}
    return Response(body_of(fault), fault.status, headers)


def _json(data: JsonValue, *, status: int = 200) -> Response:
    body = json.dumps(data, ensure_ascii=False).encode()
    return Response(body, status, {"content-type": "application/json"})
