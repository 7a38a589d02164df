"""The ledger's database as a PostgreSQL server, which several gateways may share.

A few threads have a connection each. What two transactions both change is a row of balances or
of holds, and PostgreSQL itself lets one wait for the other there.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import TypeVar, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from flowrun.errors import LedgerError, UsageError
from flowrun.gateway.database import (
    NO_VALUES,
    Keep,
    Row,
    Transaction,
    Value,
    create,
    require_known,
)

T = TypeVar("T")

_CONNECT_S = 5
_TRIES = 3
_BEGIN: Mapping[Keep, str] = {
    "soon": "BEGIN; SET LOCAL synchronous_commit = off",
    "now": "BEGIN",
}
_LOCK = 7_029_451_163_304
"""Any number that nobody else locks: who makes the tables is alone."""

_TRIGGERS = (
    """CREATE OR REPLACE FUNCTION ledger_entries_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'entries are only added'; END $$""",
    """CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_stay()""",
)
_NAMED = re.compile(r":([a-z_]+)")


class PostgresDatabase:
    """A server by its URL.

    `patience_s` is how long an answer is waited for, `connections` how many transactions run at
    once. Raises: UsageError if the URL is none.
    """

    def __init__(self, url: str, *, patience_s: float = 10.0, connections: int = 8) -> None:
        try:
            said = conninfo_to_dict(url)
        except psycopg.Error:
            # Its message quotes the URL, which may have a password in it.
            raise UsageError("FLOWRUN_LEDGER is no URL that PostgreSQL knows") from None
        self._url = url
        self._password = str(said.get("password") or "")
        self._name = f"{said.get('host') or 'localhost'}/{said.get('dbname') or ''}"
        self._patience_s = patience_s
        self._threads = ThreadPoolExecutor(connections, "ledger")
        self._mine = threading.local()
        self._connections: list[psycopg.Connection] = []

    async def transact(self, work: Callable[[Transaction], T], keep: Keep) -> T:
        """What `work` gives, after the commit."""
        future = asyncio.wrap_future(self._threads.submit(self._run, work, keep))
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(future)
        except TimeoutError:
            future.add_done_callback(_hear)
            raise LedgerError(
                f'the ledger "{self._name}" did not answer within {self._patience_s:g} s'
            ) from None
        except asyncio.CancelledError:
            # What is asked next, such as the hold's release, may not overtake it.
            await asyncio.wait([future], timeout=self._patience_s)
            raise

    async def aclose(self) -> None:
        """Ends what was asked for, then the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        while self._connections:
            self._connections.pop().close()

    def _run(self, work: Callable[[Transaction], T], keep: Keep) -> T:
        """One transaction, again where the connection was lost or another one was in its way."""
        tries = 0
        while True:
            connection = self._connected()
            tries += 1
            try:
                return _done(connection, work, keep)
            except psycopg.Error as error:
                is_lost = connection.closed
                if is_lost:
                    self._forget(connection)
                if tries == _TRIES or not (is_lost or isinstance(error, _IN_THE_WAY)):
                    raise self._told(error) from error

    def _connected(self) -> psycopg.Connection:
        """This thread's connection."""
        found = cast("psycopg.Connection | None", getattr(self._mine, "connection", None))
        if found is not None and not found.closed:
            return found
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name="flowrun",
            )
        except psycopg.Error as error:
            raise self._told(error) from error
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connections.append(connection)
        self._mine.connection = connection
        return connection

    def _prepare(self, connection: psycopg.Connection) -> None:
        timeout = sql.Literal(int(self._patience_s * 1000))
        try:
            connection.execute(sql.SQL("SET statement_timeout = {}").format(timeout))
            _done(connection, _require_tables, "now")
        except psycopg.Error as error:
            raise self._told(error) from error

    def _forget(self, connection: psycopg.Connection) -> None:
        self._mine.connection = None
        with suppress(ValueError):  # it is being closed elsewhere
            self._connections.remove(connection)

    def _told(self, error: psycopg.Error) -> LedgerError:
        """The error in one sentence, without the password."""
        said = error.diag.message_primary or str(error).strip() or type(error).__name__
        line = said.splitlines()[0]
        if self._password:
            line = line.replace(self._password, "***")
        return LedgerError(f'the ledger "{self._name}" cannot be used: {line}')


_IN_THE_WAY = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class _Statements:
    """A transaction on a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Mapping[str, Value] = NO_VALUES, /) -> list[Row]:
        """All rows that a statement gives."""
        cursor = self._connection.execute(_translated(sql), values)
        return cursor.fetchall() if cursor.description is not None else []


def _done(connection: psycopg.Connection, work: Callable[[Transaction], T], keep: Keep) -> T:
    """Runs a transaction; what only reads is one statement, which is one by itself."""
    transaction = _Statements(connection)
    if keep == "read":
        return work(transaction)
    connection.execute(_BEGIN[keep].encode())
    try:
        result = work(transaction)
    except BaseException:
        with suppress(psycopg.Error):
            connection.execute(b"ROLLBACK")
        raise
    connection.execute(b"COMMIT")
    return result


def _require_tables(transaction: Transaction) -> None:
    """Makes the tables where there are none; one gateway at a time."""
    transaction.execute("SELECT pg_advisory_xact_lock(:lock)", {"lock": _LOCK})
    ((found,),) = transaction.execute("SELECT to_regclass('ledger_version')")
    if found is None:
        create(transaction, _TRIGGERS)
    else:
        require_known(transaction)


@cache
def _translated(statement: str) -> bytes:
    """A statement whose values are named as psycopg wants them; there are a few dozen."""
    return _NAMED.sub(r"%(\1)s", statement).encode()


def _hear(future: asyncio.Future[T]) -> None:
    """Takes notice of an error that nobody waits for any more."""
    if not future.cancelled():
        future.exception()
