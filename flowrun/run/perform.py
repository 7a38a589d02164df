"""One job done: a value computed, or a model asked; failures are outcomes, never raised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowrun.document.slots import fill
from flowrun.document.task import Ask
from flowrun.errors import AccessDenied, FlowrunError, StepError, StoreError
from flowrun.providers.router import Resolved
from flowrun.run import request
from flowrun.run.ask import Asker, Found, Spent, Stopped, unmet
from flowrun.run.events import Event, StepStarted
from flowrun.run.job import Job, Outcome


@dataclass(frozen=True, slots=True)
class Performer:
    """Does jobs; one for a run. `overrides` maps a step to the model asked in its file's stead."""

    asker: Asker
    emit: Callable[[Event], None]
    overrides: Mapping[str, str] = field(default_factory=dict)

    def compute(self, job: Job) -> Outcome:
        """What comes of a value step; no model is asked and nothing waited for."""
        started = time.perf_counter()
        try:
            value = fill(job.task.value, job.scope)
            problem = unmet(job.task, job.scope, value)
            if problem:
                raise StepError(f"the value is not as expected: {problem}")
            outcome = Outcome("done", value)
        except FlowrunError as error:
            outcome = _failed(job, error)
        seconds = time.perf_counter() - started
        if job.task.timeout_s is not None and seconds > job.task.timeout_s:
            outcome = _failed(job, _too_long(job))
        return replace(outcome, seconds=seconds)

    async def perform(self, job: Job) -> Outcome:
        """What comes of a step that asks a model."""
        started = time.perf_counter()
        spent = Spent()
        resolved: list[Resolved] = []
        try:
            resolved += self._resolved(job)
            self._tell(job, resolved)
            outcome = _done(job, await self._in_time(job, resolved, spent))
        except FlowrunError as error:
            if not resolved:
                self._tell(job, resolved)
            outcome = _failed(job, error)
        return replace(
            outcome,
            model=outcome.model or (resolved[0].label if resolved else None),
            usage=spent.usage,
            cost_usd=spent.cost_usd,
            seconds=time.perf_counter() - started,
        )

    def _tell(self, job: Job, resolved: Sequence[Resolved]) -> None:
        model = resolved[0].label if resolved else None
        self.emit(StepStarted(job.task.id, job.item, model, time.time()))

    def _resolved(self, job: Job) -> list[Resolved]:
        """The model and its fallbacks. Raises: FlowrunError for a name that leads nowhere."""
        names = request.models(_ask(job), job.scope)
        names[0] = self.overrides.get(job.task.id, names[0])
        return [self.asker.models.resolve(name) for name in names]

    async def _in_time(self, job: Job, resolved: list[Resolved], spent: Spent) -> list[Found]:
        try:
            async with asyncio.timeout(job.task.timeout_s) as limit:
                return await self._drawn(job, resolved, spent)
        except TimeoutError as error:
            if limit.expired():
                raise _too_long(job) from error
            raise

    async def _drawn(self, job: Job, resolved: list[Resolved], spent: Spent) -> list[Found]:
        """One answer, or as many independent ones as `samples` says."""
        ask = _ask(job)
        if ask.samples is None:
            return [await self.asker.answer(job, ask, resolved, sample=0, spent=spent)]
        found: dict[int, Found] = {}
        numbers = iter(range(ask.samples))

        async def draw() -> None:
            for number in numbers:
                found[number] = await self.asker.answer(
                    job, ask, resolved, sample=number, spent=spent
                )

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(ask.samples, self.asker.concurrency)):
                    group.create_task(draw())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [found[number] for number in range(ask.samples)]


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


def _too_long(job: Job) -> StepError:
    return StepError(f"took longer than {job.task.timeout_s:g} s")


def _failed(job: Job, error: FlowrunError) -> Outcome:
    """Why there is no value; what cannot be kept or is not allowed ends the run as well."""
    if isinstance(error, Stopped):
        return Outcome("cancelled", reason=str(error))
    if isinstance(error, StoreError):
        return Outcome("failed", reason=str(error), stops_run=True)
    if job.task.ignores_errors:
        return Outcome("ignored", reason=str(error))
    return Outcome("failed", reason=str(error), stops_run=isinstance(error, AccessDenied))
