"""Gateway keys: made once, kept as a keyed hash, and looked up for each request.

What stands in the ledger is HMAC-SHA256 of the key under a pepper that is not in it: who reads
the ledger can neither use a key nor tell whose a guessed one is. A key is 256 random bits, so
that a slow hash would protect nothing more.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from flowrun.errors import FlowrunError, LedgerError, UsageError
from flowrun.gateway.base import Account, Ledger
from flowrun.gateway.faults import Fault
from flowrun.store.folder import prepare

_PREFIX = "fr-"
_SECRET_BYTES = 32
_MOST_CHARACTERS = 256
"""Of an `Authorization` header: what is longer is refused before it is looked at."""

_MOST_KNOWN = 10_000
_MOST_UNKNOWN = 1_000
_PEPPER = "FLOWRUN_KEY_PEPPER"
_PEPPER_FILE = "key-pepper"
_PEPPER_LEAST = 16
_K = TypeVar("_K")


def new_key() -> str:
    """A new secret key: "fr-" and 43 characters."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def fingerprint(key: str, pepper: bytes) -> str:
    """What the ledger keeps of a key."""
    return hmac.digest(pepper, key.encode(), hashlib.sha256).hex()


def read_pepper(state: Path, environ: Mapping[str, str]) -> bytes:
    """The secret that fingerprints are made with, which is made at the first call.

    FLOWRUN_KEY_PEPPER where it is set, as for several gateways that share a ledger, else a
    file in the state folder. Whoever loses it has to make all keys anew.

    Raises: UsageError if the variable is too short, LedgerError if the file cannot be used.
    """
    said = environ.get(_PEPPER, "")
    if said:
        if len(said) < _PEPPER_LEAST:
            raise UsageError(f"{_PEPPER} must have at least {_PEPPER_LEAST} characters")
        return said.encode("utf-8", "surrogateescape")
    path = state / _PEPPER_FILE
    try:
        if not path.exists():
            _write_once(path)
        pepper = path.read_bytes()
    except OSError as error:
        raise LedgerError(f'"{path}" cannot be used: {error.strerror}') from error
    if len(pepper) < _PEPPER_LEAST:
        raise LedgerError(f'"{path}" is damaged: without it no key is known')
    return pepper


def _write_once(path: Path) -> None:
    """Writes a new pepper, whole, unless another process was faster."""
    prepare(path.parent)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secrets.token_hex(_SECRET_BYTES).encode())
        os.fsync(file)
        if not path.exists():
            os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        os.close(file)
        beside.unlink()


class Keyring:
    """Knows which account a key belongs to.

    What the ledger said is believed for `fresh_s`, so a key that is revoked is refused after so
    long at most. `now` is in seconds, from any start.
    """

    def __init__(
        self, ledger: Ledger, pepper: bytes, *, now: Callable[[], float], fresh_s: float = 1.0
    ) -> None:
        self._ledger = ledger
        self._pepper = pepper
        self._now = now
        self._fresh_s = fresh_s
        self._known: dict[str, tuple[float, Account]] = {}
        self._unknown: dict[str, tuple[float, None]] = {}
        self._asked: dict[str, asyncio.Future[Account | None]] = {}
        self._open_until = float("-inf")
        self._has_keys = False

    async def account(self, authorization: str | None) -> Account:
        """The account of a request's `Authorization` header.

        Raises: Fault 401 for a key that is missing, malformed, unknown or revoked, which nobody
        can tell apart; LedgerError.
        """
        key = _presented(authorization)
        if key is None:
            raise _refusal()
        mark = fingerprint(key, self._pepper)
        found = await self._look_up(mark)
        # The look-up is by index; this comparison does not tell how much of a guess was right.
        is_right = hmac.compare_digest(mark, mark if found is None else found.fingerprint)
        if found is None or not is_right or found.is_revoked:
            raise _refusal()
        return found

    async def is_open(self) -> bool:
        """Whether the ledger never had a key: then everybody is let in. Raises: LedgerError."""
        asked_at = self._now()
        if self._has_keys or asked_at < self._open_until:
            return not self._has_keys
        self._has_keys = bool(await self._ledger.standings())
        self._open_until = asked_at + self._fresh_s
        return not self._has_keys

    async def _look_up(self, mark: str) -> Account | None:
        """What the ledger says, or said just now; many who ask at once are one question."""
        while True:
            kept = self._known.get(mark) or self._unknown.get(mark)
            if kept is not None and self._now() < kept[0]:
                return kept[1]
            asked = self._asked.get(mark)
            if asked is None:
                return await self._ask(mark)
            await asyncio.wait([asked])
            if not asked.cancelled():
                return asked.result()

    async def _ask(self, mark: str) -> Account | None:
        asked = self._asked[mark] = asyncio.get_running_loop().create_future()
        until = self._now() + self._fresh_s
        try:
            found = await self._ledger.find(mark)
        except FlowrunError as error:
            asked.set_exception(error)
            asked.exception()  # heard, even if nobody else waits for it
            raise
        else:
            asked.set_result(found)
        finally:
            asked.cancel()  # whoever waits asks itself, where this caller has gone
            del self._asked[mark]
        self._known.pop(mark, None)
        self._unknown.pop(mark, None)
        if found is None:
            _keep(self._unknown, mark, (until, None), _MOST_UNKNOWN)
        else:
            _keep(self._known, mark, (until, found), _MOST_KNOWN)
        return found


def _presented(authorization: str | None) -> str | None:
    """The key in a header; None if there is none that could be one."""
    if authorization is None or len(authorization) > _MOST_CHARACTERS:
        return None
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key or not key.isascii():
        return None
    return key.strip()


def _refusal() -> Fault:
    message = "the API key is missing or not valid: send it as Authorization: Bearer fr-..."
    return Fault(401, message, code="invalid_api_key")


def _keep(cache: dict[str, _K], mark: str, kept: _K, most: int) -> None:
    """Puts an entry in, and the oldest out where there are too many."""
    cache[mark] = kept
    if len(cache) > most:
        del cache[next(iter(cache))]
