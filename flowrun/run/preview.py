"""A value in one short line, for people who watch a run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from flowrun.chat.images import Image

_WIDTH = 80
_MOST = 6


def preview(value: object) -> str:
    """The value's first words; an image by its size. Never longer than a line."""
    text = "" if value is None else _short(value, 3)
    line = " ".join(text[: _WIDTH * 4].split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def _short(value: object, depth: int) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return value[: _WIDTH * 4]
        case Image():
            return f"{value.mime_type} {value.width} x {value.height}"
        case Mapping() if depth:
            pairs = islice(value.items(), _MOST)
            shown = [f"{name}: {_short(each, depth - 1)}" for name, each in pairs]
            return "{" + ", ".join(shown) + (", …}" if len(value) > _MOST else "}")
        case list() | tuple() if depth:
            shown = [_short(each, depth - 1) for each in value[:_MOST]]
            return "[" + ", ".join(shown) + (", …]" if len(value) > _MOST else "]")
        case list() | tuple() | Mapping():
            return "…"
        case _:
            return str(value)[: _WIDTH * 4]
