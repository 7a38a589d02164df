"""`flowrun keys`: the keys of the gateway, and the credits on them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from flowrun import config as configuration
from flowrun.cli.streams import columns, put, say
from flowrun.errors import UsageError
from flowrun.gateway.auth import fingerprint, new_key, read_pepper
from flowrun.gateway.base import UNITS, Account, Ledger, Standing, counted, in_credits
from flowrun.gateway.ledger import open_ledger
from flowrun.reports.tables import table

_LONGEST_NAME = 64
_AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")
_HEADERS = (
    *("name", "id", "credits", "set aside", "requests a minute", "at once", "made", "state"),
)


@asynccontextmanager
async def opened_ledger() -> AsyncIterator[Ledger]:
    """The ledger that is configured, for as long as the `with` lasts."""
    config = configuration.load(Path(), os.environ)
    ledger = open_ledger(os.environ.get("FLOWRUN_LEDGER"), config.state)
    try:
        yield ledger
    finally:
        await ledger.aclose()


@click.group()
def keys() -> None:
    """Make, list, revoke and top up the gateway's keys.

    They stand in the ledger: FLOWRUN_LEDGER, else ledger.db in the state folder. They are
    hashed with FLOWRUN_KEY_PEPPER, else with what the state folder keeps.
    """


@keys.command(short_help="Make a key; it is shown once.")
@click.argument("name")
@click.option("--credits", metavar="N", help="Put so many credits on it.")
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1, 10**6),
    metavar="N",
    help="Take no more requests of it in a minute.",
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 10**5),
    metavar="N",
    help="Take no more requests of it at once.",
)
def add(
    name: str, credits: str | None, requests_per_minute: int | None, max_in_flight: int | None
) -> None:
    """Make a key and print it, which is done only this once."""
    _require_name(name)
    units = 0 if credits is None else units_of(credits)
    if units < 0:
        raise UsageError(f"--credits {credits} is less than nothing")
    state = configuration.load(Path(), os.environ).state
    key = new_key()
    account = Account(
        f"k_{secrets.token_hex(6)}",
        name,
        fingerprint(key, read_pepper(state, os.environ)),
        requests_per_minute=requests_per_minute,
        max_in_flight=max_in_flight,
    )
    asyncio.run(_add(account, key, units))


async def _add(account: Account, key: str, units: int) -> None:
    async with opened_ledger() as ledger:
        await ledger.add(account, now=time.time())
        put(key + "\n")
        if units:
            await ledger.top_up(account.id, units, note="with the key", now=time.time())
    say(f'the key "{account.name}" ({account.id}) has {counted(units)}; it is not shown again')


@keys.command("list", short_help="List the keys and their credits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List all keys and what is on them."""
    standings = asyncio.run(_standings())
    if as_json:
        put(json.dumps([_facts(each) for each in standings], indent=2) + "\n")
    elif not standings:
        say("there are no keys: flowrun keys add NAME makes one")
    else:
        put(table([_row(each) for each in standings], _HEADERS, columns(), whole=_HEADERS))


async def _standings() -> list[Standing]:
    async with opened_ledger() as ledger:
        return list(await ledger.standings())


def _facts(standing: Standing) -> dict[str, str | int | bool | None]:
    """A key as JSON; amounts are text, so that no digit is lost."""
    account = standing.account
    return {
        "name": account.name,
        "id": account.id,
        "credits": in_credits(standing.balance_units),
        "held": in_credits(standing.held_units),
        "requests_per_minute": account.requests_per_minute,
        "max_in_flight": account.max_in_flight,
        "created": datetime.fromtimestamp(standing.created_at, UTC).isoformat(timespec="seconds"),
        "is_revoked": account.is_revoked,
    }


def _row(standing: Standing) -> list[str]:
    account = standing.account
    return [
        account.name,
        account.id,
        in_credits(standing.balance_units),
        in_credits(standing.held_units),
        _limit(account.requests_per_minute),
        _limit(account.max_in_flight),
        datetime.fromtimestamp(standing.created_at, UTC).date().isoformat(),
        "revoked" if account.is_revoked else "valid",
    ]


def _limit(limit: int | None) -> str:
    return "-" if limit is None else str(limit)


@keys.command(short_help="End a key; its entries stay.")
@click.argument("name")
def revoke(name: str) -> None:
    """Make a key invalid, by its name or id; its entries stay."""
    asyncio.run(_revoke(name))
    say(f'the key "{name}" is revoked')


async def _revoke(name: str) -> None:
    async with opened_ledger() as ledger:
        await ledger.revoke(name, now=time.time())


@keys.command(
    short_help="Put credits on a key, or take some.",
    context_settings={"ignore_unknown_options": True},  # "-5" is none
)
@click.argument("name")
@click.argument("credits")
@click.option("--note", default="", metavar="TEXT", help="Keep this with the entry.")
def topup(name: str, credits: str, note: str) -> None:
    """Put credits on a key, by its name or id.

    A negative number takes credits off it, as many as are free.
    """
    standing = asyncio.run(_top_up(name, units_of(credits), note))
    say(f'the key "{standing.account.name}" has {counted(standing.balance_units)}')


async def _top_up(name: str, units: int, note: str) -> Standing:
    async with opened_ledger() as ledger:
        return await ledger.top_up(name, units, note=note, now=time.time())


def units_of(credits: str) -> int:
    """An amount of credits in units. Raises: UsageError if it is none."""
    if not _AMOUNT.fullmatch(credits):
        raise UsageError(
            f'"{credits}" is no number of credits: write digits, '
            "and a point with six more at most, as in 250 or 0.5"
        )
    return int(Decimal(credits) * UNITS)


def _require_name(name: str) -> None:
    is_plain = name.isprintable() and name == name.strip()
    if not is_plain or not 0 < len(name) <= _LONGEST_NAME or name.startswith(("k_", "-")):
        raise UsageError(
            f'"{name}" is no name for a key: use up to {_LONGEST_NAME} characters, '
            'none of them invisible, and begin with another than "-" or "k_"'
        )
