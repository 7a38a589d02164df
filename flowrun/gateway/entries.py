"""The ledger's entries in SQL: what was topped up and what was charged, only ever added."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from flowrun.gateway.base import Charge, Grouping, UsageRow
from flowrun.gateway.database import Transaction, Value

_PROMPT = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_GROUPS: Mapping[Grouping, str] = {
    "key": "ledger_accounts.name",
    "model": "ledger_entries.model",
    "day": "ledger_entries.day",
}
_INSERT = """INSERT INTO ledger_entries (
        id, account_id, kind, units, at, day, note, model, outcome, tokens, prompt_tokens,
        output_tokens, images, cost_usd, is_own_key, is_estimate
    ) VALUES (
        :id, :account_id, :kind, :units, :at, :day, :note, :model, :outcome, :tokens,
        :prompt_tokens, :output_tokens, :images, :cost_usd, :is_own_key, :is_estimate
    ) ON CONFLICT (id) DO NOTHING RETURNING id"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry says beside its charge: `id` is its own, or the request's."""

    id: str
    account_id: str
    at: float
    note: str = ""


def add_top_up(transaction: Transaction, entry: Entry, units: int) -> bool:
    """Writes a top-up; False, and nothing is done, if it was written before."""
    values: dict[str, Value] = {
        **{"kind": "topup", "units": units, "model": "", "outcome": "", "tokens": "{}"},
        **{"prompt_tokens": 0, "output_tokens": 0, "images": 0, "cost_usd": None},
        **{"is_own_key": 0, "is_estimate": 0},
    }
    return _add(transaction, entry, values)


def add_charge(transaction: Transaction, entry: Entry, charge: Charge) -> bool:
    """Writes a charge; False, and nothing is done, if it was written before."""
    values: dict[str, Value] = {
        "kind": "charge",
        "units": -charge.units,
        "model": clean(charge.model),
        "outcome": charge.outcome,
        "tokens": json.dumps(dict(charge.tokens)),
        "prompt_tokens": sum(charge.tokens.get(name, 0) for name in _PROMPT),
        "output_tokens": charge.tokens.get("output_tokens", 0),
        "images": charge.images,
        "cost_usd": None if charge.cost_usd is None else str(charge.cost_usd),
        "is_own_key": int(charge.is_own_key),
        "is_estimate": int(charge.is_estimate),
    }
    return _add(transaction, entry, values)


def _add(transaction: Transaction, entry: Entry, values: dict[str, Value]) -> bool:
    values |= {
        "id": entry.id,
        "account_id": entry.account_id,
        "at": entry.at,
        "day": datetime.fromtimestamp(entry.at, UTC).date().isoformat(),
        "note": clean(entry.note),
    }
    return bool(transaction.execute(_INSERT, values))


def usage(
    transaction: Transaction, by: Sequence[Grouping], since: float, until: float
) -> list[UsageRow]:
    """What was charged from `since` on and before `until`, by those groups."""
    groups = "".join(f"{_GROUPS[each]}, " for each in by)
    # Amounts in dollars are text, which no database of ours adds up: equal ones are counted.
    rows = transaction.execute(
        f"""SELECT {groups} cost_usd, count(*), CAST(sum(prompt_tokens) AS BIGINT),
                CAST(sum(output_tokens) AS BIGINT), CAST(sum(images) AS BIGINT),
                CAST(-sum(units) AS BIGINT)
            FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
            WHERE kind = 'charge' AND at >= :since AND at < :until
            GROUP BY {groups} cost_usd""",
        {"since": since, "until": until},
    )
    found: dict[tuple[str, ...], UsageRow] = {}
    for row in rows:
        group, (cost, calls, prompt, output, images, units) = row[: len(by)], row[len(by) :]
        usd = Decimal(cost or 0) * calls
        more = UsageRow(group, calls, prompt, output, images, units, usd)
        found[group] = _sum(found.get(group), more)
    return [found[group] for group in sorted(found)]


def _sum(one: UsageRow | None, other: UsageRow) -> UsageRow:
    if one is None:
        return other
    return UsageRow(
        other.group,
        one.calls + other.calls,
        one.prompt_tokens + other.prompt_tokens,
        one.output_tokens + other.output_tokens,
        one.images + other.images,
        one.units + other.units,
        one.cost_usd + other.cost_usd,
    )


def clean(text: str) -> str:
    """Text without what a database cannot keep."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
