"""The live view of a run on a terminal, drawn with rich."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from flowrun.dataclass import dataclass
from flowrun.reports.frame import frame, summary, wrote
from flowrun.reports.progress import Progress
from flowrun.reports.rows import ASCII, UNICODE, Line, View
from flowrun.run.events import Event, OutputWritten, RunFinished, RunStarted

_PAUSE_S = 0.1
_DRAWING_SHARE = 20
_GONE = (OSError, ValueError)  # what writing to a terminal that went away raises


class Console:
    """Draws a run's steps while they go on, and leaves a summary behind.

    `stream` is the terminal, usually standard error; `streams_text` shows what the call
    that is watched says. `clock` gives seconds since the epoch. Close it, so that the
    cursor comes back.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        streams_text: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._console = RichConsole(file=stream, markup=False, highlight=False, emoji=False)
        self._look = UNICODE if self._console.encoding.startswith("utf") else ASCII
        self._clock = clock
        self._progress = Progress(keeps_text=streams_text)
        self._lock = threading.Lock()  # guards _progress: told in one thread, drawn in another
        self._ended = threading.Event()
        self._drawer = threading.Thread(target=self._draw, name="console", daemon=True)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            get_renderable=lambda: _Picture(self._lines()),
            redirect_stdout=False,  # or what is printed to a pipe would end up on the terminal
            vertical_overflow="crop",
        )

    def __call__(self, event: Event) -> None:
        """Takes in one event; the picture follows within a tenth of a second."""
        with self._lock:
            self._progress.apply(event, self._clock())
        match event:
            case RunStarted():
                self._start()
            case RunFinished():
                self.close()
            case OutputWritten() if self._ended.is_set() and event.path is not None:
                self._print(wrote(event, self._console.width))
            case _:
                pass

    def close(self) -> None:
        """Ends the drawing with the summary; may be called twice."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._drawer.ident is None:
            return
        self._drawer.join()
        with suppress(*_GONE):
            self._live.stop()

    def _start(self) -> None:
        with suppress(*_GONE):
            self._live.start(refresh=True)
        self._drawer.start()

    def _draw(self) -> None:
        """Draws until the end, at most ten times a second and a twentieth of the time."""
        pause = _PAUSE_S
        while not self._ended.wait(pause):
            began = time.perf_counter()
            with suppress(*_GONE):
                self._live.refresh()
            pause = max(_PAUSE_S, _DRAWING_SHARE * (time.perf_counter() - began))

    def _lines(self) -> list[Line]:
        width, height = self._console.size
        is_last = self._ended.is_set()
        view = View(self._clock(), width, height - 1, self._look, is_last)
        with self._lock:
            return (summary if is_last else frame)(self._progress, view)

    def _print(self, lines: list[Line]) -> None:
        with suppress(*_GONE):
            self._console.print(_Picture([*lines, []]))


@dataclass(frozen=True, slots=True)
class _Picture:
    """Lines as rich wants them: nothing in them is taken for markup or wrapped."""

    lines: list[Line]

    def __rich_console__(self, _: RichConsole, __: ConsoleOptions) -> Iterator[Segment]:
        for index, line in enumerate(self.lines):
            if index:
                yield Segment.line()
            for text, style in line:
                yield Segment(text, Style.parse(style))
