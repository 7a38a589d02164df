"""See test_base for what it shares with every store."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.store.memory import MemoryStore


def test_the_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    store = MemoryStore()
    store.put("a", {"text": "one"})
    assert store.get("a") == {"text": "one"}
    store.close()
    assert sorted(tmp_path.rglob("*")) == before
