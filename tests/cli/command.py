"""The command run as people run it: in this process, in one of its own, and on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import click
import pytest
from click.testing import CliRunner

from flowrun.cli.main import main
from flowrun.reports.text import safe

COMMAND = [sys.executable, "-m", "flowrun"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: its exit code, and the text of both streams."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


def flowrun(*words: str, env: Mapping[str, str | None] | None = None) -> Done:
    """Runs the command in this process."""
    with CliRunner().isolation(env=dict(env or {})) as (out, err, _):
        code = _ended(words)
        return Done(code, out.getvalue().decode(), err.getvalue().decode())


def _ended(words: tuple[str, ...]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["flowrun", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def process(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own."""
    how = {"capture_output": True, "text": True, "timeout": 60, "check": False, **how}
    found: subprocess.CompletedProcess[str] = subprocess.run([*COMMAND, *words], **how)
    return found


def started(*words: str, **how: Any) -> subprocess.Popen[bytes]:
    """Begins the command in a process of its own, with pipes for what it says."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    found: subprocess.Popen[bytes] = subprocess.Popen([*COMMAND, *words], **how)
    return found


@dataclass(slots=True)
class Terminal:
    """A terminal: what is written to `number` can be read as `raw`, or as the `text` of it."""

    number: int
    _parts: list[bytes] = field(default_factory=list)

    @property
    def raw(self) -> str:
        """Everything with its control sequences."""
        return b"".join(self._parts).decode()

    @property
    def text(self) -> str:
        """Everything without them."""
        return safe(self.raw)


@contextmanager
def terminal(columns: int = 80) -> Iterator[Terminal]:
    """A terminal of so many columns, whose other end is read until the `with` ends."""
    mine, theirs = pty.openpty()
    os.environ["COLUMNS"] = str(columns)
    found = Terminal(theirs)
    reader = threading.Thread(target=_read, args=(mine, found._parts), daemon=True)
    reader.start()
    try:
        yield found
    finally:
        del os.environ["COLUMNS"]
        os.close(theirs)
        reader.join(10)
        os.close(mine)


def _read(number: int, parts: list[bytes]) -> None:
    while True:
        try:
            part = os.read(number, 65_536)
        except OSError:  # nobody holds the other end any more
            return
        if not part:
            return
        parts.append(part)


def on_terminal(
    *words: str, columns: int = 80, env: Mapping[str, str] | None = None, is_for_both: bool = False
) -> tuple[int, str, Terminal]:
    """Runs the command in this process with a terminal for its stderr; stdout is caught.

    `is_for_both` puts stdout on the terminal as well.
    """
    with terminal(columns) as screen:
        around = {"CI": None, "TERM": "xterm", "NO_COLOR": None, **(env or {})}
        with (
            CliRunner().isolation(env=around) as (out, _, _),
            pytest.MonkeyPatch.context() as patch,
        ):
            with open(screen.number, "w", encoding="utf-8", closefd=False) as stream:
                patch.setattr(sys, "stderr", stream)
                if is_for_both:
                    patch.setattr(sys, "stdout", stream)
                code = _ended(words)
            said = out.getvalue().decode()
    return code, said, screen


def write(name: str, text: str) -> Path:
    """Writes a file, dedented, in the current folder."""
    path = Path(name)
    path.write_text(dedent(text), "utf-8")
    return path


@click.command()
@click.argument("what")
def broken(what: str) -> None:
    """Raises what no command should."""
    raise BROKEN[what]


BROKEN: dict[str, BaseException] = {
    "fault": ZeroDivisionError("nothing to divide"),
    "group": ExceptionGroup("several", [ExceptionGroup("inner", [KeyError("lost")])]),
    "interrupt": KeyboardInterrupt(),
    "abort": click.Abort(),
    "exit": click.exceptions.Exit(7),
    "full": OSError(28, "No space left on device"),
}
"""What `broken` raises, by name."""
