"""`flowrun usage`: what was used through the gateway, and what it cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import click

from flowrun.cli.keys import opened_ledger
from flowrun.cli.streams import columns, put, say
from flowrun.errors import UsageError, did_you_mean
from flowrun.gateway.base import Grouping, UsageRow, in_credits
from flowrun.reports.tables import table

_COUNTS = ["calls", "prompt", "output", "images", "credits", "dollars"]
_ALWAYS = 1e12


@click.command()
@click.option(
    "--by",
    default="key,model",
    metavar="NAMES",
    help="Group by any of key, model, day; the default is key,model.",
)
@click.option("--since", metavar="DATE", help="From the beginning of this day, UTC.")
@click.option("--until", metavar="DATE", help="To the end of this day, UTC.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def usage(by: str, since: str | None, until: str | None, as_json: bool) -> None:
    """Show what was used with the gateway's keys.

    Tokens of the prompts and of the answers, pictures, credits, and the dollars that providers
    take for it, as far as they are known; what callers pay to a provider by a key of their own
    is counted too. DATE is as in 2026-10-31.
    """
    groups = _groups(by)
    begin = 0.0 if since is None else _time(since, "--since")
    end = _ALWAYS if until is None else _time(until, "--until", days=1)
    if since is not None and begin >= end:
        raise UsageError(f"--since {since} is after --until {until}")
    rows = asyncio.run(_rows(groups, begin, end))
    if as_json:
        put(json.dumps([_facts(groups, each) for each in rows], indent=2) + "\n")
    elif not rows:
        say("nothing was used with a key")
    else:
        shown = [_cells(each) for each in rows]
        if len(rows) > 1 and groups:
            shown.append(_cells(_total(rows, len(groups))))
        headers = [*groups, *_COUNTS]
        put(table(shown, headers, columns(), whole=headers))


async def _rows(by: Sequence[Grouping], since: float, until: float) -> list[UsageRow]:
    async with opened_ledger() as ledger:
        return await ledger.usage(by, since=since, until=until)


def _groups(said: str) -> list[Grouping]:
    """The groups that were asked for. Raises: UsageError for another."""
    known = get_args(Grouping)
    words = [each.strip() for each in said.split(",") if each.strip()]
    for word in words:
        if word not in known:
            mend = did_you_mean(word, known) or f"known are {', '.join(known)}"
            raise UsageError(f'--by: "{word}" is no group; {mend}')
    return [each for word in dict.fromkeys(words) for each in known if each == word]


def _time(said: str, option: str, *, days: int = 0) -> float:
    """The beginning of a day so many days later. Raises: UsageError if it is none."""
    try:
        day = date.fromisoformat(said) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise UsageError(f'{option}: "{said}" is no day: write it as 2026-10-31') from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _total(rows: Sequence[UsageRow], groups: int) -> UsageRow:
    return UsageRow(
        ("total", *[""] * (groups - 1)),
        sum(each.calls for each in rows),
        sum(each.prompt_tokens for each in rows),
        sum(each.output_tokens for each in rows),
        sum(each.images for each in rows),
        sum(each.units for each in rows),
        sum((each.cost_usd for each in rows), Decimal(0)),
    )


def _cells(row: UsageRow) -> list[str]:
    counts = (row.calls, row.prompt_tokens, row.output_tokens, row.images)
    money = (in_credits(row.units), _plain(row.cost_usd))
    return [*row.group, *map(str, counts), *money]


def _facts(groups: Sequence[str], row: UsageRow) -> dict[str, str | int]:
    """A row as JSON; amounts are text, so that no digit is lost."""
    return {
        **dict(zip(groups, row.group, strict=True)),
        "calls": row.calls,
        "prompt_tokens": row.prompt_tokens,
        "output_tokens": row.output_tokens,
        "images": row.images,
        "credits": in_credits(row.units),
        "cost_usd": _plain(row.cost_usd),
    }


def _plain(usd: Decimal) -> str:
    return f"{usd.normalize():f}"
