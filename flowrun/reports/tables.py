"""Rows of text in aligned columns, within a width."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.reports.text import cell_width, fit, one_line, wrap

_GAP = "  "
_LEAST = 8


def table(rows: Sequence[Sequence[str]], headers: Sequence[str], width: int) -> str:
    """The headers, then each row; what is too wide is cut, in the last column broken.

    Every row has as many texts as there are headers. Empty headers take no line.
    """
    shown = [[one_line(text) for text in row] for row in [headers, *rows]]
    if not any(headers):
        shown = shown[1:]
    widths = [max((cell_width(row[at]) for row in shown), default=0) for at in range(len(headers))]
    _narrow(widths, width - len(_GAP) * (len(widths) - 1))
    lines = []
    for row in shown:
        first, *others = wrap(row[-1], widths[-1])
        cells = [fit(text, each) for text, each in zip(row[:-1], widths[:-1], strict=True)]
        before = "".join(each + _GAP for each in cells)
        lines += [before + first, *(" " * cell_width(before) + each for each in others)]
    return "".join(line.rstrip() + "\n" for line in lines)


def _narrow(widths: list[int], room: int) -> None:
    """Takes from the widest column until all fit, but leaves each a few characters."""
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1
