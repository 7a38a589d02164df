"""Rows of text in aligned columns, within a width."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from flowrun.reports.text import cell_width, fit, one_line, wrap

_GAP = "  "
_LEAST = 8
_NOTHING = ("", "-")


def table(
    rows: Sequence[Sequence[str]],
    headers: Sequence[str],
    width: int,
    *,
    whole: Collection[str] = (),
) -> str:
    """The headers, then each row; what is too wide is cut, in the last column broken.

    Every row has as many texts as there are headers. Empty headers take no line. The columns of
    the headers `whole` are never cut, nor words of the last one broken: lines are wider instead.
    A column in which nothing stands is left out where there is not room for all.
    """
    shown = [[one_line(text) for text in row] for row in [headers, *rows]]
    if not any(headers):
        shown = shown[1:]
    widths = _widths(shown, len(headers))
    if sum(widths) > _room(widths, width) and rows:
        filled = [at for at in range(len(headers)) if _is_filled(rows, at)]
        shown = [[row[at] for at in filled] for row in shown]
        headers = [headers[at] for at in filled]
        widths = _widths(shown, len(headers))
    _narrow(widths, _leasts(shown, widths, headers, whole), _room(widths, width))
    lines = []
    for row in shown:
        first, *others = wrap(row[-1], widths[-1])
        cells = [fit(text, each) for text, each in zip(row[:-1], widths[:-1], strict=True)]
        before = "".join(each + _GAP for each in cells)
        lines += [before + first, *(" " * cell_width(before) + each for each in others)]
    return "".join(line.rstrip() + "\n" for line in lines)


def _widths(shown: Sequence[Sequence[str]], count: int) -> list[int]:
    return [max((cell_width(row[at]) for row in shown), default=0) for at in range(count)]


def _room(widths: Sequence[int], width: int) -> int:
    return width - len(_GAP) * (len(widths) - 1)


def _is_filled(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether anything stands in a column; the first one names the rows, and always stays."""
    return at == 0 or any(row[at] not in _NOTHING for row in rows)


def _leasts(
    shown: Sequence[Sequence[str]],
    widths: Sequence[int],
    headers: Sequence[str],
    whole: Collection[str],
) -> list[int]:
    """How narrow each column may become."""
    found = [each if name in whole else _LEAST for each, name in zip(widths, headers, strict=True)]
    if headers[-1] in whole:
        words = [word for row in shown for word in row[-1].split()]
        found[-1] = max(map(cell_width, words), default=0)
    return found


def _narrow(widths: list[int], leasts: Sequence[int], room: int) -> None:
    """Takes from the widest column that may become narrower, until all fit or none may."""
    while sum(widths) > room:
        free = [at for at, each in enumerate(widths) if each > leasts[at]]
        if not free:
            return
        widths[max(free, key=widths.__getitem__)] -= 1
