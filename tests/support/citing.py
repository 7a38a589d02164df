"""Sentences of a page that tests cite, and which words of it nobody cites."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., object])

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^##? (?:(\d+)\. )?.*$", re.MULTILINE)
_TABLE_HEAD = re.compile(r"^\|.*\|\n\|[-| ]+\|$", re.MULTILINE)
_BLANKS = re.compile(r"^- |(?<!\\)\|", re.MULTILINE)
_MARKS = re.compile(r"\\(?=\|)|\*\*|`|\]\([^)]*\)|\[(?=[\w.]+\]\()")
_WORD = re.compile(r"\w")


class Cited(NamedTuple):
    """Words of a section, such as "§3", that a test shows to be true."""

    section: str
    words: str


def says(section: str, *quotes: str) -> Callable[[F], F]:
    """Marks a test with what it shows: words of a section as they stand there.

    A `…` within the words stands for what another test shows.
    """

    def mark(function: F) -> F:
        pieces = [piece for quote in quotes for piece in quote.split(" … ")]
        cited = function.__dict__.setdefault("cites", [])
        cited += [Cited(section, plain(piece)) for piece in pieces]
        return function

    return mark


def cited(modules: Iterable[ModuleType]) -> Iterator[tuple[str, Cited]]:
    """What the tests of the modules cite, each with the test's name."""
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("test_"):
                for each in getattr(value, "cites", ()):
                    yield f"{module.__name__}.{name}", each


def sections(page: str) -> Mapping[str, str]:
    """The text of a page by section, without examples; "§0" is what stands before the first."""
    text = _TABLE_HEAD.sub("", _FENCED.sub("", page))
    found: dict[str, str] = {}
    name, start = "§0", 0
    for heading in _HEADING.finditer(text):
        found[name] = f"{found.get(name, '')} {plain(text[start : heading.start()])}".strip()
        name = f"§{heading[1]}" if heading[1] else name
        start = heading.end()
    found[name] = f"{found.get(name, '')} {plain(text[start:])}".strip()
    return found


def plain(text: str) -> str:
    """Words without marks of form, blanks and line breaks as one blank."""
    return " ".join(_MARKS.sub("", _BLANKS.sub(" ", text)).split())


def left_over(text: str, quotes: Iterable[str]) -> list[str]:
    """The stretches of a text that no quote covers."""
    covered = bytearray(len(text))
    for quote in quotes:
        for place in re.finditer(rf"(?<!\w){re.escape(quote)}(?!\w)", text):
            covered[place.start() : place.end()] = b"\1" * len(quote)
    stretches = "".join(
        each if not is_covered else "\0" for each, is_covered in zip(text, covered, strict=True)
    )
    return [each.strip() for each in stretches.split("\0") if _WORD.search(each)]
