"""Places in a text: lines and columns, and where each character of a decoded scalar was written."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from flowrun.dataclass import dataclass
from flowrun.errors import Diagnostic, Mark

_BREAK = re.compile(r"\r\n?|\n")
_LONGEST_EXCERPT = 10_000


@dataclass(frozen=True, slots=True)
class Misprint:
    """A fault at a character of a text, counted from 0, which has no line and column yet."""

    at: int
    message: str
    code: str
    why: str = ""
    mend: str = ""
    length: int = 1


class Places:
    """The lines of a text; `path` is its name in messages. Lines and columns count from 1."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def _starts(self) -> array[int]:
        """Where each line starts: found when a place is first asked for, most often never."""
        starts = array("L", [0])
        starts.extend(found.end() for found in _BREAK.finditer(self.text))
        return starts

    def mark(self, at: int) -> Mark:
        """The place of a character; what lies past the end is the end."""
        at = min(at, len(self.text))
        line = bisect_right(self._starts, at)
        return Mark(self.path, line, at - self._starts[line - 1] + 1)

    def line_start(self, at: int) -> int:
        """Where the line of a character starts."""
        return self._starts[bisect_right(self._starts, at) - 1]

    def excerpt(self, line: int) -> str:
        """A line without its end; of one that runs on for pages, the beginning."""
        if not 1 <= line <= len(self._starts):
            return ""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        return self.text[start : min(end, start + _LONGEST_EXCERPT)].rstrip("\r\n")

    def excerpt_at(self, mark: Mark) -> str:
        """The line of a mark, or nothing where the mark is beyond what is shown."""
        return self.excerpt(mark.line) if mark.column <= _LONGEST_EXCERPT else ""

    def diagnostic(self, misprint: Misprint) -> Diagnostic:
        """The misprint with its line, column and source line."""
        mark = self.mark(misprint.at)
        return Diagnostic(
            mark,
            misprint.message,
            misprint.code,
            why=misprint.why,
            mend=misprint.mend,
            excerpt=self.excerpt_at(mark),
            length=misprint.length,
        )


_FOLD = r"(?P<fold>[ \t]*+(?:\r\n?|\n)[ \t\r\n]*)"
_FLOW = {
    "": re.compile(rf"{_FOLD}|(?P<many>[ \t]+|[^ \t\r\n]+)"),
    "'": re.compile(rf"{_FOLD}|(?P<one>'')|(?P<many>[ \t]+|[^' \t\r\n]+|.)"),
    '"': re.compile(
        r"(?P<joined>\\(?:\r\n?|\n)[ \t\r\n]*)"
        r"|(?P<one>\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.))"
        rf"|{_FOLD}|(?P<many>[ \t]+|[^\\ \t\r\n]+|.)"
    ),
}


def aligned(text: str, start: int, end: int, style: str, value: str) -> Iterator[int]:
    """Where in `text` each character of the scalar written at [start, end) stands.

    `style` is the mark that opens it, `'`, `"`, `|` or `>`, and nothing for plain text. `value`
    is the decoded scalar: it tells what folding left of the line breaks.
    """
    if style in ("|", ">"):
        return _block(text, start, end, value)
    if style:
        return _flow(text, start + 1, end - 1, _FLOW[style])
    return _flow(text, start, end, _FLOW[""])


def _flow(text: str, start: int, end: int, token: re.Pattern[str]) -> Iterator[int]:
    """Plain and quoted text: one break is a blank, of more the first is lost."""
    for found in token.finditer(text, start, end):
        if found.lastgroup == "many":
            yield from range(*found.span())
        elif found.lastgroup == "one":
            yield found.start()
        else:
            breaks = [each.start() for each in _BREAK.finditer(text, *found.span())]
            is_blank = found.lastgroup == "fold" and len(breaks) == 1
            yield from breaks if is_blank else breaks[1:]


def _block(text: str, start: int, end: int, value: str) -> Iterator[int]:
    """Literal and folded text: indented lines below a header of their own."""
    lines = _lines(text, start, end)[1:]
    indent = _indent(text, lines, value)
    done = 0
    breaks: list[int] = []
    for first, last in lines:
        content = min(first + indent, last)
        if content < last:
            kept = breaks[: _separators(value, done)]
            yield from kept
            yield from range(content, last)
            done += len(kept) + last - content
            breaks = []
        breaks.append(last)
    yield from breaks[: len(value) - done]


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where each line of [start, end) starts, and where its break stands."""
    lines = []
    for found in _BREAK.finditer(text, start, end):
        lines.append((start, found.start()))
        start = found.end()
    return [*lines, (start, end)] if start < end else lines


def _indent(text: str, lines: list[tuple[int, int]], value: str) -> int:
    """How many blanks YAML took off each line: as many as the first line with text lost."""
    for first, last in lines:
        written = text[first:last]
        if written.strip(" "):
            left = value.lstrip("\n")
            return _blanks(written) - _blanks(left)
    return 0


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def _separators(value: str, done: int) -> int:
    """How many characters of `value` at `done` stand for line breaks."""
    end = done
    while value.startswith("\n", end):
        end += 1
    return end - done if end > done else int(value.startswith(" ", done))
