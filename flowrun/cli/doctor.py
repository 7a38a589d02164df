"""`flowrun doctor`: what is configured, and what answers."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from flowrun import config as configuration
from flowrun.cli.models import key_state
from flowrun.cli.serve import EXTRA
from flowrun.cli.streams import columns, put
from flowrun.config import ENVIRONMENT, Config
from flowrun.errors import ExitCode, FlowrunError
from flowrun.gateway.ledger import open_ledger, path_of
from flowrun.providers.base import Endpoint
from flowrun.providers.router import Providers
from flowrun.providers.stacks import missing_key
from flowrun.providers.weights import SMOLLM2, find, models_folder
from flowrun.reports.tables import table

_ENDPOINT = ("endpoint", "key", "answers")


@click.command()
@click.option("--offline", is_flag=True, help="Ask no endpoint.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    metavar="SECONDS",
    help="How long an endpoint may take to answer (10).",
)
def doctor(offline: bool, patience: float) -> int:
    """Say what is configured and what answers.

    Endpoints that have what they need are asked for their list of models, which costs nothing.
    Exits with 1 if one of them does not answer.
    """
    config = configuration.load(Path(), os.environ)
    facts = [
        ["python", f"{platform.python_version()} ({sys.executable})"],
        ["configuration", str(config.path or "none: no flowrun.toml here or above")],
        ["answers kept in", str(config.state)],
        ["outputs go to", str(config.out)],
        ["calls at once", str(config.concurrency)],
        *_embedded(os.environ),
        ["MCP tools", _mcp()],
        ["flowrun serve", _serve()],
        ["its ledger", asyncio.run(_ledger(config.state, os.environ))],
        ["environment", _variables(os.environ)],
        *_headers(config, os.environ),
    ]
    put(table(facts, ["what", "state"], columns()) + "\n")
    answers = asyncio.run(_answers(config, None if offline else patience))
    rows = [
        [name, key_state(endpoint, os.environ), answers.get(name, ("not asked", True))[0]]
        for name, endpoint in _remote(config).items()
    ]
    put(table(rows, _ENDPOINT, columns(), whole=_ENDPOINT[:2]))
    is_well = all(answers_well for _, answers_well in answers.values())
    return ExitCode.DONE if is_well else ExitCode.FAILED


def _embedded(environ: Mapping[str, str]) -> list[list[str]]:
    """What the embedded models need: two packages and the weights."""
    missing = [name for name in ("xllamacpp", "PIL") if importlib.util.find_spec(name) is None]
    folder = models_folder(environ, Path.home())
    state = f"not installed: {', '.join(missing)}" if missing else "installed"
    is_fetched = find(SMOLLM2, folder) is not None
    weights = "fetched" if is_fetched else "not fetched yet (once, at the first use)"
    return [["embedded model", state], ["its weights", f"{weights}; in {folder}"]]


def _mcp() -> str:
    """Whether tools of MCP servers can be used."""
    if importlib.util.find_spec("mcp") is None:
        return 'not installed: python -m pip install "mcp>=2.3"'
    return "installed"


def _serve() -> str:
    """Whether `flowrun serve` can be started."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        wanted = "from a clone of flowrun, pip install '.[local,serve]'"
        return f"not installed: {', '.join(missing)}; {wanted}"
    return "installed"


async def _ledger(state: Path, environ: Mapping[str, str]) -> str:
    """Where the ledger is, and how many keys it has; none is made."""
    url = environ.get("FLOWRUN_LEDGER")
    try:
        path = path_of(url, state)
        if path is None:
            return "in PostgreSQL, by FLOWRUN_LEDGER: flowrun keys list asks it"
        if not path.exists():
            return f"none yet: flowrun keys add NAME makes {path}"
        ledger = open_ledger(url, state)
        try:
            count = len(await ledger.standings())
        finally:
            await ledger.aclose()
    except FlowrunError as error:
        return str(error)
    return f"{path}, {count} key{'' if count == 1 else 's'}"


def _variables(environ: Mapping[str, str]) -> str:
    """The variables of flowrun that are set, without what they hold."""
    return ", ".join(each for each in ENVIRONMENT if environ.get(each)) or "sets nothing"


def _headers(config: Config, environ: Mapping[str, str]) -> list[list[str]]:
    """The headers that endpoints are not sent, for their variables are not set."""
    unset = [
        f"{header} of {name}: {variable} is not set"
        for name, endpoint in _remote(config).items()
        if missing_key(endpoint, environ) is None
        for header, variable in endpoint.header_env.items()
        if not environ.get(variable, "").strip()
    ]
    return [["headers not sent", "; ".join(unset)]] if unset else []


def _remote(config: Config) -> dict[str, Endpoint]:
    endpoints = Providers(config, in_flight=1).router.endpoints
    return {name: each for name, each in endpoints.items() if each.is_remote}


async def _answers(config: Config, patience_s: float | None) -> dict[str, tuple[str, bool]]:
    """What each endpoint that can be asked says, and whether that is well; all at one time."""
    async with Providers(config, in_flight=1) as providers, asyncio.TaskGroup() as group:
        asked = {
            name: group.create_task(_asked(providers, endpoint, patience_s))
            for name, endpoint in _remote(config).items()
            if patience_s is not None and missing_key(endpoint, os.environ) is None
        }
    return {name: each.result() for name, each in asked.items()}


async def _asked(
    providers: Providers, endpoint: Endpoint, patience_s: float | None
) -> tuple[str, bool]:
    try:
        async with asyncio.timeout(patience_s):
            found = await providers.models(endpoint)
    except TimeoutError:
        return f"no, not within {patience_s:g} s", False
    except FlowrunError as error:
        return f"no: {error}", False
    return f"yes, {len(found)} model{'' if len(found) == 1 else 's'}", True
