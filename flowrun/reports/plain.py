"""A run as plain lines, for logs and pipes: one when a step ends, no colour, no drawing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from flowrun.reports.activity import StepProgress
from flowrun.reports.naming import Asked, called, instance
from flowrun.reports.progress import Progress
from flowrun.reports.tally import Tally
from flowrun.reports.text import cell_width, fit, one_line, safe
from flowrun.reports.wording import counted, duration, money, nearby, size
from flowrun.run.events import (
    Event,
    OutputWritten,
    RunFinished,
    RunStarted,
    StepFinished,
    StepRepaired,
    StepRetried,
    StepRound,
    StepStreamed,
    ToolFinished,
    ToolStarted,
)

_STATUS = 9
_NAME_AT_MOST = 32
_MODEL_AT_MOST = 48
_RETRIES_SHOWN = 10
_LINE_AT_MOST = 4_000


class Plain:
    """Writes a line to `stream` for each step that ends, is retried or fails.

    `quiet` leaves only failures; `streams_text` adds what models say, line by line, behind
    the step's name. Nothing is held back but unfinished lines of streamed text.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        streams_text: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stream = stream
        self._quiet = quiet
        self._streams_text = streams_text and not quiet
        self._clock = clock
        self._progress = Progress()
        self._texts: dict[Asked, str] = {}
        self._name_width = 0
        self._model_width = 0

    def __call__(self, event: Event) -> None:
        """Takes in one event, and writes its line if it has one."""
        if isinstance(event, StepStreamed):
            if self._streams_text:
                self._streamed(event)
            return
        if isinstance(event, StepFinished):
            reason = self._progress.troubles.news(event) if event.reason else ""
            self._progress.apply(event, self._clock())
            self._finished(event, reason)
            return
        self._progress.apply(event, self._clock())
        if not self._quiet:
            self._tell(event)

    def close(self) -> None:
        """Writes what is left of streamed text."""
        for step, item in list(self._texts):
            self._flush(step, item)

    def _tell(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begun(event)
            case StepRetried():
                self._retried(event)
            case StepRepaired():
                self._flush(instance(event), event.item)
                self._line("repair", instance(event), event.item, one_line(event.reason))
            case StepRound() | ToolStarted() | ToolFinished():
                self._flush(instance(event), event.item)
                self._done_within(event)
            case OutputWritten() if event.path is not None:
                self._write(
                    f"{'wrote':<{_STATUS}} {one_line(nearby(event.path))}  {size(event.size_bytes)}"
                )
            case RunFinished():
                self._ended(event)
            case _:
                pass

    def _begun(self, event: RunStarted) -> None:
        self._name_width = min(self._progress.name_width, _NAME_AT_MOST)
        self._write(f"{one_line(event.pipeline)}: {counted(len(event.steps), 'step')}")

    def _done_within(self, event: StepRound | ToolStarted | ToolFinished) -> None:
        """Tells a round or a tool of a step; of one that is run many times they are not told."""
        if event.within or event.item is not None:
            return
        if isinstance(event, StepRound):
            self._line("round", event.step, None, f"{event.number}: {one_line(event.preview)}")
            return
        tool = one_line(event.tool)
        if isinstance(event, ToolStarted):
            self._line("calls", event.step, None, f"{tool}  {one_line(event.arguments)}")
            return
        said = one_line(("failed: " if event.is_error else "") + event.preview)
        took = "" if event.is_kept else f"{duration(event.seconds)}  "
        self._line("kept" if event.is_kept else "result", event.step, None, f"{tool}  {took}{said}")

    def _retried(self, event: StepRetried) -> None:
        self._flush(instance(event), event.item)
        retries = self._progress.row(event.step).retries
        if retries > _RETRIES_SHOWN:
            return
        text = f"{one_line(event.reason)}, again in {event.delay_s:.1f} s"
        if retries == _RETRIES_SHOWN:
            text += "; further retries of this step are only counted"
        self._line("retry", instance(event), event.item, text)

    def _finished(self, event: StepFinished, reason: str) -> None:
        name = instance(event)
        self._flush(name, event.item)
        is_failure = event.status in ("failed", "ignored")
        is_one_of_many = event.item is not None or bool(event.within)
        if not is_failure and (self._quiet or is_one_of_many):
            return
        step = self._progress.row(event.step)
        if event.status == "skipped":
            self._line("skipped", name, None, one_line(event.reason))
            return
        facts = _item_facts(event) if is_one_of_many else _step_facts(step)
        model = one_line(("" if step.is_sum else event.model) or step.model)
        self._model_width = max(self._model_width, min(cell_width(model), _MODEL_AT_MOST))
        shown = [fit(model, self._model_width), *facts] if self._model_width else facts
        self._line(event.status, name, event.item, "  ".join(shown))
        self._below(reason if event.status in ("failed", "ignored", "cancelled") else "")
        if step.above is None and event.item is None:
            self._fell_short(step)

    def _fell_short(self, step: StepProgress) -> None:
        """Tells what it went on without, and what the steps inside it did."""
        for each in step.rows():
            if each.unmet:
                name = "" if each is step else f"{one_line(each.name)}: "
                self._below(name + each.fell_short)

    def _below(self, text: str) -> None:
        for line in safe(text).strip().split("\n") if text else ():
            self._write(f"{'':{_STATUS}} {line}".rstrip())

    def _ended(self, event: RunFinished) -> None:
        progress = self._progress
        total = len(progress.steps)
        status = "partial" if event.partial and event.status == "done" else event.status
        ended = progress.ended
        if event.status != "done":  # whoever reads "3 of 3" under a failure takes them for failed
            ended = sum(progress.counts[state] for state in ("done", "cached", "ignored"))
        facts = [f"{ended:,} of {counted(total, 'step')} in {duration(event.seconds)}"]
        facts += _facts(progress.tally)
        if progress.tally.cached:
            facts.append(f"{progress.tally.cached:,} cached")
        for state in ("failed", "ignored", "skipped", "cancelled"):
            if progress.counts[state]:
                facts.append(f"{progress.counts[state]:,} {state}")
        self._write(f"{status}: {', '.join(facts)}")

    def _streamed(self, event: StepStreamed) -> None:
        key = instance(event), event.item
        *lines, rest = (self._texts.get(key, "") + event.text).split("\n")
        while len(rest) > _LINE_AT_MOST:
            lines.append(rest[:_LINE_AT_MOST])
            rest = rest[_LINE_AT_MOST:]
        self._texts[key] = rest
        for line in lines:
            self._write(f"{one_line(called(*key))} | {safe(line)}".rstrip())

    def _flush(self, step: str, item: int | None) -> None:
        rest = self._texts.pop((step, item), "")
        if rest:
            self._write(f"{one_line(called(step, item))} | {safe(rest)}")

    def _line(self, word: str, step: str, item: int | None, text: str) -> None:
        name = one_line(called(step, item))
        width = max(self._name_width, cell_width(name) * (item is None))
        self._name_width = min(width, _NAME_AT_MOST)
        padding = " " * (self._name_width - cell_width(name))
        self._write(f"{word:<{_STATUS}} {name}{padding}  {text}".rstrip())

    def _write(self, line: str) -> None:
        """Writes one line; a stream that is gone or cannot spell it must not end the run."""
        with suppress(OSError, ValueError):
            encoding = self._stream.encoding or "utf-8"
            line = line.encode(encoding, "backslashreplace").decode(encoding)
            self._stream.write(line + "\n")
            self._stream.flush()


def _step_facts(step: StepProgress) -> list[str]:
    facts = []
    if step.items is not None:
        facts.append(f"{step.items_ended - step.items_failed:,}/{step.items:,} items")
    if step.state != "cached":
        facts.append(duration(step.seconds))
    facts += _facts(step.tally)
    if step.retries:
        facts.append("1 retry" if step.retries == 1 else f"{step.retries:,} retries")
    return facts


def _item_facts(event: StepFinished) -> list[str]:
    tally = Tally()
    tally.add(event)
    return [duration(event.seconds), *_facts(tally)]


def _facts(tally: Tally) -> list[str]:
    facts = [counted(tally.tokens, "token")] if tally.tokens else []
    if tally.cost_usd is not None:
        facts.append(money(tally.cost_usd) + (" + ?" if tally.is_cost_unknown else ""))
    elif tally.is_cost_unknown:
        facts.append("cost ?")
    return facts
