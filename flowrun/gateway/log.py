"""The server's log: a line on stderr for each completion that failed, or for every one.

    2026-11-23T09:30:00Z 502 mine/m 0.131s key=ann id=4f… mine cannot be reached at …

A line never holds what a model was asked, and always is one: whatever cannot be printed is a
space. What uvicorn warns of, and a failure that nobody foresaw, goes the same way.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.gateway.faults import Fault
from flowrun.providers.wording import brief

LogKind: TypeAlias = Literal["none", "faults", "all"]
LOG_KINDS: tuple[LogKind, ...] = ("none", "faults", "all")
_LOGGERS = ("uvicorn.error", "flowrun.gateway", "asyncio")
_LONGEST = 600
_LONGEST_NAME = 100
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """A completion that is over; `model` is the one that answered, else the one asked for."""

    status: int
    model: str
    seconds: float
    key: str
    id: str
    fault: Fault | None = None


def to_stderr(line: str) -> None:
    """Writes a line, if anybody still reads."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class Log:
    """What is told of completions, and where it is written."""

    def __init__(
        self,
        kind: LogKind = "faults",
        *,
        write: Callable[[str], object] = to_stderr,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._kind = kind
        self._write = write
        self._now = now

    def wants(self, fault: Fault | None) -> bool:
        """Whether a completion that ended with this fault, or well, is told."""
        if self._kind != "faults":
            return self._kind == "all"
        return fault is not None and (
            fault.status >= _SERVER_ERROR or fault.is_provider or fault.is_owners
        )

    def ended(self, ended: Ended) -> None:
        """Tells of a completion."""
        model = brief(ended.model, limit=_LONGEST_NAME) or "-"
        about = f"{ended.status} {model} {ended.seconds:.3f}s key={ended.key or '-'} id={ended.id}"
        self.line(about if ended.fault is None else f"{about} {ended.fault.said}")

    def line(self, text: str) -> None:
        """Writes one line, with its time."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        self._write(f"{at} {brief(text, limit=_LONGEST)}")

    def hear(self) -> None:
        """Takes over what the server's libraries warn of."""
        handler = _Handler(self)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers = [handler]
            logger.propagate = False


class _Handler(logging.Handler):
    """Passes warnings on as lines, without what an exception says: it may hold a request."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record as a line."""
        kind = record.exc_info[0] if record.exc_info else None
        what = f": {kind.__name__}" if kind is not None else ""
        self._log.line(f"{record.levelname.lower()} {record.getMessage()}{what}")
