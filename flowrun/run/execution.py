"""One run from inputs to outputs: the schedule, the events, and what came of it all."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Literal

from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.document.plan import Plan
from flowrun.errors import BudgetReached
from flowrun.run.events import Event, RunFinished, RunStarted
from flowrun.run.job import Outcome
from flowrun.run.outputs import Delivered, Outlet
from flowrun.run.perform import Performer
from flowrun.run.schedule import Schedule
from flowrun.run.total import Total


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run.

    `outputs` holds values by name, `files` the paths written for each, `absent` why an output
    was not given. `cost_usd` is None if a part of it is not known. `partial` says that a
    failure was ignored on the file's word, `is_budget_reached` that a step failed since a call
    might have cost more than a budget had left.
    """

    run_id: str
    status: Literal["done", "failed", "interrupted"]
    outputs: Mapping[str, object]
    files: Mapping[str, tuple[str, ...]]
    absent: Mapping[str, str]
    faults: Mapping[str, str]
    steps: Mapping[str, Outcome]
    seconds: float
    partial: bool = False
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    is_budget_reached: bool = False

    @property
    def is_done(self) -> bool:
        """Whether every step did what it was to do."""
        return self.status == "done"

    def values(self) -> Mapping[str, object]:
        """The value of every step that has one."""
        return {name: each.value for name, each in self.steps.items() if each.has_value}


class Execution:
    """A run about to happen; `stop` ends it gently, `abort` at once, both while `run` goes on.

    `schedule` is what pipelines that are tools run on as well.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, object],
        performer: Performer,
        outlet: Outlet,
        *,
        keep_going: bool = False,
        run_id: str = "",
    ) -> None:
        self.run_id = run_id or new_run_id()
        self._plan = plan
        self._outlet = outlet
        self._asker = performer.asker
        self._emit: Callable[[Event], None] = performer.emit
        self._is_interrupted = False
        self.schedule = Schedule(
            plan,
            inputs,
            performer,
            performer.emit,
            concurrency=performer.asker.concurrency,
            keep_going=keep_going,
        )

    @property
    def under_way(self) -> int:
        """How many calls would be lost by an abort."""
        return self.schedule.under_way

    def stop(self) -> None:
        """Lets calls under way finish and starts no more."""
        self._is_interrupted = True
        self._asker.stop()
        self.schedule.stop()

    def abort(self) -> None:
        """Drops calls under way."""
        self.stop()
        self.schedule.abort()

    async def run(self) -> RunResult:
        """Runs the plan, then gives its outputs; failures are in the result, never raised."""
        started = time.perf_counter()
        steps = tuple(task.id for task in self._plan.tasks)
        self._emit(RunStarted(self.run_id, self._plan.name, steps, time.time()))
        outcomes = await self.schedule.run()
        delivered = self._outlet.deliver(self._plan, outcomes, self.schedule.scope)
        result = _result(
            self.run_id,
            outcomes,
            delivered,
            is_interrupted=self._is_interrupted,
            seconds=time.perf_counter() - started,
        )
        self._emit(
            RunFinished(self.run_id, result.status, result.partial, time.time(), result.seconds)
        )
        return result


def new_run_id() -> str:
    """A name that sorts by time, such as 20260131-094500-3f9a."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _result(
    run_id: str,
    outcomes: Mapping[str, Outcome],
    delivered: Delivered,
    *,
    is_interrupted: bool,
    seconds: float,
) -> RunResult:
    spent = Total()
    for outcome in outcomes.values():
        spent.add(outcome)
    failed = any(each.status in ("failed", "cancelled") for each in outcomes.values())
    status: Literal["done", "failed", "interrupted"] = "done"
    if is_interrupted:
        status = "interrupted"
    elif failed or delivered.faults:
        status = "failed"
    return RunResult(
        run_id=run_id,
        status=status,
        outputs=delivered.values,
        files={name: tuple(paths) for name, paths in delivered.files.items()},
        absent=delivered.absent,
        faults=delivered.faults,
        steps=outcomes,
        seconds=seconds,
        partial=any(each.status == "ignored" for each in outcomes.values()),
        usage=spent.usage or Usage(),
        cost_usd=spent.cost_usd,
        is_budget_reached=any(
            each.status == "failed" and isinstance(each.grave, BudgetReached)
            for each in outcomes.values()
        ),
    )
