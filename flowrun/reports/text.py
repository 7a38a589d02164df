"""Text made fit for a terminal: harmless, measured, cut and wrapped to a width."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate

# A whole escape sequence goes, so that its letters do not stay behind: CSI; OSC, DCS, SOS, PM and
# APC with their text; any other two-character escape. What is left of a broken one goes below.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
# Controls but newline, bidirectional overrides, lone surrogates, and the joiners that make the
# width of what they join unknowable.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def safe(text: str) -> str:
    """`text` without anything that a terminal would obey; newlines stay, tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return _UNSAFE.sub("", _ESCAPES.sub("", text.replace("\r", "\n")))


def one_line(text: str) -> str:
    """`text` made safe, with every run of white space as one space."""
    return " ".join(safe(text).split())


def cell_width(text: str) -> int:
    """The columns that `text` takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns; what is cut off shows as an ellipsis."""
    if cell_width(text) <= width:
        return text
    if width < 1:
        return ""
    return _head(text, width - 1) + "…"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` columns, cut or padded; `right` aligns it there."""
    text = cut(text, width)
    padding = " " * (width - cell_width(text))
    return padding + text if right else text + padding


def wrap(text: str, width: int) -> list[str]:
    """The lines of `text`, broken at spaces where possible, none wider than `width`."""
    found: list[str] = []
    for line in text.split("\n"):
        found += _wrapped(line.rstrip(), max(width, 2))
    return found


def _wrapped(line: str, width: int) -> list[str]:
    found = []
    while cell_width(line) > width:
        head = _head(line, width)
        space = len(head) if line[len(head)] == " " else head.rfind(" ")
        if space > len(line) - len(line.lstrip(" ")):
            head = line[:space]
        found.append(head.rstrip())
        line = line[len(head) :].lstrip(" ")
    return [*found, line]


def _head(text: str, width: int) -> str:
    return text[: bisect_right(list(accumulate(map(_char_width, text))), width)]


def _char_width(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1
