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
from flowrun.cli.greeting import greeting
from flowrun.cli.streams import say
from flowrun.config import Config
from flowrun.errors import UsageError
from flowrun.providers.router import Providers
from flowrun.serving import ServeSettings, Serving

if TYPE_CHECKING:
    from flowrun.gateway.log import LogKind
    from flowrun.gateway.pipelines import Served
    from flowrun.gateway.service import Service

_BACKLOG = 2048
_PATIENCE_S = 10.0
"""Longer than this nobody waits for a slot at a provider: a 429 tells when to ask again."""

EXTRA = ("starlette", "uvicorn", "httptools", "prometheus_client")
"""The packages that are installed for it alone."""


@click.command()
@click.argument("pipelines", nargs=-1, type=click.Path(path_type=Path))
@click.option("--host", help="The address to listen on; the default is this machine alone.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 takes any free one.")
@click.option(
    "--log",
    "log_kind",
    type=click.Choice(["none", "faults", "all"]),
    default="faults",
    show_default=True,
    help="Which completions have a line on stderr.",
)
def serve(
    pipelines: tuple[Path, ...], host: str | None, port: int | None, log_kind: LogKind
) -> int:
    """Serve every configured model at one endpoint.

    OpenAI's and Gumloop's clients can talk to it. Without keys (see `flowrun keys`) it answers
    this machine alone, and counts no credits. Each of PIPELINES, files or folders of them, is
    the model pipeline/NAME; whoever may ask may have it run what its file says.

    FLOWRUN_LEDGER says where keys and credits are, FLOWRUN_METRICS_TOKEN who else may read
    /metrics.
    """
    config = _configured(host, port)
    settings = (config.serving or Serving()).serve
    try:
        # Imported here, for they belong to an extra.
        from flowrun.gateway.app import create_app
        from flowrun.gateway.log import Log
        from flowrun.gateway.running import Running
        from flowrun.gateway.server import bound, server_of
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise UsageError(_not_installed(error.name)) from error
    service, served = _service(config, pipelines)
    has_keys = asyncio.run(_has_keys(config))
    if not has_keys:
        _require_near(settings.host)
    running, log = Running(), Log(log_kind)
    log.hear()
    token = os.environ.get("FLOWRUN_METRICS_TOKEN")
    app = create_app(service, running, metrics_token=token, log=log)
    server = server_of(app, settings, on_drain=running.drain, on_cut=running.cut)
    with bound(settings.host, settings.port) as listening:
        listening.listen(_BACKLOG)  # whoever reads the address may ask at once
        url = _url(listening.getsockname())
        say("\n".join(greeting(url, config, served, os.environ, has_keys=has_keys)))
        server.run(sockets=[listening])
    return 0


def _configured(host: str | None, port: int | None) -> Config:
    """The configuration, with what the command line says."""
    config = configuration.load(Path(), os.environ)
    serving = config.serving or Serving()
    said: ServeSettings = serving.serve
    said = replace(said, host=host or said.host, port=said.port if port is None else port)
    return replace(config, serving=replace(serving, serve=said))


def _service(config: Config, pipelines: tuple[Path, ...]) -> tuple[Service, dict[str, Served]]:
    from flowrun.gateway.auth import Keyring, read_pepper
    from flowrun.gateway.ledger import open_ledger
    from flowrun.gateway.pipelines import found
    from flowrun.gateway.service import Service

    settings = (config.serving or Serving()).serve
    ledger = open_ledger(os.environ.get("FLOWRUN_LEDGER"), config.state)
    keyring = Keyring(ledger, read_pepper(config.state, os.environ), now=time.monotonic)
    providers = Providers(config, in_flight=settings.max_connections, patience_s=_PATIENCE_S)
    served = found(pipelines, config, providers)
    service = Service(config, providers, ledger=ledger, keyring=keyring, pipelines=served)
    return service, served


def _not_installed(name: str | None) -> str:
    wanted = "from a clone of flowrun, run `pip install '.[local,serve]'`"
    return f"flowrun serve needs {name}: {wanted}"


def _require_near(host: str) -> None:
    from flowrun.gateway.incoming import is_loopback

    if not is_loopback(host):
        raise UsageError(
            f"without keys only this machine may be answered, not {host}: "
            "make one by `flowrun keys add NAME`, or leave out --host"
        )


async def _has_keys(config: Config) -> bool:
    from flowrun.gateway.ledger import open_ledger

    # One of its own, for a ledger belongs to the loop that it is used in.
    ledger = open_ledger(os.environ.get("FLOWRUN_LEDGER"), config.state)
    try:
        return bool(await ledger.standings())
    finally:
        await ledger.aclose()


def _url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/v1"
