"""A pipeline as a tool: run while the conversation that called it, or a `call` step, waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flowrun.document.plan import Plan
from flowrun.errors import FlowrunError, StepError
from flowrun.run.ask import Spent, Stopped
from flowrun.run.inputs import ReadBytes
from flowrun.run.job import Job
from flowrun.run.nested import hindrance, inputs_of, total_of
from flowrun.run.outputs import values_of
from flowrun.run.schedule import Schedule
from flowrun.run.total import Total


class SubRuns:
    """The pipelines that tools are, within one run; `schedule` is the run's, set before it begins.

    `read_file` reads a file under the folder of the pipeline that is run.
    """

    def __init__(self, read_file: ReadBytes) -> None:
        self.schedule: Schedule | None = None
        self._read_file = read_file

    async def run(
        self, plan: Plan, inputs: Mapping[str, object], *, job: Job, name: str, spent: Spent
    ) -> Mapping[str, object]:
        """The values of the plan's outputs; `name` is the tool's, for what is told of its steps.

        Raises: StepError if there are none, or BudgetReached; Stopped after the run was stopped.
        """
        assert self.schedule is not None
        try:
            given = inputs_of(plan, inputs, self._read_file)
        except FlowrunError as error:
            raise StepError(str(error)) from error
        inside = job.inside
        place = replace(inside, prefix=f"{inside.prefix}{name}.", depth=inside.depth + 1)
        place = place.under(plan.budget_usd, f'the pipeline "{plan.path}"')
        level = await self.schedule.run_inside(plan, given, place)
        _add(total_of(level), spent)
        hindered = hindrance(level)
        if hindered is not None:
            if hindered.grave is not None:
                raise hindered.grave
            kind = Stopped if hindered.status == "cancelled" else StepError
            raise kind(hindered.reason)
        return values_of(plan, level.outcomes, level.scope)


def _add(total: Total, spent: Spent) -> None:
    """Counts what the steps have cost into what the job has."""
    if total.usage is not None:
        spent.usage = total.usage if spent.usage is None else spent.usage + total.usage
    if total.cost_usd is None or spent.cost_usd is None:
        spent.cost_usd = None
    else:
        spent.cost_usd += total.cost_usd
