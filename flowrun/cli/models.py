"""`flowrun models`: presets, endpoints and the models that they serve."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import click

from flowrun import config as configuration
from flowrun.cli.streams import columns, put, say
from flowrun.config import Config
from flowrun.errors import UsageError, did_you_mean
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import PRESETS, models_of
from flowrun.providers.listing import keep, kept
from flowrun.providers.router import Providers, Router
from flowrun.providers.stacks import missing_key
from flowrun.reports.tables import table
from flowrun.reports.text import one_line
from flowrun.store.folder import prepare


@click.command()
@click.argument("endpoint", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--offline", is_flag=True, help="Show the list that was kept, and ask nobody.")
def models(endpoint: str | None, as_json: bool, offline: bool) -> None:
    """List presets, endpoints and their models.

    With the name of an ENDPOINT its own list of models is asked for, over the network, and kept.
    """
    config = configuration.load(Path(), os.environ)
    if endpoint is not None:
        known = _find(config, endpoint)
        names = _kept(config, known) if offline else asyncio.run(_asked(config, known))
        if not names:
            say(f"{endpoint} lists no models")
        put(json.dumps(names, indent=2) + "\n" if as_json else "".join(map(_line, names)))
        return
    presets = asyncio.run(_presets(config))
    if as_json:
        put(json.dumps({"presets": presets, "endpoints": _endpoints(config)}, indent=2) + "\n")
        return
    headers = ["name", "model"]
    put(table([*map(list, presets.items())], headers, columns(), whole=headers))
    rows = [[name, each["key"], each["models"]] for name, each in _endpoints(config).items()]
    headers = ["endpoint", "key", "models"]
    put("\n" + table(rows, headers, columns(), whole=headers))
    put("\nflowrun models ENDPOINT asks one for its list\n")


def _line(name: str) -> str:
    return one_line(name) + "\n"


async def _presets(config: Config) -> dict[str, str]:
    async with Providers(config, in_flight=1) as providers:
        found: dict[str, str] = {}
        for name in dict.fromkeys([*PRESETS, *config.models]):
            try:
                found[name] = _meaning(providers.router, name)
            except UsageError as error:
                found[name] = f"cannot be used: {error}"
        return found


def _meaning(router: Router, name: str) -> str:
    """The model behind a name; for `auto` those between which its rule chooses."""
    found = router.resolve(name)
    if not found.is_auto:
        return found.label
    return "by rule: " + ", ".join(each.label for each in router.candidates([name]))


def _endpoints(config: Config) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, each in Providers(config, in_flight=1).router.endpoints.items():
        found[name] = {"key": key_state(each, os.environ), "models": _listed(each, config)}
    return found


def _listed(endpoint: Endpoint, config: Config) -> str:
    """The models that are known by name, or how many the kept list has."""
    settings = config.endpoints.get(endpoint.name)
    named = models_of(endpoint, config) or (settings.models if settings else ())
    if named:
        return ", ".join(named)
    listed = kept(config.state, endpoint.name)
    return "any" if listed is None else f"{len(listed.models)} in the kept list"


def key_state(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """Whether the key of an endpoint is there, without showing it."""
    if endpoint.key_env is None:
        return "needs none"
    if missing_key(endpoint, environ) is None:
        return f"{endpoint.key_env}: set"
    return f"{endpoint.key_env}: not set"


def _find(config: Config, name: str) -> Endpoint:
    endpoints = Router(config).endpoints
    if name not in endpoints:
        mend = did_you_mean(name, endpoints) or f"endpoints: {', '.join(endpoints)}"
        raise UsageError(f'no endpoint is called "{name}"; {mend}')
    return endpoints[name]


def _kept(config: Config, endpoint: Endpoint) -> list[str]:
    """The list as it was kept; its age is told on stderr."""
    known = models_of(endpoint, config)
    if known is not None:
        return list(known)
    found = kept(config.state, endpoint.name)
    if found is None:
        raise UsageError(
            f"no list of {endpoint.name} is kept: flowrun models {endpoint.name} asks for one"
        )
    say(f"as {endpoint.name} told {ago(time.time() - found.fetched_at)} ago")
    return sorted(found.models)


async def _asked(config: Config, endpoint: Endpoint) -> list[str]:
    known = models_of(endpoint, config)
    if known is not None:
        return list(known)
    async with Providers(config, in_flight=1) as providers:
        rows = await providers.models(endpoint)
    try:
        prepare(config.state)
        keep(config.state, endpoint.name, rows, now=time.time())
    except (OSError, UsageError) as error:
        say(f"warning: the list cannot be kept: {error}")
    return sorted(str(row["id"]) for row in rows)


_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def ago(seconds: float) -> str:
    """A time for people, in its largest whole unit."""
    for unit, size in _UNITS:
        if (count := int(seconds // size)) >= 1:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
