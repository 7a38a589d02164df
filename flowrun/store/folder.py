"""The state folder `.flowrun`: private to its owner, and out of git by its own word."""

from __future__ import annotations

from pathlib import Path

_PRIVATE = 0o700


def prepare(folder: Path) -> None:
    """Makes the state folder with a `.gitignore` for all of it, where they are missing.

    Raises: OSError when the disk does not allow it.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    # An empty one is what a kill between its creation and its writing leaves.
    if not ignore.exists() or ignore.stat().st_size == 0:
        ignore.touch(mode=0o600)
        ignore.write_bytes(b"*\n")


def make_private(folder: Path) -> None:
    """Makes one folder inside the state folder, which must be there. Raises: OSError."""
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
