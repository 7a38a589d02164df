"""One job done: a value, a model asked, a tool called; failures are outcomes, never raised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from flowrun.dataclass import dataclass
from flowrun.document.slots import fill
from flowrun.document.task import Ask
from flowrun.errors import (
    AccessDenied,
    BudgetReached,
    FlowrunError,
    StepError,
    StoreError,
    UnknownOutcome,
)
from flowrun.providers.resolved import Resolved
from flowrun.run import request
from flowrun.run.ask import Asker, Found, Spent, Stopped
from flowrun.run.calls import Caller
from flowrun.run.demands import unmet
from flowrun.run.events import Event, StepStarted
from flowrun.run.inputs import ReadBytes
from flowrun.run.job import Job, Outcome, failed, lateness
from flowrun.run.nested import scope_of

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Performer:
    """Does jobs; one for a run.

    `overrides` maps a step, by its way from the top, to the model asked in its file's stead.
    `read_file` reads a file under the pipeline's folder, for inputs of the pipelines it uses.
    """

    asker: Asker
    emit: Callable[[Event], None]
    overrides: Mapping[str, str]
    caller: Caller
    read_file: ReadBytes

    def compute(self, job: Job) -> Outcome:
        """What comes of a value step; no model is asked and nothing waited for."""
        started = time.perf_counter()
        try:
            value = fill(job.task.value, job.scope)
            _require(job, value)
            outcome = Outcome("done", value)
        except FlowrunError as error:
            outcome = _failed(job, error)
        seconds = time.perf_counter() - started
        if job.task.timeout_s is not None and seconds > job.task.timeout_s:
            outcome = failed(job.task, lateness(job.task))
        return replace(outcome, seconds=seconds)

    def inside(self, job: Job) -> Mapping[str, object]:
        """What the steps inside a block, or a pipeline that is used, see.

        Raises: FlowrunError for inputs that do not fit.
        """
        return scope_of(job, self.read_file)

    async def perform(self, job: Job) -> Outcome:
        """What comes of a step that asks a model or calls a tool."""
        started = time.perf_counter()
        spent = Spent()
        if job.task.call is not None:
            outcome = await self._called(job, spent)
        else:
            outcome = await self._answered(job, spent)
        return replace(
            outcome,
            usage=spent.usage,
            cost_usd=spent.cost_usd,
            seconds=time.perf_counter() - started,
        )

    async def _called(self, job: Job, spent: Spent) -> Outcome:
        self._tell(job, [])
        try:
            called = await _in_time(job, self.caller.step(job, spent))
            _require(job, called.value)
        except FlowrunError as error:
            return _failed(job, error)
        return Outcome("cached" if called.is_kept else "done", called.value)

    async def _answered(self, job: Job, spent: Spent) -> Outcome:
        resolved: list[Resolved] = []
        try:
            resolved += self._resolved(job)
            self._tell(job, resolved)
            return _done(job, await _in_time(job, self._drawn(job, resolved, spent)))
        except FlowrunError as error:
            if not resolved:
                self._tell(job, resolved)
            model = resolved[0].label if resolved else None
            return replace(_failed(job, error), model=model)

    def _tell(self, job: Job, resolved: Sequence[Resolved]) -> None:
        if not job.is_again:
            model = resolved[0].label if resolved else None
            self.emit(StepStarted(job.step, job.item, model, time.time(), job.within))

    def _resolved(self, job: Job) -> list[Resolved]:
        """The model and its fallbacks. Raises: FlowrunError for a name that leads nowhere."""
        names = request.models(_ask(job), job.scope)
        names[0] = self.overrides.get(job.step, names[0])
        return [self.asker.models.resolve(name) for name in names]

    async def _drawn(self, job: Job, resolved: list[Resolved], spent: Spent) -> list[Found]:
        """One answer, or as many independent ones as `samples` says."""
        ask = _ask(job)
        if ask.samples is None:
            return [await self.asker.answer(job, ask, resolved, sample=0, spent=spent)]
        found: dict[int, Found] = {}
        numbers = iter(range(ask.samples))

        reached: list[BudgetReached] = []

        async def draw() -> None:
            for number in numbers:
                try:
                    found[number] = await self.asker.answer(
                        job, ask, resolved, sample=number, spent=spent
                    )
                except BudgetReached as error:
                    # The others are paid for: they are waited for, and kept.
                    reached.append(error)
                    return

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(ask.samples, self.asker.concurrency)):
                    group.create_task(draw())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        if reached:
            raise reached[0]
        return [found[number] for number in range(ask.samples)]


async def _in_time(job: Job, doing: Coroutine[None, None, _Result]) -> _Result:
    """Its result within the step's `timeout`. Raises: StepError after it."""
    if job.task.timeout_s is None:
        return await doing
    try:
        async with asyncio.timeout(job.task.timeout_s) as limit:
            return await doing
    except TimeoutError as error:
        if limit.expired():
            raise StepError(lateness(job.task)) from error
        raise


def _require(job: Job, value: object) -> None:
    """Raises: StepError if the step's `expect` does not hold of its value."""
    problem = unmet(job.task, job.scope, value)
    if problem:
        raise StepError(f"the value is not as expected: {problem}")


def _ask(job: Job) -> Ask:
    assert job.task.ask is not None
    return job.task.ask


def _done(job: Job, found: Sequence[Found]) -> Outcome:
    values = [each.value for each in found]
    return Outcome(
        "cached" if all(each.is_kept for each in found) else "done",
        values[0] if _ask(job).samples is None else values,
        model=found[-1].candidate.resolved.label,
        key=found[0].candidate.key,
    )


def _failed(job: Job, error: FlowrunError) -> Outcome:
    """Why there is no value; what cannot be kept or is not allowed ends the run as well."""
    if isinstance(error, Stopped):
        return Outcome("cancelled", reason=str(error))
    if isinstance(error, StoreError):
        return Outcome("failed", reason=str(error), stops_run=True)
    grave = error if isinstance(error, BudgetReached | UnknownOutcome) else None
    if job.ignores(grave):
        return Outcome("ignored", reason=str(error))
    stops_run = isinstance(error, AccessDenied)
    return Outcome("failed", reason=str(error), stops_run=stops_run, grave=grave)
