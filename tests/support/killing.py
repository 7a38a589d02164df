"""Runs that end in the middle: `flowrun execute` as a process, and what is found after it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flowrun.digest import JsonValue
from flowrun.store.sqlite import SqliteStore

_PATIENCE_S = 10.0


@contextmanager
def running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`flowrun execute` in a process of its own, killed if the test ends before it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flowrun.cli.main", "execute", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was said on stderr, which is never a traceback."""
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return process.returncode, said


def files(folder: Path) -> list[Path]:
    """Every file in it, however deep."""
    return [each for each in folder.rglob("*") if each.is_file()]


def outputs(folder: Path) -> dict[str, bytes]:
    """What a project's runs have given."""
    out = folder / "out"
    return {str(each.relative_to(out)): each.read_bytes() for each in files(out)}


def left_over(folder: Path) -> list[str]:
    """Temporary files, wherever they are in a project."""
    blobs = folder / ".flowrun" / "blobs" / "tmp"
    found = [each for each in files(folder) if each.suffix == ".tmp"]
    found += [each for each in files(folder) if each.name.endswith(("-wal", "-shm"))]
    return [str(each) for each in (*found, *files(blobs))]


def processes(folder: Path) -> list[str]:
    """What still runs in a folder although it was given time to end."""
    deadline = time.monotonic() + _PATIENCE_S
    while (found := _running_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _running_in(folder: Path) -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cwd").readlink().is_relative_to(folder):
                found.append((each / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has ended, or is not ours to see
    return [each for each in found if each]


def begun(folder: Path) -> Counter[str]:
    """The tools whose calls were begun and never heard of again."""
    return Counter(str(each["tool"]) for each in kept(folder) if each.get("state") == "begun")


def is_closed(folder: Path) -> bool:
    """Whether a run has come to its end, so that another one would be a new one."""
    return {"token": ""} in kept(folder)


def kept(folder: Path) -> list[Mapping[str, JsonValue]]:
    """All that the store holds; a copy is read, itself it stays as its last run left it."""
    found = folder / ".flowrun" / "store"
    if not found.exists():
        return []
    with tempfile.TemporaryDirectory() as copy:
        state = Path(copy)
        shutil.copytree(found, state / "store")
        store = SqliteStore(state)
        try:
            return [store.get(key) or {} for key in _keys(state)]
        finally:
            store.close()


def _keys(state: Path) -> list[str]:
    connection = sqlite3.connect(state / "store" / "answers.sqlite3")
    try:
        return [key.decode() for (key,) in connection.execute("SELECT key FROM answers")]
    except sqlite3.OperationalError:
        return []  # it ended before there was a table
    finally:
        connection.close()
