"""The ledger's accounts in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.errors import UsageError, did_you_mean
from flowrun.gateway.base import Account, Standing, counted, in_credits
from flowrun.gateway.database import Row, Transaction
from flowrun.gateway.entries import Entry, add_top_up

_ACCOUNT = "id, name, fingerprint, revoked_at, requests_per_minute, max_in_flight"
_STANDINGS = f"""SELECT {_ACCOUNT}, balance, held, created_at
    FROM ledger_accounts JOIN ledger_balances ON account_id = id"""


def add(transaction: Transaction, account: Account, now: float) -> None:
    """Adds an account with nothing on it. Raises: UsageError if there is one of that name."""
    rows = transaction.execute(
        """INSERT INTO ledger_accounts
            (id, name, fingerprint, created_at, requests_per_minute, max_in_flight)
        VALUES (:id, :name, :fingerprint, :now, :requests_per_minute, :max_in_flight)
        ON CONFLICT DO NOTHING RETURNING id""",
        {
            "id": account.id,
            "name": account.name,
            "fingerprint": account.fingerprint,
            "now": now,
            "requests_per_minute": account.requests_per_minute,
            "max_in_flight": account.max_in_flight,
        },
    )
    if rows:
        transaction.execute(
            "INSERT INTO ledger_balances (account_id, balance, held) VALUES (:id, 0, 0)",
            {"id": account.id},
        )
    elif (found := find(transaction, account.fingerprint)) is None or found.id != account.id:
        raise UsageError(_taken(account.name, _named(transaction, account.name)))


def _taken(name: str, rows: Sequence[Row]) -> str:
    if rows and rows[0][1] is not None:
        return f'a key was called "{name}" and is revoked: names are not used twice'
    return f'a key is called "{name}" already: choose another name'


def find(transaction: Transaction, fingerprint: str) -> Account | None:
    """The account of a key, revoked ones among them."""
    rows = transaction.execute(
        f"SELECT {_ACCOUNT} FROM ledger_accounts WHERE fingerprint = :fingerprint",
        {"fingerprint": fingerprint},
    )
    return _account(rows[0]) if rows else None


def standings(transaction: Transaction) -> list[Standing]:
    """All accounts, oldest first."""
    return [_standing(row) for row in transaction.execute(f"{_STANDINGS} ORDER BY created_at, id")]


def revoke(transaction: Transaction, name: str, now: float) -> None:
    """Makes a key invalid, from the first time on. Raises: UsageError if there is none."""
    transaction.execute(
        "UPDATE ledger_accounts SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL",
        {"id": _id_of(transaction, name), "now": now},
    )


def top_up(transaction: Transaction, name: str, units: int, entry: Entry) -> Standing:
    """Adds units, or takes them as far as they are free; `entry` has no account yet.

    Raises: UsageError if there is no such key, it is revoked, or has not so much to take.
    """
    id = _id_of(transaction, name)
    account = _read(transaction, id).account
    if account.is_revoked:
        raise UsageError(f'"{account.name}" is revoked')
    if add_top_up(transaction, Entry(entry.id, id, entry.at, entry.note), units):
        is_done = transaction.execute(
            """UPDATE ledger_balances SET balance = balance + :units
            WHERE account_id = :id AND balance - held >= :taken RETURNING account_id""",
            {"units": units, "id": id, "taken": -units if units < 0 else -(10**18)},
        )
        if not is_done:
            raise UsageError(_too_much(_read(transaction, id), units))
    return _read(transaction, id)


def _too_much(standing: Standing, units: int) -> str:
    free = max(0, standing.balance_units - standing.held_units)
    held = f" ({in_credits(standing.held_units)} set aside)" if standing.held_units else ""
    return (
        f'"{standing.account.name}" has {counted(free)} free{held}: '
        f"{in_credits(-units)} cannot be taken"
    )


def _id_of(transaction: Transaction, name: str) -> str:
    rows = _named(transaction, name)
    if not rows:
        known = [str(row[0]) for row in transaction.execute("SELECT name FROM ledger_accounts")]
        mend = did_you_mean(name, known) or "flowrun keys list shows them"
        raise UsageError(f'no key is called "{name}"; {mend}')
    return str(rows[0][0])


def _named(transaction: Transaction, name: str) -> Sequence[Row]:
    """The key of that name or id: its id, and when it was revoked."""
    return transaction.execute(
        "SELECT id, revoked_at FROM ledger_accounts WHERE id = :name OR name = :name",
        {"name": name},
    )


def _read(transaction: Transaction, id: str) -> Standing:
    (row,) = transaction.execute(f"{_STANDINGS} WHERE id = :id", {"id": id})
    return _standing(row)


def _account(row: Row) -> Account:
    id, name, fingerprint, revoked_at, requests_per_minute, max_in_flight = row
    is_revoked = revoked_at is not None
    return Account(id, name, fingerprint, is_revoked, requests_per_minute, max_in_flight)


def _standing(row: Row) -> Standing:
    *account, balance, held, created_at = row
    return Standing(_account(tuple(account)), balance, held, created_at)
