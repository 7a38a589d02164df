"""Ctrl-C, TERM and a closed terminal: once ends a run gently, twice at once."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType

from flowrun.cli.streams import say
from flowrun.errors import ExitCode
from flowrun.run.execution import Execution

_GRACE_S = {signal.SIGINT: 30.0, signal.SIGTERM: 5.0, signal.SIGHUP: 5.0}
"""How long calls under way may take to finish: they are paid for either way."""


class Interrupts:
    """Hears signals from `watch` to the end of the `with`; the first one sets `exit_code`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.exit_code: ExitCode | None = None

    def watch(self, execution: Execution) -> None:
        """From now on signals end this execution."""
        self._loop = asyncio.get_running_loop()
        for number in _GRACE_S:
            # Under nohup a run goes on when its terminal is closed.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._loop.add_signal_handler(number, self._heard, number, execution)

    def __enter__(self) -> Interrupts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None:
            for number in _GRACE_S:
                self._loop.remove_signal_handler(number)

    def _heard(self, number: signal.Signals, execution: Execution) -> None:
        first = self.exit_code is None
        self.exit_code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        if not first:
            execution.abort()
            return
        execution.stop()
        calls = execution.under_way
        if calls:
            grace_s = _GRACE_S[number]
            what = "1 call under way gets" if calls == 1 else f"{calls} calls under way get"
            say(
                f"\nstopping: {what} {grace_s:g} s to finish, being paid for; "
                f"once more drops {'it' if calls == 1 else 'them'}"
            )
            self._timer = asyncio.get_running_loop().call_later(grace_s, execution.abort)
