"""What is done at once, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.document.task import Task
from flowrun.errors import BudgetReached, FlowrunError
from flowrun.run.budget import Budget, opened
from flowrun.run.events import Status


@dataclass(frozen=True, slots=True)
class Place:
    """Where a graph of tasks stands in a run: what its labels begin with, and what is around it.

    `depth` counts the conversations around it, which have called it as a tool. `budget` is the
    innermost that holds there.
    """

    prefix: str = ""
    within: tuple[int, ...] = ()
    rounds: tuple[int, ...] = ()
    depth: int = 0
    budget: Budget | None = field(default=None, compare=False)

    def label(self, step: str) -> str:
        """The way of one of its steps from the top of the run."""
        return self.prefix + step

    def under(self, limit_usd: Decimal | None, whose: str) -> Place:
        """The same place under a budget of its own, where there is one."""
        if limit_usd is None:
            return self
        return replace(self, budget=opened(limit_usd, whose, self.budget))


TOP = Place()


@dataclass(frozen=True, slots=True)
class Job:
    """A task with its inputs: the whole step, one item of its `foreach`, or one round of either.

    `label` is its way from the top of the run (`recipes.picture`), "" for a step at the top.
    `within` counts the items and rounds around it, from outside in, from 0. `rounds` are the
    numbers, from 0, of the `repeat` rounds that it is part of, its own last. `depth` counts the
    conversations around it. `budget` is the innermost that holds it, its step's own if it has one.
    """

    task: Task
    item: int | None
    scope: Mapping[str, object]
    label: str = ""
    within: tuple[int, ...] = ()
    rounds: tuple[int, ...] = ()
    depth: int = 0
    budget: Budget | None = field(default=None, compare=False)

    @property
    def step(self) -> str:
        """The name that events and messages give it."""
        return self.label or self.task.id

    @property
    def is_again(self) -> bool:
        """Whether it is a round after the first, so that it was told to have started."""
        return self.task.repeat is not None and self.rounds[-1] > 0

    @property
    def inside(self) -> Place:
        """The place of the steps inside it."""
        within = self.within if self.item is None else (*self.within, self.item)
        if self.task.repeat is not None:
            within = (*within, self.rounds[-1])
        return Place(f"{self.step}.", within, self.rounds, self.depth, self.budget)

    def ignores(self, error: FlowrunError | None) -> bool:
        """Whether the file says to go on after it; never where a budget around it is reached."""
        outer = self.budget
        if outer is not None and self.task.budget_usd is not None:
            outer = outer.outer
        return self.task.ignores_errors and not _is_reached(outer, error)

    def is_bound_by(self, error: FlowrunError) -> bool:
        """Whether it says that a budget is reached that holds the job itself."""
        return _is_reached(self.budget, error)


def _is_reached(budget: Budget | None, error: FlowrunError | None) -> bool:
    """Whether the budget, or one around it, is the one that is reached."""
    if budget is None or not isinstance(error, BudgetReached):
        return False
    return budget.is_within(error.budget)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job, or of a whole step.

    `model` is "provider/model" as asked for, `key` the digest of the request. `cost_usd` is
    None where nobody knows; an answer from the store costs nothing. `blocked` is true for a
    step that was skipped because one it needs had failed; `stops_run` for a failure after which
    no request would fare better. `grave` is the error behind a failure that is more than the
    step's own: a budget was reached, or nobody knows what a call has done.
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
    grave: FlowrunError | None = field(default=None, compare=False)

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


def failed(task: Task, reason: str) -> Outcome:
    """A failure, ignored where the file says so."""
    return Outcome("ignored" if task.ignores_errors else "failed", reason=reason)


def lateness(task: Task) -> str:
    """Why a step that has a `timeout` was ended by it."""
    return f"took longer than {task.timeout_s:g} s"
