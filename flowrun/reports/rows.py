"""One step of a run as one line of styled text, in columns that fit the width."""

from __future__ import annotations

from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.reports.activity import Note, State, StepProgress
from flowrun.reports.progress import Progress
from flowrun.reports.tally import Tally
from flowrun.reports.text import cell_width, cut, fit, one_line
from flowrun.reports.wording import countdown, duration, money

Span: TypeAlias = tuple[str, str]
"""A text and the style it is shown in: words that rich knows, or nothing."""
Line: TypeAlias = list[Span]

GAP = "  "
BAR = 20
NAME_AT_MOST = 32
_TIME, _TOKENS, _COST = 9, 10, 9
_TAIL_AT_LEAST = 14
STYLES: dict[State, str] = {
    "waiting": "dim",
    "running": "cyan",
    "done": "green",
    "cached": "blue",
    "skipped": "dim",
    "failed": "bold red",
    "ignored": "yellow",
    "cancelled": "yellow",
}


@dataclass(frozen=True, slots=True)
class Look:
    """The signs a picture is drawn with."""

    marks: dict[State, str]
    spinner: str
    bar: str
    dot: str
    rule: str


UNICODE = Look(
    marks={
        "waiting": "·",
        "done": "✓",
        "cached": "✓",
        "skipped": "○",
        "failed": "✗",
        "ignored": "!",
        "cancelled": "■",
    },
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    bar="━",
    dot=" · ",
    rule="│",
)
ASCII = Look(
    marks={
        "waiting": ".",
        "done": "+",
        "cached": "+",
        "skipped": "o",
        "failed": "x",
        "ignored": "!",
        "cancelled": "#",
    },
    spinner="|/-\\",
    bar="=",
    dot=", ",
    rule="|",
)


@dataclass(frozen=True, slots=True)
class View:
    """What a picture is made for: a time, a size in characters, signs, and whether it stays."""

    now: float
    width: int
    height: int
    look: Look = UNICODE
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is; 0 leaves it out."""

    name: int
    items: int
    time: int
    tokens: int
    cost: int
    tail: int


def columns(progress: Progress, width: int) -> Columns:
    """Divides `width`: what there is no room for is left out, the least needed first."""
    name = min(progress.name_width, NAME_AT_MOST, max(width * 2 // 5, 8), max(width - 4, 1))
    most, times = progress.most_items, progress.most_times
    items = max(
        0 if most is None else 2 * len(f"{most:,}") + 1,
        len(f"{times:,}") + 1 if times > 1 else 0,
    )
    left = width - 3 - name
    wanted = [_TIME, items, _COST, _TOKENS]
    given = []
    for each in wanted:
        fits = bool(each) and left >= each + len(GAP)
        given.append(each if fits else 0)
        left -= (each + len(GAP)) if fits else 0
    tail = left - len(GAP)
    return Columns(name, given[1], given[0], given[3], given[2], tail * (tail >= _TAIL_AT_LEAST))


def row(step: StepProgress, layout: Columns, view: View) -> Line:
    """The line of one step."""
    running = step.state == "running"
    spinner = view.look.spinner
    mark = spinner[int(view.now * 8) % len(spinner)] if running else view.look.marks[step.state]
    quiet = "dim" if step.state in ("waiting", "skipped") else ""
    line: Line = [
        (f" {mark} ", STYLES[step.state]),
        (fit(step.title, layout.name), quiet),
    ]
    if running and step.note and not layout.tail:
        room = view.width - 3 - layout.name - len(GAP)
        return [*line, (GAP, ""), (_said(step.note, view.now, room), "yellow")]
    for text, width, style in _cells(step, layout, view):
        if width:
            line.append((GAP + fit(text, width, right=True), style))
    return [*line, (GAP, ""), *_tail(step, layout.tail, view)] if layout.tail else line


def bar(share: float, style: str, look: Look) -> Line:
    """How much is reached, from 0 to 1, `BAR` wide."""
    full = int(BAR * share)
    return [(look.bar * full, style), (look.bar * (BAR - full), "dim")]


def cost_of(tally: Tally) -> str:
    """What is known of the cost; `?` stands for what nobody knows."""
    known = "" if tally.cost_usd is None else money(tally.cost_usd)
    if not tally.is_cost_unknown:
        return known
    return f"{known}+?" if tally.cost_usd else "?"


def _counted(step: StepProgress) -> str:
    """How many items it has done, or how often it was run."""
    if step.items is not None:
        return f"{step.items_ended:,}/{step.items:,}"
    return f"{step.times:,}x" if step.times > 1 else ""


def _cells(step: StepProgress, layout: Columns, view: View) -> list[tuple[str, int, str]]:
    running = step.state == "running"
    has_time = running or step.state not in ("waiting", "skipped", "cached")
    tokens = step.tally.tokens
    said = f"{tokens:,} tok" if tokens < 100_000 else f"{tokens // 1000:,}k tok"
    cost = "cached" if step.state == "cached" else cost_of(step.tally)
    return [
        (_counted(step), layout.items, "cyan" if running else ""),
        (
            duration(step.elapsed(view.now)) if has_time else "",
            layout.time,
            "cyan" if running else "",
        ),
        (said if tokens else "", layout.tokens, "dim"),
        (cost, layout.cost, "blue" if cost == "cached" else "dim"),
    ]


def _tail(step: StepProgress, width: int, view: View) -> Line:
    """The model, and behind it what there is room for: a note, a bar, the value or a reason."""
    model = cut(one_line(step.model), width)
    left = width - cell_width(model) - len(GAP) * bool(model)
    head = (model + GAP * bool(model), "dim")
    if step.state == "running":
        if step.note:
            said = _said(step.note, view.now, width)
            return [head, (said, "yellow")] if cell_width(said) <= left else [(said, "yellow")]
        if step.items and left >= BAR:
            style = "red" if step.items_failed else "cyan"
            return [head, *bar(step.items_ended / step.items, style, view.look)]
    text = one_line(step.preview or ("" if view.is_last else step.reason))
    return [head, (cut(text, left), "")] if left >= _TAIL_AT_LEAST else [(model, "dim")]


def _said(note: Note, now: float, width: int) -> str:
    """The note in `width`; its reason is cut before its countdown is."""
    reason = one_line(note.reason)
    if note.until is None:
        return cut(f"sent back: {reason}", width)
    if note.until <= now:
        return cut(f"again after {reason}", width)
    end = f", again in {countdown(note.until - now)}"
    return cut(reason, max(width - len(end), 0)) + cut(end, width)
