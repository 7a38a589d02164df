"""Kills a writer at every point where it changes the disk, and reads what is left.

Run as a program, with an empty folder: prints the number of trials, and what went wrong.
For trial n a forked child puts three answers with two blobs each, and is ended by `os._exit` at
the n-th event: before each open, write, fsync, rename or mkdir, in the middle of each write, and
at each instruction of SQLite's machine. It reports each answer that `put` returned for.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from flowrun.store.sqlite import SqliteStore

DATA = {key: [f"{key} {name}".encode() * 200 for name in "ab"] for key in "123"}
BLOBS = {key: {hashlib.sha256(each).hexdigest(): each for each in DATA[key]} for key in DATA}
KILLED = 77


class Fuse:
    """Burns by one at each event, and ends the process when it is spent."""

    def __init__(self, events: int) -> None:
        self.left = events

    def burn(self) -> int:
        self.left -= 1
        if self.left <= 0:
            os._exit(KILLED)
        return 0

    def before(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def fused(*args: Any, **named: Any) -> Any:
            self.burn()
            return verb(*args, **named)

        return fused

    def tear(self, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        def fused(descriptor: int, data: bytes) -> int:
            self.burn()
            first = write(descriptor, data[: len(data) // 2])
            self.burn()
            return first + write(descriptor, data[len(data) // 2 :])

        return fused


def fit(fuse: Fuse) -> None:
    """Puts the fuse under the operating system's verbs and SQLite's."""

    class Fused(sqlite3.Connection):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self.set_progress_handler(fuse.burn, 1)

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **named: connect(*args, factory=Fused, **named)  # type: ignore[assignment]  # as the product calls it
    for name in ("open", "fsync", "replace", "rename", "mkdir", "unlink"):
        setattr(os, name, fuse.before(getattr(os, name)))
    os.write = fuse.tear(os.write)  # type: ignore[assignment]  # a wrapper of the same shape


def child(state: Path, events: int, report: int) -> None:
    say = os.write
    fit(Fuse(events))
    store = SqliteStore(state)
    for key, blobs in BLOBS.items():
        store.put(key, {"key": key}, blobs)
        say(report, key.encode())
    os._exit(0)


def trial(state: Path, events: int) -> tuple[bool, str]:
    """Whether the child lived to its end, and the keys that it reported."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        child(state, events, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        reported = pipe.read().decode()
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), code
    return code == 0, reported


def faults(state: Path, reported: str) -> list[str]:
    """What the kill left that it may not leave."""
    found: list[str] = []
    with closing(SqliteStore(state, warnings=found.append)) as store:
        found += [f"torn: {path}" for path in (state / "blobs").glob("??/*") if is_torn(path)]
        for key, blobs in BLOBS.items():
            answer = store.get(key)
            whole = all(store.blob(name) == data for name, data in blobs.items())
            if answer is None and key in reported:
                found.append(f"lost: {key}")
            if answer is not None and not (answer == {"key": key} and whole):
                found.append(f"half there: {key}")
        for key, blobs in BLOBS.items():
            store.put(key, {"key": key}, blobs)
            if store.get(key) != {"key": key}:
                found.append(f"not kept again: {key}")
        new = b"one more"
        store.put("new", {}, {hashlib.sha256(new).hexdigest(): new})
    found += [f"left over: {path}" for path in (state / "blobs" / "tmp").iterdir()]
    if (state / ".gitignore").read_text() != "*\n":
        found.append("no .gitignore")
    return found


def is_torn(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() != path.parent.name + path.name


def main(folder: Path) -> None:
    events, lived = 0, False
    while not lived:
        events += 1
        state = folder / str(events)
        lived, reported = trial(state, events)
        for each in faults(state, reported):
            print(f"killed at event {events}: {each}")  # noqa: T201  # it is the report
    print(f"trials: {events}")  # noqa: T201  # it is the report


if __name__ == "__main__":
    main(Path(sys.argv[1]))
