"""The ledger's holds in SQL: set aside, ended with a charge or without, or swept."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.errors import LedgerError
from flowrun.gateway.base import Charge, Hold
from flowrun.gateway.database import Transaction
from flowrun.gateway.entries import Entry, add_charge

_SWEPT_AT_ONCE = 1000


def reserve(transaction: Transaction, hold: Hold) -> bool:
    """Sets units aside, whether now or, should the answer have been lost, before."""
    has_room = transaction.execute(
        """UPDATE ledger_balances SET held = held + :units
        WHERE account_id = :account_id AND balance - held >= :units RETURNING account_id""",
        {"units": hold.units, "account_id": hold.account_id},
    )
    if not has_room:
        return _is_held(transaction, hold)
    is_new = transaction.execute(
        """INSERT INTO ledger_holds (id, account_id, units, expires_at)
        VALUES (:id, :account_id, :units, :expires_at) ON CONFLICT (id) DO NOTHING RETURNING id""",
        {
            "id": hold.id,
            "account_id": hold.account_id,
            "units": hold.units,
            "expires_at": hold.expires_at,
        },
    )
    if is_new:
        return True
    _give_back(transaction, hold.account_id, held=hold.units)
    return _is_held(transaction, hold)


def _is_held(transaction: Transaction, hold: Hold) -> bool:
    found = transaction.execute(
        "SELECT account_id, units FROM ledger_holds WHERE id = :id AND swept_at IS NULL",
        {"id": hold.id},
    )
    return found == [(hold.account_id, hold.units)]


def settle(transaction: Transaction, hold_id: str, charge: Charge, now: float) -> None:
    """Ends a hold, swept ones among them, and writes its charge; the second time nothing.

    Raises: LedgerError if there is neither the hold nor its charge.
    """
    ended = _end(transaction, hold_id)
    if ended is None:
        if not transaction.execute("SELECT 1 FROM ledger_entries WHERE id = :id", {"id": hold_id}):
            raise LedgerError(f'nothing is held for the request "{hold_id}": it is not charged')
        return
    account_id, held = ended
    is_new = add_charge(transaction, Entry(hold_id, account_id, now), charge)
    _give_back(transaction, account_id, held=held, spent=charge.units if is_new else 0)


def release(transaction: Transaction, hold_id: str) -> None:
    """Ends a hold without a charge."""
    ended = _end(transaction, hold_id)
    if ended is not None:
        _give_back(transaction, ended[0], held=ended[1])


def renew(transaction: Transaction, hold_ids: Sequence[str], expires_at: float) -> None:
    """Keeps holds from expiring; those that were swept stay so."""
    for each in hold_ids:
        transaction.execute(
            """UPDATE ledger_holds SET expires_at = :expires_at
            WHERE id = :id AND swept_at IS NULL""",
            {"id": each, "expires_at": expires_at},
        )


def expired(transaction: Transaction, now: float) -> list[str]:
    """Holds that can be swept, as many as one look is worth."""
    rows = transaction.execute(
        """SELECT id FROM ledger_holds WHERE expires_at < :now AND swept_at IS NULL
        ORDER BY expires_at LIMIT :most""",
        {"now": now, "most": _SWEPT_AT_ONCE},
    )
    return [str(id) for (id,) in rows]


def sweep(transaction: Transaction, hold_id: str, now: float) -> bool:
    """Gives back what an expired hold has set aside; False if somebody was faster.

    It stays known, so that a call which ends later yet is charged.
    """
    rows = transaction.execute(
        """UPDATE ledger_holds SET swept_at = :now
        WHERE id = :id AND swept_at IS NULL AND expires_at < :now RETURNING account_id, units""",
        {"id": hold_id, "now": now},
    )
    for account_id, units in rows:
        _give_back(transaction, account_id, held=units)
    return bool(rows)


def forget(transaction: Transaction, before: float) -> None:
    """Removes the holds that were swept before then."""
    transaction.execute("DELETE FROM ledger_holds WHERE swept_at < :before", {"before": before})


def _end(transaction: Transaction, hold_id: str) -> tuple[str, int] | None:
    """Takes a hold away: its account, and what it still sets aside; None if there is none."""
    rows = transaction.execute(
        """DELETE FROM ledger_holds WHERE id = :id
        RETURNING account_id, CASE WHEN swept_at IS NULL THEN units ELSE 0 END""",
        {"id": hold_id},
    )
    return (str(rows[0][0]), int(rows[0][1])) if rows else None


def _give_back(transaction: Transaction, account_id: str, *, held: int, spent: int = 0) -> None:
    transaction.execute(
        """UPDATE ledger_balances SET held = held - :held, balance = balance - :spent
        WHERE account_id = :account_id""",
        {"account_id": account_id, "held": held, "spent": spent},
    )
