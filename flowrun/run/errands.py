"""One call of a tool, made: noted before, bounded in time, kept after, told to whoever watches."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from math import isinf
from typing import Protocol

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.plan import Plan
from flowrun.errors import BudgetReached, FlowrunError, StepError, ToolError, UnknownOutcome
from flowrun.masking import Masker
from flowrun.run import values
from flowrun.run.ask import Spent
from flowrun.run.events import Event, ToolFinished, ToolStarted
from flowrun.run.job import Job
from flowrun.run.offers import Bound
from flowrun.run.preview import preview
from flowrun.run.turns import Journal, Result
from flowrun.store.base import Store


class SubRuns(Protocol):
    """What runs a pipeline within a run."""

    async def run(
        self, plan: Plan, inputs: Mapping[str, object], *, job: Job, name: str, spent: Spent
    ) -> Mapping[str, object]:
        """The values of its outputs; `name` is its step's in events. Raises: StepError."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """A call to be made: of what, with what, on whose behalf, and where its result is kept.

    `is_told`: a model is told what came of it, failures too, so that they are kept as well.
    `place` tells it from the other calls of the same job.
    """

    bound: Bound
    arguments: Mapping[str, JsonValue]
    key: str
    job: Job
    spent: Spent
    is_told: bool = False
    place: tuple[int, ...] = ()

    @property
    def inner_job(self) -> Job:
        """The job as what is run inside of this call sees it around itself."""
        if not self.place:
            return self.job
        item = () if self.job.item is None else (self.job.item,)
        return replace(self.job, item=None, within=(*self.job.within, *item, *self.place))

    @property
    def is_once(self) -> bool:
        """Whether it may not simply be made again: a pipeline knows itself what it has done."""
        return not self.bound.facts.is_pure and self.bound.plan is None


class _Late(ToolError):
    """A tool was given up: what it has done nobody knows."""


@dataclass(slots=True)
class Errands:
    """Makes calls; one for a run. `redo` names the tools that may be called a second time."""

    store: Store
    emit: Callable[[Event], None]
    sub_runs: SubRuns
    redo: frozenset[str] = frozenset()
    masker: Masker | None = None
    _under_way: dict[str, asyncio.Event] = field(default_factory=dict)

    def known(self, errand: Errand) -> Result | None:
        """What came of it earlier, None if it is to be made. Raises: UnknownOutcome."""
        return self.all_known({errand.key: errand}).get(errand.key)

    def all_known(self, errands: Mapping[str, Errand]) -> dict[str, Result]:
        """What came of them earlier, by key, without those that are to be made.

        Raises: UnknownOutcome where some were begun, and nobody knows whether they took effect.
        """
        found: dict[str, Result] = {}
        begun: list[Errand] = []
        running: set[int] = set()
        for key, errand in errands.items():
            entry = Journal(self.store).find(key)
            if entry is None:
                continue
            if entry.state == "begun":
                begun += [errand] * errand.is_once
                running.update([] if entry.process is None else [entry.process])
            elif entry.state == "done" or errand.is_told:
                found[key] = entry.result
        if not all(each.bound.names & self.redo for each in begun):
            labels = sorted({each.bound.label for each in begun})
            raise UnknownOutcome(_unknown(labels) + _at_work(running))
        return found

    async def do(self, errand: Errand, *, keeps: bool) -> Result:
        """What comes of it now; equal pure calls at one time are made once.

        Raises: FlowrunError that is none of the tool's own failures.
        """
        if not keeps or not errand.bound.facts.is_pure:
            return await self._do(errand, keeps=keeps)
        while (other := self._under_way.get(errand.key)) is not None:
            await other.wait()
            if (known := self.known(errand)) is not None:
                self.tell_kept(errand, known)
                return known
        done = self._under_way[errand.key] = asyncio.Event()
        try:
            return await self._do(errand, keeps=True)
        finally:
            del self._under_way[errand.key]
            done.set()

    async def _do(self, errand: Errand, *, keeps: bool) -> Result:
        journal, label = Journal(self.store), errand.bound.label
        if keeps and errand.is_once:
            journal.begin(errand.key, label)
        self._tell_started(errand)
        started = time.perf_counter()
        is_known, grave = True, None
        try:
            result = Result(await self._value(errand))
        except (BudgetReached, UnknownOutcome) as error:
            result = Result(problem=str(error))
            grave = None if _is_for_model(errand, error) else error
        except StepError as error:
            result = Result(problem=self._masked(str(error)) or "it failed")
            is_known = errand.is_told or not isinstance(error, _Late)
        if keeps and is_known and (errand.is_once or not result.problem):
            journal.finish(errand.key, label, result)
        self._tell_finished(errand, result, seconds=time.perf_counter() - started)
        if grave is not None:
            raise grave
        return result

    async def _value(self, errand: Errand) -> object:
        """What the tool gives, plain and masked. Raises: StepError."""
        facts = errand.bound.facts
        try:
            async with asyncio.timeout(None if isinf(facts.timeout_s) else facts.timeout_s):
                found = await self._called(errand)
        except TimeoutError as error:
            raise _Late(f"it took longer than {facts.timeout_s:g} s") from error
        return values.plain(found, None if self.masker is None else self.masker.mask)

    async def _called(self, errand: Errand) -> object:
        bound = errand.bound
        if bound.plan is not None:
            return await self.sub_runs.run(
                bound.plan,
                errand.arguments,
                job=errand.inner_job,
                name=bound.declared.name,
                spent=errand.spent,
            )
        assert bound.implementation is not None
        return await bound.implementation.call(errand.arguments)

    # What is told

    def tell_kept(self, errand: Errand, result: Result) -> None:
        """Tells of a call whose result was there already."""
        self._tell_started(errand)
        self._tell_finished(errand, result, is_kept=True)

    def tell_refused(self, job: Job, name: str, written: str, problem: str) -> None:
        """Tells of a model's call that was not made."""
        arguments, where = preview(self._masked(written)), (job.step, job.item, preview(name))
        self.emit(ToolStarted(*where, arguments, time.time(), job.within))
        self.emit(ToolFinished(*where, True, False, 0.0, time.time(), preview(problem), job.within))

    def _tell_started(self, errand: Errand) -> None:
        job, bound = errand.job, errand.bound
        written = json.dumps(errand.arguments, ensure_ascii=False)
        arguments = preview(self._masked(written))
        self.emit(ToolStarted(job.step, job.item, bound.label, arguments, time.time(), job.within))

    def _tell_finished(
        self, errand: Errand, result: Result, *, is_kept: bool = False, seconds: float = 0.0
    ) -> None:
        job, bound = errand.job, errand.bound
        self.emit(
            ToolFinished(
                job.step,
                job.item,
                bound.label,
                bool(result.problem),
                is_kept,
                seconds,
                time.time(),
                preview(result.problem or result.value),
                job.within,
            )
        )

    def _masked(self, text: str) -> str:
        return text if self.masker is None else self.masker.mask(text)


def _is_for_model(errand: Errand, error: FlowrunError) -> bool:
    """Whether a pipeline that a model called has come to the end of a budget of its own."""
    is_own = isinstance(error, BudgetReached) and not errand.job.is_bound_by(error)
    return errand.is_told and is_own


def _at_work(processes: Collection[int]) -> str:
    """What to do first, where the run that made the calls may be another that still goes on."""
    if not processes:
        return ""
    names = " and ".join(str(each) for each in sorted(processes))
    return f"; process {names} began it and still runs: if that is a run, wait for its end"


def _unknown(tools: Sequence[str]) -> str:
    """What to do about calls of which nobody knows what became of them."""
    names = " and ".join(f'"{each}"' for each in tools)
    redo = " ".join(f"--redo {each}" for each in tools)
    if len(tools) == 1:
        return (
            f"{names} was called and its result never came, so it may have taken effect: see "
            f"whether it did; `flowrun execute … {redo}` calls it again"
        )
    return (
        f"{names} were called and their results never came, so they may have taken effect: see "
        f"whether they did; `flowrun execute … {redo}` calls them again"
    )
