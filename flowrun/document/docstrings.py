"""What a Python docstring says of a function and of its parameters.

Read are the three styles that people use: Google ("Args:"), reST (":param name:") and NumPy
("Parameters" underlined).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from flowrun.dataclass import dataclass

_LONGEST = 100_000
_SECTION = re.compile(r"(?:Keyword )?(?:Args|Arguments|Parameters|Params):")
_ANY_SECTION = re.compile(r"[A-Z][A-Za-z]*(?: [A-Za-z]+)?:")
_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\(.*?\))?\s*:(?:\s+(.*))?$")
_FIELD = re.compile(
    r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)"
)
_UNDERLINED = ("Parameters", "Other Parameters")
_NAMES = re.compile(r"\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*(?=\s*(?::|$))")


@dataclass(frozen=True, slots=True)
class Documented:
    """A docstring: its first paragraph as one line, and what it says of each parameter."""

    summary: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def read(docstring: str | None) -> Documented:
    """What a docstring says; None says nothing."""
    if not docstring:
        return Documented()
    lines = inspect.cleandoc(docstring[:_LONGEST]).split("\n")
    entries = (*_google(lines), *_rest(lines), *_numpy(lines))
    found = {name: text for name, text in reversed(entries) if text}
    return Documented(_summary(lines), found)


def _summary(lines: Sequence[str]) -> str:
    said: list[str] = []
    for index, line in enumerate(lines):
        is_section = _ANY_SECTION.fullmatch(line.rstrip()) and said
        if not line.strip() or line.startswith(":") or is_section or _is_headline(lines, index):
            break
        said.append(line.strip())
    return "" if said and _SECTION.fullmatch(said[0]) else " ".join(said)


def _google(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(lines):
        if _SECTION.fullmatch(line.strip()):
            body = _indented(lines, index + 1, _indent(line))
            at = _indent(body[0]) if body else 0
            for first, rest in _groups(body, at):
                if entry := _ENTRY.match(first.strip()):
                    yield entry[1], _joined((entry[2] or "", *rest))


def _rest(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(lines):
        if entry := _FIELD.match(line.strip()):
            more = []
            for each in lines[index + 1 :]:
                if not each.strip() or each.strip().startswith(":"):
                    break
                more.append(each)
            yield entry[1], _joined((entry[2], *more))


def _numpy(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(lines):
        if line.strip() not in _UNDERLINED or not _is_headline(lines, index):
            continue
        body = []
        for at in range(index + 2, len(lines)):
            if _is_headline(lines, at):
                break
            body.append(lines[at])
        for first, rest in _groups(body, _indent(line)):
            entry = _NAMES.match(first.strip())
            for name in entry[0].split(",") if entry else ():
                yield name.strip().lstrip("*"), _joined(rest)


def _is_headline(lines: Sequence[str], index: int) -> bool:
    """Whether the line is underlined."""
    below = lines[index + 1].strip() if index + 1 < len(lines) else ""
    return bool(lines[index].strip()) and len(below) >= 3 and not below.strip("-=")


def _indented(lines: Sequence[str], start: int, than: int) -> list[str]:
    """The lines from `start` on that stand further right, without blank ones."""
    found = []
    for line in lines[start:]:
        if line.strip() and _indent(line) <= than:
            break
        if line.strip():
            found.append(line)
    return found


def _groups(lines: Sequence[str], at: int) -> Iterator[tuple[str, list[str]]]:
    """Each line that is indented by `at`, with those below it that stand further right."""
    group: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if _indent(line) <= at and group:
            yield group[0], group[1:]
            group = []
        group.append(line)
    if group:
        yield group[0], group[1:]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: Sequence[str]) -> str:
    return " ".join(stripped for each in lines if (stripped := each.strip()))
