"""Bytes in files named by their own digest: written whole or not at all, verified when read.

blobs/ab/cdef…     a blob: 64 hex digits, the first two of which are the folder
blobs/tmp/…        what is being written; renamed into place when it is whole
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from flowrun.errors import StoreError
from flowrun.store.folder import make_private, prepare

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 8
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Blobs:
    """The blobs of one state folder; nothing is on disk before the first `keep`."""

    __slots__ = ("_folder", "_is_swept", "_state", "_temporary", "_warnings")

    def __init__(self, state: Path, warnings: Callable[[str], None]) -> None:
        self._state = state
        self._folder = state / "blobs"
        self._temporary = self._folder / "tmp"
        self._warnings = warnings
        self._is_swept = False

    def keep(self, sha256: str, data: bytes) -> None:
        """Writes a blob unless it is there already.

        Raises: StoreError; ValueError if `sha256` is not the digest of `data`.
        """
        verify(sha256, data)
        path = self._path(sha256)
        try:
            if not _has_size(path, len(data)):
                self._publish(path, data)
        except OSError as error:
            raise StoreError(f'cannot keep "{path}": {error.strerror}') from error

    def read(self, sha256: str) -> bytes | None:
        """A blob, None if it is absent or damaged; a damaged one is removed. Raises: StoreError."""
        if not _DIGEST.fullmatch(sha256):
            return None
        path = self._path(sha256)
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
            path.unlink(missing_ok=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f'cannot read "{path}": {error.strerror}') from error
        self._warnings(f'"{path}" was damaged: it is removed, and what it held is asked for again')
        return None

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]

    def _publish(self, path: Path, data: bytes) -> None:
        """Writes beside, then renames: again if a folder or the temporary file is gone."""
        if not self._is_swept:
            self._sweep(path.parent)
        for _ in range(_ATTEMPTS):
            temporary = self._temporary / os.urandom(8).hex()
            try:
                _write(temporary, data)
                temporary.replace(path)
                return
            except OSError as error:
                temporary.unlink(missing_ok=True)
                if not isinstance(error, FileNotFoundError):
                    raise
            self._make_folders(path.parent)
        raise FileNotFoundError(errno.ENOENT, "its folder is removed again and again")

    def _sweep(self, folder: Path) -> None:
        """Removes what killed processes left half written.

        It may hit a file that another process is writing right now, which then writes it again.
        """
        self._make_folders(folder)
        for left in self._temporary.iterdir():
            left.unlink(missing_ok=True)
        self._is_swept = True

    def _make_folders(self, folder: Path) -> None:
        prepare(self._state)
        for each in (self._folder, self._temporary, folder):
            make_private(each)


def verify(sha256: str, data: bytes) -> None:
    """Raises: ValueError if `sha256` is not the digest of `data`."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f'"{sha256}" is not the digest of these {len(data)} bytes')


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, _NEW_FILE, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
