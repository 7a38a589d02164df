"""Ledgers for tests: opened, filled, and looked into past their own verbs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from flowrun.gateway.base import UNITS, Account, Charge, Hold, Ledger, Standing
from flowrun.gateway.ledger import open_ledger

T = TypeVar("T")

ANN = Account("k_ann", "ann", "fingerprint of ann")
LATER = 10_000_000_000.0
"""Seconds since the epoch at which no hold of a test has expired."""


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Ledger]:
    """A ledger, closed after the `with`."""
    ledger = open_ledger(address, Path("nowhere"))
    try:
        yield ledger
    finally:
        await ledger.aclose()


def on(address: str, work: Callable[[Ledger], Awaitable[T]]) -> T:
    """Runs some work on a ledger."""

    async def whole() -> T:
        async with opened(address) as ledger:
            return await work(ledger)

    return asyncio.run(whole())


async def fill(ledger: Ledger, credits: int = 100, account: Account = ANN) -> None:
    """Adds an account with some credits."""
    await ledger.add(account, now=1.0)
    await ledger.top_up(account.name, credits * UNITS, note="first", now=2.0)


def hold(id: str, credits: int = 1, *, of: Account = ANN, until: float = LATER) -> Hold:
    """A hold of some credits."""
    return Hold(id, of.id, credits * UNITS, until)


def charge(credits: int = 1) -> Charge:
    """A charge of some credits."""
    return Charge(credits * UNITS, "mine/model", "done")


async def money(ledger: Ledger) -> tuple[int, int]:
    """The balance and what of it is held, in credits, of the first account."""
    standing = (await ledger.standings())[0]
    assert standing.balance_units % UNITS == standing.held_units % UNITS == 0
    return standing.balance_units // UNITS, standing.held_units // UNITS


async def standing(ledger: Ledger) -> Standing:
    """The first account with its money."""
    return (await ledger.standings())[0]


def rows(address: str, statement: str) -> list[tuple[Any, ...]]:
    """What a statement gives, past the ledger."""
    if address.startswith("sqlite:///"):
        connection = sqlite3.connect(address.removeprefix("sqlite:///"))
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()
    with psycopg.connect(address) as server:
        cursor = server.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def require_books_balance(address: str) -> None:
    """Each balance is the sum of its entries, and what is held that of its holds."""
    assert (
        rows(
            address,
            """SELECT account_id, balance, held FROM ledger_balances EXCEPT
        SELECT id,
            CAST((SELECT coalesce(sum(units), 0) FROM ledger_entries
                WHERE account_id = ledger_accounts.id) AS BIGINT),
            CAST((SELECT coalesce(sum(units), 0) FROM ledger_holds
                WHERE account_id = ledger_accounts.id AND swept_at IS NULL) AS BIGINT)
        FROM ledger_accounts""",
        )
        == []
    )
