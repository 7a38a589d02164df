"""What is done at once, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.document.task import Task
from flowrun.run.events import Status


@dataclass(frozen=True, slots=True)
class Job:
    """A task with its inputs: the whole step, or one item of its `foreach`."""

    task: Task
    item: int | None
    scope: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job, or of a whole step.

    `model` is "provider/model" as asked for, `key` the digest of the request. `cost_usd` is
    None where nobody knows; an answer from the store costs nothing. `blocked` is true for a
    step that was skipped because one it needs had failed; `stops_run` for a failure after which
    no request would fare better.
    """

    status: Status
    value: object = None
    reason: str = ""
    model: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    seconds: float = 0.0
    key: str | None = None
    blocked: bool = False
    stops_run: bool = False

    @property
    def has_value(self) -> bool:
        """Whether later steps can use it."""
        return self.status in ("done", "cached", "ignored")

    def facts(self) -> Mapping[str, object]:
        """What templates read of it as `run.<step>`."""
        usage = self.usage or Usage()
        return {
            "model": self.model,
            "status": self.status,
            "seconds": self.seconds,
            "cost": None if self.cost_usd is None else float(self.cost_usd),
            "usage": {
                "input_tokens": usage.input_tokens,
                "cache_read_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
                "output_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
            },
        }
