"""The ledger in SQL: accounts and their money, the same on every database.

    account ── balance = top-ups less charges   held: a part of it, set aside for calls under way
       ├── hold     reserve ─> settle | release; or it expires, and sweep gives it back
       └── entry    top-up or charge: only ever added, and their sum is the balance

A charge above its hold is written whole, and may take the balance below zero by what was truly
used; nothing more is reserved until it is topped up. A call that is settled after its hold was
swept, as by a process that slept, is charged all the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flowrun.errors import UsageError
from flowrun.gateway import accounts, entries, holds
from flowrun.gateway.base import (
    MOST_UNITS,
    UNITS,
    Account,
    Charge,
    Grouping,
    Hold,
    Ledger,
    Standing,
    UsageRow,
)
from flowrun.gateway.database import Database
from flowrun.gateway.entries import Entry
from flowrun.gateway.sqlite import SqliteDatabase
from flowrun.store.folder import prepare

_FILE = "ledger.db"
_OF_PASSWORDS = "@=?"
"""What stands in addresses that may hold one."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,19}")
_SWEPT_FOR_S = 7 * 86_400.0
"""How long a swept hold is known, for a settle that comes late."""


def open_ledger(url: str | None, state: Path) -> Ledger:
    """The ledger at an address: `sqlite:///path`, `postgresql://…`, by default in `state`.

    As elsewhere three slashes begin a relative path, four an absolute one. Nothing is opened
    before the first verb.

    Raises: UsageError for an address of another kind, or if what it needs is not installed.
    """
    if not url:
        return SqlLedger(SqliteDatabase(state / _FILE, prepare=prepare))
    if (path := path_of(url, state)) is not None:
        return SqlLedger(SqliteDatabase(path))
    try:
        # The client library belongs to an extra.
        from flowrun.gateway.postgres import PostgresDatabase
    except ImportError as error:
        wanted = 'python -m pip install "psycopg[binary]>=3.3"'
        raise UsageError(f"a ledger in PostgreSQL needs psycopg: {wanted}") from error
    return SqlLedger(PostgresDatabase(url))


def path_of(url: str | None, state: Path) -> Path | None:
    """The file of the ledger at an address; None if it is in PostgreSQL.

    Raises: UsageError for an address of another kind, which never shows a password.
    """
    if not url:
        return state / _FILE
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return Path(rest[1:])
    if scheme in ("postgresql", "postgres") and rest:
        return None
    usual = "write sqlite:///path or postgresql://user@host/database"
    if any(sign in url for sign in _OF_PASSWORDS):
        kind = f'"{scheme}:" is no ledger' if rest and _SCHEME.fullmatch(scheme) else "is no ledger"
        raise UsageError(f"FLOWRUN_LEDGER: {kind}; {usual}")
    is_plain = "://" not in url and ":" not in url
    mend = f"write sqlite:///{url}" if is_plain else usual
    raise UsageError(f'FLOWRUN_LEDGER: "{url}" is no ledger; {mend}')


class SqlLedger:
    """A Ledger on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account, *, now: float) -> None:
        """Adds an account with nothing on it. Raises: UsageError if there is one of that name."""
        await self._database.transact(partial(accounts.add, account=account, now=now), "now")

    async def find(self, fingerprint: str) -> Account | None:
        """The account of a key, revoked ones among them."""
        return await self._database.transact(
            partial(accounts.find, fingerprint=fingerprint), "read"
        )

    async def standings(self) -> Sequence[Standing]:
        """All accounts, oldest first."""
        return await self._database.transact(accounts.standings, "read")

    async def revoke(self, name: str, *, now: float) -> None:
        """Makes the key of that name or id invalid. Raises: UsageError if there is none."""
        await self._database.transact(partial(accounts.revoke, name=name, now=now), "now")

    async def top_up(self, name: str, units: int, *, note: str, now: float) -> Standing:
        """Adds units, or takes them where `units` is negative.

        Raises: UsageError for an unknown key, for zero or more than MOST_UNITS, and for more
        than is free to be taken.
        """
        if not 0 < abs(units) <= MOST_UNITS:
            raise UsageError(f"credits must be other than 0 and at most {MOST_UNITS // UNITS:,}")
        entry = Entry(f"topup-{uuid.uuid4().hex}", "", now, note)
        return await self._database.transact(
            partial(accounts.top_up, name=name, units=units, entry=entry), "now"
        )

    async def reserve(self, hold: Hold) -> bool:
        """Sets units aside; False, and nothing is done, if the balance has not so many left."""
        if hold.units < 0:
            raise ValueError("a hold of less than nothing")
        if hold.units > MOST_UNITS:
            return False
        return await self._database.transact(partial(holds.reserve, hold=hold), "soon")

    async def settle(self, hold_id: str, charge: Charge, *, now: float) -> None:
        """Ends a hold and writes the charge: once, whatever is asked again.

        Raises: LedgerError if there never was such a hold, or it was released.
        """
        if charge.units < 0:
            raise ValueError("a charge of less than nothing")
        charge = replace(charge, units=min(charge.units, MOST_UNITS))
        await self._database.transact(
            partial(holds.settle, hold_id=hold_id, charge=charge, now=now), "now"
        )

    async def release(self, hold_id: str) -> None:
        """Ends a hold without a charge; one that has ended already is left as it is."""
        await self._database.transact(partial(holds.release, hold_id=hold_id), "soon")

    async def renew(self, hold_ids: Sequence[str], expires_at: float) -> None:
        """Keeps holds that are worked on from expiring."""
        if hold_ids:
            work = partial(holds.renew, hold_ids=sorted(hold_ids), expires_at=expires_at)
            await self._database.transact(work, "soon")

    async def sweep(self, *, now: float) -> int:
        """Releases the holds that have expired, as after a crash; how many they were."""
        swept = 0
        while ids := await self._database.transact(partial(holds.expired, now=now), "read"):
            for each in ids:
                # Each by itself, so that no transaction waits for rows while it has others.
                swept += await self._database.transact(
                    partial(holds.sweep, hold_id=each, now=now), "soon"
                )
        await self._database.transact(partial(holds.forget, before=now - _SWEPT_FOR_S), "soon")
        return swept

    async def usage(self, by: Sequence[Grouping], *, since: float, until: float) -> list[UsageRow]:
        """What was used from `since` on and before `until`, by those groups; days are UTC."""
        return await self._database.transact(
            partial(entries.usage, by=by, since=since, until=until), "read"
        )

    async def aclose(self) -> None:
        """Closes it; what was promised is written."""
        await self._database.aclose()
