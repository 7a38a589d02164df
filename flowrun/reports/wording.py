"""How durations, tokens, money and sizes are said, the same in every report."""

from __future__ import annotations

import math
import os
from decimal import Decimal

_SMALLEST = Decimal("0.0001")
_ONE_ROUNDED = Decimal("0.99995")


def duration(seconds: float) -> str:
    """`1.2 s` below a minute, then `1:05 min`, then `1:02:03 h`."""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h"


def countdown(seconds: float) -> str:
    """Whole seconds, rounded up: what is still to wait."""
    return duration(math.ceil(seconds)) if seconds >= 60 else f"{max(math.ceil(seconds), 0)} s"


def money(usd: Decimal) -> str:
    """US dollars with the digits that matter: `$0`, `<$0.0001`, `$0.0042`, `$12.30`."""
    if not usd:
        return "$0"
    if usd < _SMALLEST:
        return f"<${_SMALLEST}"
    return f"${usd:.4f}" if usd < _ONE_ROUNDED else f"${usd:,.2f}"


def counted(count: int, noun: str) -> str:
    """`1 step`, `1,200 steps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(size_bytes: int) -> str:
    """`312 B`, `4.1 kB`, `2.0 MB`, in thousands."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:,.1f} GB"


def nearby(path: str) -> str:
    """A path as one would type it: relative where it lies under the current folder."""
    try:
        here = os.getcwd()  # noqa: PTH109 - a Path would cost more than the line it is for
    except OSError:  # the folder is gone
        return path
    return path.removeprefix(here.rstrip("/") + "/")
