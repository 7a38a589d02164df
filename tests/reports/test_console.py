"""The live view on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from flowrun.reports.console import Console
from flowrun.run.events import OutputWritten, RunStarted, StepStarted, StepStreamed
from tests.reports.scene import BEGUN, WHOLE

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A terminal, and everything that was written to it."""

    def __init__(self, encoding: str) -> None:
        self._master, slave = os.openpty()
        self.stream: TextIO = os.fdopen(slave, "w", encoding=encoding)
        self.raw = b""
        self._told = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str) -> None:
        with self._told:
            assert self._told.wait_for(lambda: text in self.text, timeout=20), self.text

    @property
    def text(self) -> str:
        return _ESCAPES.sub(b"", self.raw).decode(errors="replace").replace("\r\n", "\n")

    def close(self) -> None:
        self.stream.close()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                return
            with self._told:
                self.raw += found
                self._told.notify_all()


@contextmanager
def screen(encoding: str = "utf-8") -> Iterator[Screen]:
    found = Screen(encoding)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "90", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)


def whole_run(on: Screen) -> None:
    report = Console(on.stream, clock=lambda: 103.0)
    for event in WHOLE:
        report(event)
    report.close()
    on.wait_for("wrote  out/hero.png  20.3 kB\n")


def test_the_picture_moves_while_a_call_goes_on() -> None:
    now = 103.0
    with screen() as on:
        report = Console(on.stream, clock=lambda: now)
        for event in BEGUN:
            report(event)
        on.wait_for("0/5 · 3.0 s")
        now = 104.0
        on.wait_for("0/5 · 4.0 s")
        report.close()


def test_the_summary_stays() -> None:
    with screen() as on:
        whole_run(on)
        assert on.text.endswith(
            "failed    titles     1 of 4 items failed\n"
            ' skipped   page       needs "titles", which failed\n'
            " ignored   extra      no JSON:\n"
            "                        line 1\n"
            "\n"
            " wrote  out/hero.png  20.3 kB\n"
        )
        assert on.raw.endswith(b"\x1b[?25h")  # the cursor is back


def test_outputs_written_after_the_run_have_a_line_too() -> None:
    with screen() as on:
        report = Console(on.stream)
        for event in WHOLE:
            report(event)
        report(OutputWritten("late", "out/late.md", 5))
        report(OutputWritten("shown", None, 5))
        on.wait_for(" wrote  out/late.md  5 B\n")


def test_streamed_text_shows_when_asked_for() -> None:
    with screen() as on:
        report = Console(on.stream, streams_text=True)
        for event in BEGUN:
            report(event)
        on.wait_for("that shines")
        report.close()


def test_streamed_text_is_neither_obeyed_nor_read_as_markup() -> None:
    with screen() as on:
        report = Console(on.stream, streams_text=True)
        report(RunStarted("r", "p", ("[red]a[/red]",), 1.0))
        report(StepStarted("[red]a[/red]", None, ":smile:", 1.0))
        report(StepStreamed("[red]a[/red]", None, "\x1b]0;evil\x07\x1b[5mx[bold]y[/nope]\x9b2J z"))
        on.wait_for("x[bold]y[/nope] z")
        report.close()
        assert b"evil" not in on.raw
        assert b"\x1b[5m" not in on.raw
        assert ":smile:" in on.text
        assert "[red]a[/red]" in on.text


def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with screen() as on:
        whole_run(on)
        assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", on.raw)


def test_a_dumb_terminal_gets_the_summary_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with screen() as on:
        whole_run(on)
        assert b"\x1b" not in on.raw
        assert on.text.count("product-page") == 1


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    with screen("ascii") as on:
        whole_run(on)
        assert on.text.isascii()
        assert " x titles  4/4 " in on.text


def test_standard_output_stays_what_it_is() -> None:
    with screen() as on:
        before = sys.stdout
        report = Console(on.stream)
        report(BEGUN[0])
        assert sys.stdout is before
        report.close()


def test_a_run_that_never_began_draws_nothing() -> None:
    with screen() as on:
        report = Console(on.stream)
        report.close()
        report.close()
        assert on.raw == b""


def test_a_terminal_that_is_gone_does_not_end_the_run() -> None:
    before = sys.stderr
    with screen() as on:
        report = Console(on.stream)
        report(WHOLE[0])
        on.stream.close()
        for event in WHOLE[1:]:
            report(event)
        report(OutputWritten("late", "out/late.md", 5))
        report.close()
    assert sys.stderr is before
