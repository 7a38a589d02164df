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
from flowrun.cli.streams import columns, put
from flowrun.config import Config
from flowrun.errors import ExitCode, FlowrunError
from flowrun.providers.base import Endpoint
from flowrun.providers.router import Providers
from flowrun.providers.stacks import missing_key
from flowrun.providers.weights import SMOLLM2, find, models_folder
from flowrun.reports.tables import table


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
    ]
    put(table(facts, ["what", "state"], columns()) + "\n")
    answers = asyncio.run(_answers(config, None if offline else patience))
    rows = [
        [name, key_state(endpoint, os.environ), answers.get(name, ("not asked", True))[0]]
        for name, endpoint in _remote(config).items()
    ]
    put(table(rows, ["endpoint", "key", "answers"], columns()))
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
