"""The store's protocol and policies: one place for cache, resume, replay and lock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from flowrun.digest import JsonValue


class Policy(Enum):
    """How a run treats kept answers."""

    USE = "use"
    OFF = "off"


class Store(Protocol):
    """Keeps answers under the digest of their request.

    What `put` returned from survives a kill of the process at any later moment. Any number of
    processes may use one store at once; two that ask for the same answer at the same moment may
    both pay for it, and the later `put` stands.
    All verbs raise StoreError when the disk does not do its part.
    """

    def get(self, key: str) -> Mapping[str, JsonValue] | None:
        """The answer under `key`, None if there is none or it is damaged.

        It is a fresh value, as JSON reads it back: tuples come as lists. An answer that names a
        blob which `blob` no longer has is worth nothing: its reader asks again.
        """
        ...

    def put(
        self, key: str, answer: Mapping[str, JsonValue], blobs: Mapping[str, bytes] | None = None
    ) -> None:
        """Keeps an answer with its blobs (sha256 -> bytes): whole or not at all.

        Raises: ValueError for what JSON cannot say, and for a blob under another's digest.
        """
        ...

    def blob(self, sha256: str) -> bytes | None:
        """Bytes by their digest, verified; None if absent or damaged."""
        ...

    def close(self) -> None:
        """Ends the store's use."""
        ...
