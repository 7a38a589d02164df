"""What the desk of the shop does; each call is written down in calls.txt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def note(text: str, stars: int = 1) -> str:
    """Keeps a note.

    Args:
        text: What is to be kept.
        stars: How important it is.
    """
    _write_down("note", text, str(stars))
    return f"noted {text}"


def read(path: str) -> str:
    """Reads a note by its path under notes/."""
    _write_down("read", path)
    file = (_HERE / "notes" / path).resolve()
    if not file.is_relative_to(_HERE / "notes"):
        raise ValueError(f"{path} is none of the notes")
    return file.read_text("utf-8")


def order(number: str, **more: Any) -> dict[str, Any]:
    """Looks up an order, with whatever is known of it."""
    _write_down("order", number, *sorted(more))
    return {"number": number, **more}


def leak() -> str:
    """Tells the keys, as careless code does."""
    return f"{os.environ['SHOP_API_KEY']} {os.environ['DESK_KEY']}"


def fail(text: str) -> str:
    """Never works, and says with what."""
    raise ValueError(f"{text}: {os.environ['SHOP_API_KEY']}")


def much(kind: str) -> object:
    """Far too much, or what is no data."""
    _write_down("much", kind)
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    found: dict[str, object] = {
        "long": "x" * 30_000_000,
        "wide": [0] * 3_000_000,
        "deep": deep,
        "none": object(),
        "nan": float("nan"),
        "half": "\ud83d",
        "bytes": b"GIF89a" + bytes(100),
    }
    return found[kind]


def _write_down(*words: str) -> None:
    with (_HERE / "calls.txt").open("a", encoding="utf-8", newline="") as file:
        file.write("".join(f"{each}\x1f" for each in words) + "\x1e")
