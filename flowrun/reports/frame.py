"""One picture of a run's progress as lines of styled text, for a given width and height."""

from __future__ import annotations

from flowrun.reports.activity import State, StepProgress
from flowrun.reports.naming import called
from flowrun.reports.progress import Progress
from flowrun.reports.rows import (
    BAR,
    GAP,
    NAME_AT_MOST,
    STYLES,
    Line,
    View,
    bar,
    columns,
    cost_of,
    row,
)
from flowrun.reports.text import cell_width, cut, fit, one_line, safe, wrap
from flowrun.reports.troubles import Trouble
from flowrun.reports.wording import counted, duration, nearby, size
from flowrun.run.events import OutputWritten

ENDED_BADLY: tuple[State, ...] = ("failed", "ignored", "skipped", "cancelled")
_REASON_AT_LEAST = 32
_REASON_AT_MOST = 2_000
_STREAM_LINES = 6
_ROWS_AT_END = 100
_SHORT_AT_MOST = 20


def frame(progress: Progress, view: View) -> list[Line]:
    """The picture of a run that goes on, never higher than the view."""
    totals = footer(progress, view)
    streamed = _streamed(progress, view)
    rows = max(view.height - len(streamed) - len(totals) - 2, 1)
    table = _table(progress, *window(progress, rows), view)
    return [*table, [], *totals, *streamed][: view.height]


def summary(progress: Progress, view: View) -> list[Line]:
    """The picture that stays: the table, what went wrong and why, and what was written."""
    if len(progress.steps) > _ROWS_AT_END:
        shown, rest = window(progress, max(view.height - 4, 1))
    else:
        shown, rest = window(progress, _ROWS_AT_END)
    found = [*_table(progress, shown, rest, view), [], *footer(progress, view)]
    if troubles := _troubles(progress, view.width):
        found += [[], *troubles]
    written = [each for each in progress.outputs if each.path is not None]
    if written:
        found.append([])
    for each in written:
        found += wrote(each, view.width)
    return found


def wrote(output: OutputWritten, width: int) -> list[Line]:
    """Says which file an output is in."""
    first, *others = wrap(one_line(nearby(output.path or "")), width - 8)
    found: list[Line] = [
        [(" wrote  ", "dim"), (first, "")],
        *([(" " * 8 + each, "")] for each in others),
    ]
    said = f"  {size(output.size_bytes)}"
    if 8 + cell_width([first, *others][-1]) + len(said) <= width:
        found[-1].append((said, "dim"))
    return found


def window(progress: Progress, rows: int) -> tuple[list[StepProgress], str]:
    """The steps to show in `rows` lines, and what to say of the others.

    All where they fit; else those at the top, or the last that ended and those that run, and below
    the running ones what is inside them, as far as there is room.
    """
    if progress.height <= rows:
        return progress.rows(), ""
    if len(progress.steps) <= rows:
        return _opened(list(progress.steps.values()), rows), ""
    rows = max(rows - 1, 0)
    running = list(progress.running.values())
    for_running = sum(1 + len(_running_inside(each)) for each in running)
    for_ended = max(rows - for_running, rows // 4)
    ended = list(progress.recent)[-for_ended:] if for_ended else []
    shown = running[: rows - len(ended)]
    said = (
        (len(running) - len(shown), "more running"),
        (progress.counts["waiting"], "waiting"),
        (progress.ended - len(ended), "ended before"),
    )
    rest = ", ".join(f"{count:,} {what}" for count, what in said if count)
    return _opened([*ended, *shown], rows), rest


def _opened(shown: list[StepProgress], rows: int) -> list[StepProgress]:
    """With what is inside the running ones: all of it, or what runs, or what there is room for."""
    room = rows - len(shown)
    found: list[StepProgress] = []
    for step in shown:
        found.append(step)
        if step.state == "running" and room:
            inside = list(step.rows())[1:]
            inside = inside if len(inside) <= room else _running_inside(step)[:room]
            found += inside
            room -= len(inside)
    return found


def _running_inside(step: StepProgress) -> list[StepProgress]:
    return [each for each in step.rows() if each is not step and each.state == "running"]


def footer(progress: Progress, view: View) -> list[Line]:
    """The totals: a bar if there is room, steps, time, tokens, money, and what went wrong."""
    said = _totals(progress, view.now)
    style = "red" if progress.counts["failed"] else "green"
    dot = view.look.dot
    if BAR + 3 + cell_width(dot.join(said)) <= view.width:
        return [[(" ", ""), *bar(progress.share, style, view.look), (GAP + dot.join(said), "")]]
    lines = [said[0]]
    for each in said[1:]:
        if 1 + cell_width(lines[-1] + dot + each) <= view.width:
            lines[-1] += dot + each
        else:
            lines.append(each)
    return [[(" " + line, "")] for line in lines]


def _totals(progress: Progress, now: float) -> list[str]:
    finished, tally = progress.finished, progress.tally
    seconds = finished.seconds if finished else now - progress.started_at
    said = [f"{progress.ended:,}/{len(progress.steps):,}", duration(seconds)]
    if tally.tokens:
        said.append(counted(tally.tokens, "token"))
    if cost := cost_of(tally):
        said.append(cost.replace("+", " + "))
    if tally.cached:
        said.append(f"{tally.cached:,} cached")
    for state in ENDED_BADLY:
        if progress.counts[state]:
            said.append(f"{progress.counts[state]:,} {state}")
    if finished and finished.status == "interrupted":
        said.append("interrupted")
    return said


def _table(progress: Progress, shown: list[StepProgress], rest: str, view: View) -> list[Line]:
    layout = columns(progress, view.width)
    title = cut(one_line(progress.pipeline), view.width - 1)
    found: list[Line] = [[(" " + title, "bold")]]
    found += [row(step, layout, view) for step in shown]
    if rest:
        found.append([("   " + cut(rest, view.width - 3), "dim")])
    return found


def _streamed(progress: Progress, view: View) -> list[Line]:
    """The last lines of what the longest running call has said so far."""
    asked = next(iter(progress.texts), None)
    if asked is None:
        return []
    rule = (f" {view.look.rule} ", "dim")
    text = wrap(safe(progress.texts[asked]).strip("\n"), view.width - 4)
    title = cut(one_line(called(*asked)), view.width - 1)
    return [[], [(f" {title}", "dim")], *([rule, (each, "")] for each in text[-_STREAM_LINES:])]


def _troubles(progress: Progress, width: int) -> list[Line]:
    """What went wrong, and what went on though it fell short."""
    short = [each for step in progress.steps.values() for each in step.rows() if each.unmet]
    told = [
        *progress.troubles.found,
        *(Trouble(each.name, None, "done", each.fell_short) for each in short[:_SHORT_AT_MOST]),
    ]
    names = [one_line(called(each.step, each.item)) for each in told]
    name_width = min(max(map(cell_width, names), default=0), NAME_AT_MOST, width // 3)
    found: list[Line] = []
    for each, name in zip(told, names, strict=True):
        found += _trouble(each, name, name_width, width)
    left_out = progress.troubles.left_out + len(short[_SHORT_AT_MOST:])
    if left_out:
        found.append([(f" and {left_out:,} more", "dim")])
    return found


def _trouble(trouble: Trouble, name: str, name_width: int, width: int) -> list[Line]:
    """The reason beside the name; below it where it would be squeezed."""
    indent = len(" cancelled ") + name_width + len(GAP)
    is_narrow = width - indent < _REASON_AT_LEAST
    indent = 4 if is_narrow else indent
    first, *others = wrap(safe(trouble.reason).strip()[:_REASON_AT_MOST], width - indent - 1)
    head: Line = [(f" {trouble.status:<9} ", STYLES[trouble.status])]
    if is_narrow:
        head.append((cut(name, width - 11), ""))
        others = [first, *others] if first else []
    else:
        head += [(fit(name, name_width) + GAP, ""), (first, "")]
    return [head, *([(" " * indent + each, "")] for each in others)]
