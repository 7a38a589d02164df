"""The seam between the ledger and its databases: transactions, and the tables they run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from flowrun.errors import LedgerError

T = TypeVar("T")
Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Any, ...]
"""What a column holds only the statement knows that asked for it."""

Keep = Literal["read", "soon", "now"]
"""What a transaction's end promises: nothing is written; a power cut may undo it, but nothing
later without it; it is on the disk. A kill of the process undoes none of them."""

NO_VALUES: Mapping[str, Value] = {}
VERSION = 1


class Transaction(Protocol):
    """Statements that are done together or not at all; values are named, as in `:units`."""

    def execute(self, sql: str, values: Mapping[str, Value] = NO_VALUES, /) -> list[Row]:
        """All rows that a statement gives."""
        ...


class Database(Protocol):
    """Runs transactions, one after another as far as the same rows are concerned.

    A `work` has no effect but on the database, so that it may be run again after a lost
    connection: each is written so that the second time does nothing. Once asked for it is
    done, though whoever asked is cancelled. To be used from one event loop.
    """

    async def transact(self, work: Callable[[Transaction], T], keep: Keep) -> T:
        """What `work` gives, after the commit; what it raises, after the roll-back.

        Raises: LedgerError if the database cannot do it.
        """
        ...

    async def aclose(self) -> None:
        """Ends what was asked for, then the connection."""
        ...


TABLES = (
    "CREATE TABLE ledger_version (version BIGINT NOT NULL)",
    """CREATE TABLE ledger_accounts (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL UNIQUE,
        created_at DOUBLE PRECISION NOT NULL, revoked_at DOUBLE PRECISION,
        requests_per_minute BIGINT, max_in_flight BIGINT
    )""",
    """CREATE TABLE ledger_balances (
        account_id TEXT PRIMARY KEY REFERENCES ledger_accounts (id),
        balance BIGINT NOT NULL
            CHECK (balance BETWEEN -1000000000000000000 AND 1000000000000000000),
        held BIGINT NOT NULL CHECK (held BETWEEN 0 AND 1000000000000000000)
    )""",
    """CREATE TABLE ledger_holds (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
        units BIGINT NOT NULL CHECK (units >= 0), expires_at DOUBLE PRECISION NOT NULL,
        swept_at DOUBLE PRECISION
    )""",
    "CREATE INDEX ledger_holds_by_end ON ledger_holds (expires_at)",
    """CREATE TABLE ledger_entries (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
        kind TEXT NOT NULL CHECK (kind IN ('topup', 'charge')), units BIGINT NOT NULL,
        at DOUBLE PRECISION NOT NULL, day TEXT NOT NULL, note TEXT NOT NULL,
        model TEXT NOT NULL, outcome TEXT NOT NULL, tokens TEXT NOT NULL,
        prompt_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, images BIGINT NOT NULL,
        cost_usd TEXT, is_own_key INTEGER NOT NULL, is_estimate INTEGER NOT NULL,
        CHECK (kind = 'topup' OR units <= 0)
    )""",
    "CREATE INDEX ledger_entries_by_time ON ledger_entries (at)",
)
"""Amounts are whole units. An entry's `id` is the request's where it is a charge, so that there is
one at most; entries are only ever added, which each database holds with triggers of its own."""


def create(transaction: Transaction, triggers: Sequence[str]) -> None:
    """Makes the tables of an empty database."""
    for statement in (*TABLES, *triggers):
        transaction.execute(statement)
    transaction.execute("INSERT INTO ledger_version (version) VALUES (:v)", {"v": VERSION})


def require_known(transaction: Transaction) -> None:
    """Raises: LedgerError if the tables are those of a newer flowrun."""
    ((version,),) = transaction.execute("SELECT max(version) FROM ledger_version")
    if version != VERSION:
        raise LedgerError(
            f"the ledger has format {version}, and this flowrun knows {VERSION}: "
            "use a newer flowrun"
        )
