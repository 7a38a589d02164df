"""The record of a run: its events as JSON lines in a file, written by a thread in batches."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from flowrun.digest import JsonValue
from flowrun.errors import StoreError
from flowrun.run.events import Event, StepStreamed, as_json

FORMAT = "flowrun-record/1"
"""What the first line of a record says of those that follow."""

_PAUSE_S = 0.1
_BATCH = 1_000


class Record:
    """Keeps every event but streamed text in a new file at `path`; see `read`.

    Telling it something costs one put into a queue: the thread looks there ten times a second.
    `mask` takes secrets out of every text. What cannot be written never ends a run: `close`
    says so. Folders it makes are for their owner only, and so is the file.
    """

    def __init__(self, path: Path, *, mask: Callable[[str], str] | None = None) -> None:
        self._path = path
        self._mask = mask
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._warning: str | None = None
        self._writer = threading.Thread(target=self._write, name="record", daemon=True)
        self._writer.start()

    def __call__(self, event: Event) -> None:
        """Takes in one event."""
        if self._warning is None and not isinstance(event, StepStreamed):
            self._events.put(event)

    def close(self) -> str | None:
        """Writes what is left; gives a warning if something could not be written."""
        self._ended.set()
        self._writer.join()
        return self._warning

    def _write(self) -> None:
        try:
            file = _create(self._path)
        except OSError as error:
            self._warning = _warned(self._path, error)
            return
        try:
            self._follow(file)
        except OSError as error:
            self._warning = _warned(self._path, error)
        finally:
            os.close(file)

    def _follow(self, file: int) -> None:
        size = _append(file, 0, _line({"format": FORMAT}))
        is_last = False
        while not is_last:
            is_last = self._ended.wait(_PAUSE_S)
            while batch := self._batch():
                size = _append(file, size, batch)

    def _batch(self) -> bytes:
        lines: list[bytes] = []
        while len(lines) < _BATCH:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            lines.append(_line(_masked(as_json(event), self._mask)))
        return b"".join(lines)


def read(path: Path) -> list[dict[str, JsonValue]]:
    """The events of a record, in order; a last line that was cut off is left out.

    Raises: StoreError if the file cannot be read or is not a record.
    """
    try:
        *lines, _cut_off = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StoreError(f"cannot read the record {path}: {error.strerror}") from error
    found = [_parsed(path, number, line) for number, line in enumerate(lines, start=1)]
    if not found or found[0].get("format") != FORMAT:
        raise StoreError(f'{path} is not a record of the format "{FORMAT}"')
    return found[1:]


def _parsed(path: Path, number: int, line: bytes) -> dict[str, JsonValue]:
    try:
        found = json.loads(line)
    except ValueError:  # UnicodeDecodeError is one, too
        found = None
    if not isinstance(found, dict):
        raise StoreError(f"{path}:{number}: not a line of a record")
    return found


def _create(path: Path) -> int:
    for folder in [*reversed(path.parent.parents), path.parent]:
        folder.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def _append(file: int, size: int, data: bytes) -> int:
    """Writes all of `data`, or takes back what was written of it."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        os.ftruncate(file, size)
        raise
    return size + len(data)


def _line(data: Mapping[str, JsonValue]) -> bytes:
    # A lone surrogate has no UTF-8; its backslash form is how JSON spells it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace") + b"\n"


def _masked(data: dict[str, JsonValue], mask: Callable[[str], str] | None) -> dict[str, JsonValue]:
    return data if mask is None else {name: _clean(each, mask) for name, each in data.items()}


def _clean(value: JsonValue, mask: Callable[[str], str]) -> JsonValue:
    match value:
        case str():
            return mask(value)
        case list():
            return [_clean(each, mask) for each in value]
        case _:
            return value


def _warned(path: Path, error: OSError) -> str:
    return f"the run's record {path} is incomplete: {error.strerror}"
