"""What `flowrun check` says of a file, asked within this process."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from flowrun.cli.main import main


@dataclass(frozen=True, slots=True)
class Report:
    """How the command ended, and the whole of what it printed."""

    code: object
    stderr: str
    stdout: str


def check(file: str, folder: Path) -> Report:
    """The command's report on a file in a folder, seen from there; the folder is not named."""
    said, printed = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    arguments, sys.argv = sys.argv, ["flowrun", "check", file]
    code: object = None
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(printed),
        ):
            main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = arguments
    return Report(code, _text(said).replace(str(folder.resolve()), "FOLDER"), _text(printed))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
