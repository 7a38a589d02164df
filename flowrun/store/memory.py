"""A store that lives as long as its process: nothing is read from disk or written to it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flowrun.digest import JsonValue, canonical
from flowrun.store.blobs import verify


class MemoryStore:
    """Answers and blobs in two dictionaries."""

    __slots__ = ("_answers", "_blobs")

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}

    def get(self, key: str) -> Mapping[str, JsonValue] | None:
        """The answer under `key`, None if there is none."""
        text = self._answers.get(key)
        if text is None:
            return None
        answer: dict[str, JsonValue] = json.loads(text)
        return answer

    def put(
        self, key: str, answer: Mapping[str, JsonValue], blobs: Mapping[str, bytes] | None = None
    ) -> None:
        """Keeps an answer with its blobs."""
        text = canonical(answer)
        kept = dict(blobs or {})
        for sha256, data in kept.items():
            verify(sha256, data)
        self._blobs |= kept
        self._answers[key] = text

    def blob(self, sha256: str) -> bytes | None:
        """Bytes by their digest, None if absent."""
        return self._blobs.get(sha256)

    def close(self) -> None:
        """Nothing is held open."""
