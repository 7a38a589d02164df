"""The ledger's database as one SQLite file, with one commit for all that asks at a time.

    event loop   BEGIN  work work work ─┐          ┌─ BEGIN  work …
    thread                              └─ COMMIT ─┘         what was asked for meanwhile

Statements take microseconds and run on the event loop's own thread: to hand each to another
would cost more than it does. Only what waits for the disk is handed over.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

from flowrun.errors import FlowrunError, LedgerError
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

_MOST_AT_ONCE = 256
"""Works of one commit: they hold the event loop up by milliseconds at most."""

_PAUSE_S = 0.001
_COMMITS_OF_A_LOG = 500
"""After so many the log is written back, in the thread, and begins anew."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TRIGGERS = tuple(
    f"CREATE TRIGGER ledger_entries_no_{verb} BEFORE {verb} ON ledger_entries "
    "BEGIN SELECT RAISE(ABORT, 'entries are only added'); END"
    for verb in ("update", "delete")
)


@dataclass(frozen=True, slots=True)
class _Asked:
    work: Callable[[Transaction], object]
    keep: Keep
    future: asyncio.Future[object]


@dataclass(frozen=True, slots=True)
class _Ended:
    future: asyncio.Future[object]
    result: object = None
    error: Exception | None = None


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)


class SqliteDatabase:
    """A file that several processes may use at once.

    `patience_s` is how long another process's write is waited for; `prepare` makes the folder.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float = 10.0,
        prepare: Callable[[Path], None] = _make_private,
    ) -> None:
        self._path = path
        self._prepare = prepare
        self._patience_s = patience_s
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[_Asked] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._busy_since: float | None = None
        self._is_synchronous = False
        self._commits = 0

    async def transact(self, work: Callable[[Transaction], T], keep: Keep) -> T:
        """What `work` gives, after the commit that it shares with what else was asked for."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append(_Asked(work, keep, future))
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._turn)
        return cast(T, await future)

    async def aclose(self) -> None:
        """Ends what was asked for, then the connection; a later verb opens it again."""
        await self._idle.wait()
        thread, self._thread = self._thread, None
        connection, self._connection = self._connection, None
        if thread is not None:
            if connection is not None:
                await asyncio.get_running_loop().run_in_executor(thread, connection.close)
            thread.shutdown()

    def _turn(self) -> None:
        """Runs what waits in one transaction, and begins its commit."""
        if not self._waiting:
            self._idle.set()
            return
        if self._connection is None:
            self._in_thread(self._open, self._turn)
            return
        batch = list(islice(self._waiting, _MOST_AT_ONCE))
        try:
            if not self._begin(self._connection, batch):
                asyncio.get_running_loop().call_later(_PAUSE_S, self._turn)
                return
            ended = [_one(self._connection, each) for each in batch]
            is_due = self._is_log_due()
            if not is_due and all(each.keep != "now" for each in batch):
                self._connection.execute("COMMIT")
                self._end(ended)
            else:
                commit = partial(self._commit, self._connection, is_due)
                self._in_thread(commit, partial(self._end, ended))
        except sqlite3.Error as error:
            self._fail(error)

    def _begin(self, connection: sqlite3.Connection, batch: list[_Asked]) -> bool:
        """Opens a transaction; False if another process writes."""
        is_synchronous = any(each.keep == "now" for each in batch)
        if is_synchronous != self._is_synchronous:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_synchronous else 'NORMAL'}")
            self._is_synchronous = is_synchronous
        is_write = any(each.keep != "read" for each in batch)
        try:
            connection.execute("BEGIN IMMEDIATE" if is_write else "BEGIN")
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            self._busy_since = self._busy_since or now
            if _code(error) != sqlite3.SQLITE_BUSY or now > self._busy_since + self._patience_s:
                raise
            return False
        self._busy_since = None
        return True

    def _is_log_due(self) -> bool:
        self._commits += 1
        return self._commits % _COMMITS_OF_A_LOG == 0

    @staticmethod
    def _commit(connection: sqlite3.Connection, is_log_due: bool) -> None:
        connection.execute("COMMIT")
        if is_log_due:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _end(self, ended: list[_Ended]) -> None:
        """Tells everybody of a batch how it ended, and goes on with what came meanwhile."""
        for each in ended:
            self._waiting.popleft()
            if each.future.done():
                continue
            if each.error is None:
                each.future.set_result(each.result)
            else:
                each.future.set_exception(each.error)
        asyncio.get_running_loop().call_soon(self._turn)

    def _fail(self, error: BaseException) -> None:
        """Gives the database up for everybody who waits; the next to ask opens it again."""
        self._busy_since = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        waiting = list(self._waiting)
        self._end([_Ended(each.future, error=self._told(error)) for each in waiting])

    def _in_thread(self, do: Callable[[], object], then: Callable[[], None]) -> None:
        """Does what waits for the disk in the thread, then goes on here."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "ledger")
        future = asyncio.get_running_loop().run_in_executor(self._thread, do)

        def go_on(done: asyncio.Future[object]) -> None:
            error = done.exception()
            if error is None:
                then()
            else:
                self._fail(error)

        future.add_done_callback(go_on)

    def _open(self) -> None:
        """Connects; the file and its folder are their owner's only from the start."""
        self._prepare(self._path.parent)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path,
            timeout=self._patience_s,
            isolation_level=None,
            check_same_thread=False,  # the thread has it while it commits, the event loop else
        )
        try:
            _use_wal(connection, self._patience_s)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("BEGIN IMMEDIATE")
            _require_tables(_Statements(connection))
            connection.execute("COMMIT")
            connection.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            connection.close()
            raise
        self._connection, self._is_synchronous = connection, True

    def _told(self, error: BaseException) -> Exception:
        """The error as whoever asked hears it."""
        if isinstance(error, FlowrunError):
            return error
        if isinstance(error, OSError):
            return LedgerError(f'the ledger "{self._path}" cannot be used: {error.strerror}')
        code = _code(error)
        if code == sqlite3.SQLITE_BUSY:
            patience = f"{self._patience_s:g} s"
            return LedgerError(f'the ledger "{self._path}" was in use elsewhere for {patience}')
        if code in _DAMAGED:
            return LedgerError(f'the ledger "{self._path}" is damaged: {error}')
        return LedgerError(f'the ledger "{self._path}" cannot be used: {error}')


class _Statements:
    """A transaction on a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Mapping[str, Value] = NO_VALUES, /) -> list[Row]:
        """All rows that a statement gives."""
        return self._connection.execute(sql, values).fetchall()


def _one(connection: sqlite3.Connection, asked: _Asked) -> _Ended:
    """Runs one work so that, should it fail, nothing of it stays.

    Raises: sqlite3.Error if it is the database that fails.
    """
    connection.execute("SAVEPOINT work")
    try:
        result = asked.work(_Statements(connection))
    except sqlite3.IntegrityError as error:
        failed: Exception = LedgerError(f"the ledger refuses it: {error}")
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to whoever asked, not to the others
        failed = error
    else:
        connection.execute("RELEASE work")
        return _Ended(asked.future, result)
    connection.execute("ROLLBACK TO work")
    connection.execute("RELEASE work")
    return _Ended(asked.future, error=failed)


def _use_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Turns the log on; SQLite itself does not wait when several processes do this at once."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _require_tables(transaction: Transaction) -> None:
    if transaction.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger_version'"):
        require_known(transaction)
    else:
        create(transaction, _TRIGGERS)


def _code(error: BaseException) -> int:
    """The primary result code; 0 for what SQLite itself did not report."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
