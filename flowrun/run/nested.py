"""What steps inside a step see, and what they come to: of a block, or a pipeline that is used."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from flowrun.document.plan import Plan
from flowrun.document.slots import fill
from flowrun.document.task import Block, Task
from flowrun.errors import FlowrunError, StepError
from flowrun.run.demands import unmet
from flowrun.run.inputs import ReadBytes, bind
from flowrun.run.job import Job, Outcome, lateness
from flowrun.run.level import Graph, Level
from flowrun.run.outputs import values_of
from flowrun.run.total import Total


def graph_of(task: Task) -> Graph:
    """The steps inside a block, or of the pipeline that is used."""
    if task.block is not None:
        return Graph.of(task.block.tasks, task.block.needs)
    assert task.uses is not None
    return Graph.of(task.uses.plan.tasks, task.uses.plan.needs)


def scope_of(job: Job, read_file: ReadBytes) -> Mapping[str, object]:
    """What the steps inside see: all that the block sees, or the inputs of the pipeline used.

    `read_file` reads a file under the folder of the pipeline that is run.

    Raises: FlowrunError for inputs that do not fit.
    """
    uses = job.task.uses
    if uses is None:
        return job.scope
    given = fill(uses.arguments, job.scope)
    assert isinstance(given, Mapping)
    return {"inputs": inputs_of(uses.plan, given, read_file)}


def inputs_of(
    plan: Plan, given: Mapping[str, object], read_file: ReadBytes
) -> Mapping[str, object]:
    """The inputs of a pipeline that another one uses: values, never paths of files to be read.

    Raises: UsageError.
    """

    def read_default(name: str) -> bytes:
        return read_file(f"{plan.folder}/{name}" if plan.folder else name)

    return bind(plan.inputs, given, read_default=read_default, read_given=None)


def outcome_of(level: Level, job: Job) -> Outcome:
    """What came of a job whose steps inside are all settled."""
    outcome = _together(level, job)
    if outcome.status == "failed" and job.ignores(outcome.grave):
        outcome = replace(outcome, status="ignored")
    return total_of(level).of(outcome, time.perf_counter() - level.started)


def total_of(level: Level) -> Total:
    """What the steps have cost."""
    spent = Total()
    for each in level.outcomes.values():
        spent.add(each)
    return spent


def hindrance(level: Level) -> Outcome | None:
    """Why the steps give nothing: one failed, or was not done; None if they give a value."""
    outcomes = {name: level.outcomes[name] for name in level.graph.tasks}
    for name, each in outcomes.items():
        if each.status == "failed":
            stops_run = any(other.stops_run for other in outcomes.values())
            failures = (other for other in outcomes.values() if other.status == "failed")
            grave = next((other.grave for other in failures if other.grave is not None), None)
            reason = f'step "{name}" failed: {each.reason}'
            return Outcome("failed", reason=reason, stops_run=stops_run, grave=grave)
    return next((each for each in outcomes.values() if each.status == "cancelled"), None)


def _together(level: Level, job: Job) -> Outcome:
    if level.closed_because:
        return Outcome("failed", reason=lateness(job.task))
    hindered = hindrance(level)
    if hindered is not None:
        return Outcome(
            hindered.status,
            reason=hindered.reason,
            stops_run=hindered.stops_run,
            grave=hindered.grave,
        )
    block = job.task.block
    skipped = "" if block is None else _skipped(level, block)
    if skipped:
        return Outcome("skipped", reason=skipped)
    try:
        value = _value(level, job.task)
        problem = unmet(job.task, job.scope, value)
        if problem:
            raise StepError(f"the value is not as expected: {problem}")
    except FlowrunError as error:
        return Outcome("failed", reason=str(error))
    outcomes = level.outcomes
    for name in level.graph.tasks:
        if outcomes[name].status == "ignored":
            reason = f'step "{name}" failed: {outcomes[name].reason}'
            return Outcome("ignored", value, reason=reason)
    calls = {outcomes[name].status for name in level.graph.calling}
    is_kept = "cached" in calls and calls <= {"cached", "skipped"}
    return Outcome("cached" if is_kept else "done", value)


def _skipped(level: Level, block: Block) -> str:
    """Why the whole block is skipped; nothing if it is not."""
    if all(each.status == "skipped" for each in level.outcomes.values()):
        return "all its steps were skipped"
    lacking = level.lacks(name for name, required in block.output_needs.items() if required)
    return f'its output needs "{lacking}", which was skipped' if lacking else ""


def _value(level: Level, task: Task) -> object:
    if task.uses is not None:
        return values_of(task.uses.plan, level.outcomes, level.scope)
    assert task.block is not None
    if task.block.has_output:
        return fill(task.block.output, level.scope(task.block.output_needs))
    return {name: level.outcomes[name].value for name in level.graph.tasks}
