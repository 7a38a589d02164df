"""The faults of a file as a terminal shows them: the same text as elsewhere, in colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowrun.errors import Diagnostic
from flowrun.reports.text import safe

_BOLD, _DIM, _RED, _YELLOW, _CYAN = "1", "2", "1;31", "1;33", "36"


def coloured(diagnostics: Iterable[Diagnostic]) -> str:
    """Every diagnostic as `str` gives it, with its place, its fault and its remedy set off."""
    return "\n\n".join("\n".join(_lines(each)) for each in diagnostics)


def _lines(diagnostic: Diagnostic) -> Iterator[str]:
    colour = _RED if diagnostic.severity == "error" else _YELLOW
    head, *others = safe(str(diagnostic)).split("\n")
    place = safe(f"{diagnostic.mark}:")
    message, bracket, code = head.removeprefix(place).rpartition(" [")
    yield _in(_BOLD, place) + _in(colour, message) + _in(_DIM, bracket + code)
    for line in others:
        text = line.strip()
        if text and not text.strip("^"):
            yield _in(colour, line)
        elif line.startswith("  mend: "):
            yield "  " + _in(_CYAN, "mend:") + line.removeprefix("  mend:")
        elif line.startswith("  why:  "):
            yield "  " + _in(_DIM, "why:") + line.removeprefix("  why:")
        else:
            yield line


def _in(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if text else ""
