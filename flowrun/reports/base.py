"""What a reporter is, how several hear one run, and when a terminal can be drawn on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TextIO, TypeAlias

from flowrun.run.events import Event

Reporter: TypeAlias = Callable[[Event], None]
"""Hears every event of a run in order; fast, synchronous, never raises."""


def fan_out(reporters: Iterable[Reporter]) -> Reporter:
    """One reporter that passes each event on to all of `reporters`, in their order."""
    heard = tuple(reporters)
    if len(heard) == 1:
        return heard[0]

    def report(event: Event) -> None:
        for each in heard:
            each(event)

    return report


def can_draw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """True where a live view may be drawn: a capable terminal that is not a CI's."""
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    if environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    try:
        return stream.isatty()
    except ValueError:  # the stream is closed
        return False
