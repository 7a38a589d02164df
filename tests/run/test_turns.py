"""The journal: replies under what was said before them, intents, and results."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.digest import JsonValue
from flowrun.run.turns import Entry, Journal, Result, Turns
from flowrun.store.base import Store
from flowrun.store.memory import MemoryStore
from flowrun.store.sqlite import SqliteStore
from tests.support.running import picture
from tests.support.tooling import calling

FIRST = replace(calling(("look", '{"a": 1}'), text="well"), images=(picture("a"),))
SECOND = calling(("look", "{}"), ("no", "nonsense"))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path)


def test_replies_come_back_in_their_order(store: Store) -> None:
    turns = Turns(store, "one")
    for number, reply in enumerate((FIRST, SECOND)):
        assert turns.find(number) is None
        turns.keep(number, reply)
    again = Turns(store, "one")
    for number, reply in enumerate((FIRST, SECOND)):
        assert again.find(number) == reply
        again.keep(number, reply)
    assert again.find(2) is None
    store.close()


def test_another_conversation_has_none_of_them(store: Store) -> None:
    Turns(store, "one").keep(0, FIRST)
    assert Turns(store, "two").find(0) is None
    store.close()


def test_a_reply_that_comes_out_otherwise_is_followed_by_none_of_the_old_ones() -> None:
    store = MemoryStore()
    turns = Turns(store, "one")
    turns.keep(0, FIRST)
    turns.keep(1, SECOND)
    again = Turns(store, "one")
    again.keep(0, SECOND)
    assert again.find(1) is None


def test_a_reply_found_is_not_written_again() -> None:
    class Full(MemoryStore):
        def put(
            self,
            key: str,
            answer: Mapping[str, JsonValue],
            blobs: Mapping[str, bytes] | None = None,
        ) -> None:
            written.append(key)
            super().put(key, answer, blobs)

    written: list[str] = []
    store = Full()
    for _ in range(2):
        turns = Turns(store, "one")
        turns.find(0)
        turns.keep(0, FIRST)
    assert len(written) == 1


def test_a_damaged_reply_is_none() -> None:
    store = MemoryStore()
    Turns(store, "one").keep(0, FIRST)
    (key,) = store._answers
    store.put(key, {"text": "x", "finish_reason": "stop", "tool_calls": [{"id": 1}]})
    assert Turns(store, "one").find(0) is None


def test_a_call_is_begun_and_then_done(store: Store) -> None:
    journal = Journal(store)
    assert journal.find("k" * 64) is None
    journal.begin("k" * 64, "look")
    assert journal.find("k" * 64) == Entry("begun", Result())
    journal.finish("k" * 64, "look", Result({"shot": picture("a"), "n": [1]}))
    assert journal.find("k" * 64) == Entry("done", Result({"shot": picture("a"), "n": [1]}))
    store.close()


def test_a_failure_is_a_result() -> None:
    journal = Journal(MemoryStore())
    journal.finish("k", "look", Result(problem="no"))
    assert journal.find("k") == Entry("failed", Result(problem="no"))


@pytest.mark.parametrize(
    "kept",
    [
        {"state": "done"},
        {"state": "done", "value": None, "images": [{"place": [], "sha256": "x", "text": ""}]},
        {"state": "failed"},
        {"state": "new"},
        {},
    ],
)
def test_a_result_that_cannot_be_read_counts_as_begun(kept: Mapping[str, JsonValue]) -> None:
    store = MemoryStore()
    store.put("k", kept)
    assert Journal(store).find("k") == Entry("begun", Result())


@pytest.mark.parametrize(
    ("process", "found"),
    [(os.getppid(), os.getppid()), (os.getpid(), None), (2**40, None), (0, None), ("1", None)],
    ids=["another", "this one", "none that can be", "a group", "no number"],
)
def test_a_call_that_another_process_began_names_it(process: JsonValue, found: int | None) -> None:
    store = MemoryStore()
    store.put("k", {"state": "begun", "process": process})
    assert Journal(store).find("k") == Entry("begun", Result(), found)


def test_a_process_that_has_ended_is_not_named() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    store = MemoryStore()
    store.put("k", {"state": "begun", "process": ended.pid})
    assert Journal(store).find("k") == Entry("begun", Result())
