"""The store on disk: answers in SQLite, their blobs in files beside it.

    .flowrun/store/answers.sqlite3     the answers, with SQLite's own -wal and -shm
    .flowrun/store.damaged-1/          a damaged one, moved aside whole
    .flowrun/blobs/                    see `store.blobs`

A row is (key, answer as canonical JSON, sha256 of both), so that a flipped byte is a miss and
never wrong data.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from flowrun.digest import JsonValue, canonical
from flowrun.errors import StoreError
from flowrun.store.blobs import Blobs
from flowrun.store.folder import make_private, prepare

_VERSION = 1
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""SQLITE_ERROR is an unknown table or column: our statements are fixed, so the schema is hurt."""

_CREATE = """CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, answer BLOB NOT NULL, checksum BLOB NOT NULL
)"""
_GET = "SELECT answer, checksum FROM answers WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO answers (key, answer, checksum) VALUES (?, ?, ?)"


def _say_nothing(_message: str) -> None: ...


class SqliteStore:
    """Answers kept under a state folder; nothing is on disk before the first `put`.

    `warnings` hears of damage that was found and left behind; `patience_s` is how long another
    process's write is waited for. To be used from one thread.
    """

    __slots__ = (
        "_blobs",
        "_connection",
        "_folder",
        "_inode",
        "_path",
        "_patience_s",
        "_state",
        "_warnings",
    )

    def __init__(
        self,
        state: Path,
        *,
        warnings: Callable[[str], None] = _say_nothing,
        patience_s: float = 30.0,
    ) -> None:
        self._state = state
        self._folder = state / "store"
        self._path = self._folder / "answers.sqlite3"
        self._blobs = Blobs(state, warnings)
        self._warnings = warnings
        self._patience_s = patience_s
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def get(self, key: str) -> Mapping[str, JsonValue] | None:
        """The answer under `key`, None if there is none or it is damaged."""
        name = key.encode()
        try:
            if self._connection is None and not self._path.exists():
                return None
            row = self._connected().execute(_GET, (name,)).fetchone()
        except sqlite3.DatabaseError as error:
            self._leave_behind(error)
            return None
        except OSError as error:
            raise self._refusal(error) from error
        if row is None:
            return None
        text, checksum = row
        answer = _read(text) if _is_whole(name, text, checksum) else None
        if answer is None:
            self._warnings(f'"{self._path}": a damaged answer was found, and is asked for again')
        return answer

    def put(
        self, key: str, answer: Mapping[str, JsonValue], blobs: Mapping[str, bytes] | None = None
    ) -> None:
        """Keeps an answer with its blobs: the blobs first, then one transaction."""
        name = key.encode()
        text = canonical(answer)
        for sha256, data in (blobs or {}).items():
            self._blobs.keep(sha256, data)
        row = (name, text, _checksum(name, text))
        try:
            self._insert(row)
        except sqlite3.DatabaseError as error:
            self._leave_behind(error)
            try:
                self._insert(row)
            except sqlite3.DatabaseError as again:
                raise self._failure(again) from again

    def blob(self, sha256: str) -> bytes | None:
        """Bytes by their digest, verified; None if absent or damaged."""
        return self._blobs.read(sha256)

    def close(self) -> None:
        """Ends the store's use; a later verb opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _insert(self, row: tuple[bytes, bytes, bytes]) -> None:
        try:
            if self._connection is None:
                prepare(self._state)
                make_private(self._folder)
            self._connected().execute(_PUT, row)
        except OSError as error:
            raise self._refusal(error) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._inode = self._folder.stat().st_ino
            self._connection = _open(self._path, self._patience_s)
        return self._connection

    def _leave_behind(self, error: sqlite3.DatabaseError) -> None:
        """Moves a damaged database aside, whole, so that the next `put` begins a new one.

        Raises: StoreError if it is not damage, or cannot be moved.
        """
        if _code(error) not in _DAMAGED:
            raise self._failure(error) from error
        self.close()
        number = 1
        while (aside := self._state / f"store.damaged-{number}").exists():
            number += 1
        try:
            # Another process may have done it already: what stands here now is then a new one.
            if self._folder.stat().st_ino == self._inode:
                self._folder.rename(aside)
                self._warnings(
                    f'"{self._folder}" is damaged ({error}): it is moved to "{aside}", and what it '
                    "held is asked for again"
                )
        except FileNotFoundError:
            pass
        except OSError as refused:
            raise StoreError(
                f'"{self._folder}" is damaged and cannot be moved aside: {refused.strerror}'
            ) from refused

    def _failure(self, error: sqlite3.DatabaseError) -> StoreError:
        if _code(error) == sqlite3.SQLITE_BUSY:
            return StoreError(f'"{self._path}" was in use elsewhere for {self._patience_s:g} s')
        return StoreError(f'"{self._path}" cannot be used: {error}')

    def _refusal(self, error: OSError) -> StoreError:
        return StoreError(f'"{self._path}" cannot be used: {error.strerror}')


def _open(path: Path, patience_s: float) -> sqlite3.Connection:
    """A connection that commits each statement by itself, to a database with our table."""
    connection = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
    try:
        connection.text_factory = bytes
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise StoreError(
                f'"{path}" has format {version}, and this flowrun knows {_VERSION}: '
                "use a newer flowrun, or remove it"
            )
        if version < _VERSION:
            _create(connection, path, patience_s)
        # Safe against a kill; a power cut may cost the last answers (docs/decisions/sqlite-store).
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path, patience_s: float) -> None:
    """Makes the table; harmless when another process does the same or was killed halfway."""
    path.chmod(0o600)
    # An empty table is not worth an fsync, which would hold up whoever waits for the first answer.
    connection.execute("PRAGMA synchronous = OFF")
    _use_wal(connection, patience_s)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_CREATE)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


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


def _code(error: sqlite3.DatabaseError) -> int:
    """The primary result code; 0 for what SQLite itself did not report."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_whole(key: bytes, text: object, checksum: object) -> bool:
    return isinstance(text, bytes) and _checksum(key, text) == checksum


def _read(text: bytes) -> dict[str, JsonValue] | None:
    """The JSON object, None if it is none: a checksum proves no more than who wrote it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _checksum(key: bytes, text: bytes) -> bytes:
    return hashlib.sha256(key + b"\0" + text).digest()
