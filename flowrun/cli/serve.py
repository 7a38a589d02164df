"""`flowrun serve`: the chat-completions endpoint over every model that is configured."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowrun import config as configuration
from flowrun.cli.streams import say
from flowrun.config import Config
from flowrun.errors import UsageError
from flowrun.providers.router import Providers
from flowrun.providers.stacks import missing_key
from flowrun.serving import ServeSettings, Serving

if TYPE_CHECKING:
    from flowrun.gateway.service import Service

_BACKLOG = 2048
_PATIENCE_S = 10.0
"""Longer than this nobody waits for a slot at a provider: a 429 tells when to ask again."""

_EXTRA = ("starlette", "uvicorn", "httptools", "prometheus_client")


@click.command()
@click.argument("pipelines", nargs=-1, type=click.Path(path_type=Path))
@click.option("--host", help="The address to listen on; the default is this machine alone.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 takes any free one.")
def serve(pipelines: tuple[Path, ...], host: str | None, port: int | None) -> int:
    """Serve every configured model at one endpoint.

    OpenAI's and Gumloop's clients can talk to it. Without keys (see `flowrun keys`) it answers
    this machine alone, and counts no credits. Each of PIPELINES, files or folders of them, is
    the model pipeline/NAME; whoever may ask may have it run what its file says.
    """
    config = _configured(host, port)
    settings = (config.serving or Serving()).serve
    try:
        # Imported here, for they belong to an extra.
        from flowrun.gateway.app import create_app
        from flowrun.gateway.incoming import is_loopback
        from flowrun.gateway.running import Running
        from flowrun.gateway.server import bound, server_of
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise UsageError(
            f"flowrun serve needs {error.name}: from a clone of flowrun, run "
            "`pip install '.[serve]'`"
        ) from error
    service = _service(config, pipelines)
    has_keys = asyncio.run(_has_keys(config))
    if not has_keys and not is_loopback(settings.host):
        raise UsageError(
            f"without keys only this machine may be answered, not {settings.host}: "
            "make one by `flowrun keys add NAME`, or leave out --host"
        )
    running = Running()
    app = create_app(service, running, metrics_token=os.environ.get("FLOWRUN_METRICS_TOKEN"))
    server = server_of(app, settings, on_drain=running.drain, on_cut=running.cut)
    with bound(settings.host, settings.port) as listening:
        listening.listen(_BACKLOG)  # whoever reads the address may ask at once
        _tell(service, listening.getsockname(), has_keys=has_keys)
        server.run(sockets=[listening])
    return 0


def _configured(host: str | None, port: int | None) -> Config:
    """The configuration, with what the command line says."""
    config = configuration.load(Path(), os.environ)
    serving = config.serving or Serving()
    said: ServeSettings = serving.serve
    said = replace(said, host=host or said.host, port=said.port if port is None else port)
    return replace(config, serving=replace(serving, serve=said))


def _service(config: Config, pipelines: tuple[Path, ...]) -> Service:
    from flowrun.gateway.auth import Keyring, read_pepper
    from flowrun.gateway.ledger import open_ledger
    from flowrun.gateway.pipelines import found
    from flowrun.gateway.service import Service

    settings = (config.serving or Serving()).serve
    ledger = open_ledger(os.environ.get("FLOWRUN_LEDGER"), config.state)
    keyring = Keyring(ledger, read_pepper(config.state, os.environ), now=time.monotonic)
    providers = Providers(config, in_flight=settings.max_connections, patience_s=_PATIENCE_S)
    served = found(pipelines, config, providers)
    return Service(config, providers, ledger=ledger, keyring=keyring, pipelines=served)


async def _has_keys(config: Config) -> bool:
    from flowrun.gateway.ledger import open_ledger

    # One of its own, for a ledger belongs to the loop that it is used in.
    ledger = open_ledger(os.environ.get("FLOWRUN_LEDGER"), config.state)
    try:
        return bool(await ledger.standings())
    finally:
        await ledger.aclose()


def _tell(service: Service, address: tuple[str, int], *, has_keys: bool) -> None:
    """Says where it listens, whom it lets in, and what it can ask."""
    host, port = address[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/v1"
    say(f"flowrun serves at {url}")
    if has_keys:
        say("a key is needed: flowrun keys add NAME makes one")
    else:
        say("no key is needed, and only this machine is answered: flowrun keys add NAME makes one")
    say(f"asks: {', '.join(_usable(service.config))}")
    if service.pipelines:
        say(f"runs: {', '.join(service.pipelines)}")
    authorization = ' -H "authorization: Bearer $FLOWRUN_KEY"' if has_keys else ""
    say(
        f"try:  curl {url}/chat/completions -H 'content-type: application/json'{authorization} "
        """-d '{"model": "recommended", "messages": [{"role": "user", "content": "Hello."}]}'"""
    )


def _usable(config: Config) -> list[str]:
    """The endpoints that can be asked: those whose key is set, or which need none."""
    endpoints = Providers(config, in_flight=1).router.endpoints
    return [
        name
        for name, each in endpoints.items()
        if each.dialect != "fake" and missing_key(each, os.environ) is None
    ]
