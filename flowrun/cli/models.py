"""`flowrun models`: presets, endpoints and the models that they serve."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import click

from flowrun import config as configuration
from flowrun.cli.streams import columns, put, say
from flowrun.config import Config
from flowrun.errors import UsageError, did_you_mean
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import PRESETS, models_of
from flowrun.providers.router import Providers, missing_key
from flowrun.reports.tables import table
from flowrun.reports.text import one_line


@click.command()
@click.argument("endpoint", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(endpoint: str | None, as_json: bool) -> None:
    """List presets, endpoints and their models.

    With the name of an ENDPOINT its own list of models is asked for, over the network.
    """
    config = configuration.load(Path(), os.environ)
    if endpoint is not None:
        names = asyncio.run(_listed(config, endpoint))
        if not names:
            say(f"{endpoint} lists no models")
        put(json.dumps(names, indent=2) + "\n" if as_json else "".join(map(_line, names)))
        return
    presets = asyncio.run(_presets(config))
    if as_json:
        put(json.dumps({"presets": presets, "endpoints": _endpoints(config)}, indent=2) + "\n")
        return
    put(table([[name, model] for name, model in presets.items()], ["name", "model"], columns()))
    rows = [[name, each["key"], each["models"]] for name, each in _endpoints(config).items()]
    put("\n" + table(rows, ["endpoint", "key", "models"], columns()))
    put("\nflowrun models ENDPOINT asks one for its list\n")


def _line(name: str) -> str:
    return one_line(name) + "\n"


async def _presets(config: Config) -> dict[str, str]:
    async with Providers(config, in_flight=1) as providers:
        found: dict[str, str] = {}
        for name in dict.fromkeys([*PRESETS, *config.models]):
            try:
                found[name] = providers.resolve(name).label
            except UsageError as error:
                found[name] = f"cannot be used: {error}"
        return found


def _endpoints(config: Config) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, each in Providers(config, in_flight=1).router.endpoints.items():
        known = models_of(each, config)
        listed = "any" if known is None else ", ".join(known)
        found[name] = {"key": key_state(each, os.environ), "models": listed}
    return found


def key_state(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """Whether the key of an endpoint is there, without showing it."""
    if endpoint.key_env is None:
        return "needs none"
    if missing_key(endpoint, environ) is None:
        return f"{endpoint.key_env}: set"
    return f"{endpoint.key_env}: not set"


async def _listed(config: Config, name: str) -> list[str]:
    async with Providers(config, in_flight=1) as providers:
        endpoint = providers.router.endpoints.get(name)
        if endpoint is None:
            known = list(providers.router.endpoints)
            mend = did_you_mean(name, known) or f"endpoints: {', '.join(known)}"
            raise UsageError(f'no endpoint is called "{name}"; {mend}')
        known_models = models_of(endpoint, config)
        if known_models is not None:
            return list(known_models)
        return sorted(str(row["id"]) for row in await providers.models(endpoint))
