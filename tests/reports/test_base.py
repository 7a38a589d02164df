from __future__ import annotations

import io
import os

import pytest

from flowrun.reports.base import can_draw, fan_out
from flowrun.run.events import Event, StepStreamed

EVENT = StepStreamed("a", None, "text")


def test_one_reporter_is_used_as_it_is() -> None:
    heard: list[Event] = []
    report = heard.append
    assert fan_out([report]) == report


def test_all_reporters_hear_each_event_in_order() -> None:
    heard: list[tuple[int, Event]] = []
    report = fan_out(
        [lambda event: heard.append((1, event)), lambda event: heard.append((2, event))]
    )
    report(EVENT)
    assert heard == [(1, EVENT), (2, EVENT)]


def test_no_reporter_is_fine() -> None:
    fan_out([])(EVENT)


def test_a_pipe_is_not_drawn_on() -> None:
    assert not can_draw(io.StringIO(), {"TERM": "xterm"})


def test_a_closed_stream_is_not_drawn_on() -> None:
    stream = io.StringIO()
    stream.close()
    assert not can_draw(stream, {"TERM": "xterm"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({}, True),
        ({"TERM": "xterm", "CI": "false"}, True),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "unknown"}, False),
    ],
)
def test_a_capable_terminal_is_drawn_on(environ: dict[str, str], expected: bool) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert can_draw(terminal, environ) is expected
    os.close(master)
