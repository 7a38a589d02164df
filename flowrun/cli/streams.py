"""Standard output and standard error, of which either may be closed, full or gone."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def open_missing() -> None:
    """Puts the null device where a standard stream is closed.

    The next file that is opened would take its number, and what a library prints would end up
    in that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free, so its own
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays
            setattr(sys, name, stream)


def say(text: str) -> None:
    """Tells the person something, on stderr; if nobody is left to read it, that is no fault."""
    with suppress(OSError, ValueError):
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stderr.flush()


def put(data: bytes | str) -> None:
    """Gives a command's product, on stdout, as it is. Raises: OSError if it cannot be written."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode(errors="replace"))
    sys.stdout.buffer.flush()


def give_up_stdout() -> None:
    """Lets what could not be written be forgotten, or the end of the process would fail too."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def columns(otherwise: int = 160) -> int:
    """How wide a table or a drawing may be: as the terminal; without one it may be `otherwise`.

    As shutil.get_terminal_size, whose import brings the compressors along.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and 0 < int(said) < 10_000:
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or otherwise
    except (OSError, ValueError):  # a pipe, a file, or nothing that has a number
        return otherwise
