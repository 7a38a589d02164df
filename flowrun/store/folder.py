"""The state folder `.flowrun`: private to its owner, and out of git by its own word."""

from __future__ import annotations

import os
from pathlib import Path

_PRIVATE = 0o700
_ALL = b"*\n"


def prepare(folder: Path) -> None:
    """Makes the state folder with a `.gitignore` for all of it, where they are missing.

    Raises: OSError when the disk does not allow it.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    # A shorter one is what a kill before the end of its writing leaves; a link is not ours.
    if ignore.is_symlink() or (ignore.exists() and ignore.stat().st_size >= len(_ALL)):
        return
    file = os.open(ignore, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, _ALL)
    finally:
        os.close(file)


def make_private(folder: Path) -> None:
    """Makes one folder inside the state folder, which must be there. Raises: OSError."""
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
