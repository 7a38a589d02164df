"""`flowrun execute`: runs a pipeline; outputs go to stdout or to files, all else to stderr."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowrun.api import Options, Pipeline, constant_models, execute_async, load
from flowrun.cli.interrupt import Interrupts
from flowrun.cli.show import last_words, show_diagnostics, shown_outputs
from flowrun.cli.streams import put, say
from flowrun.cli.weights import Fetching, ensure_weights
from flowrun.document.plan import Plan
from flowrun.errors import ExitCode, PipelineError, UsageError
from flowrun.providers.router import Providers, Router
from flowrun.reports.base import Reporter, can_draw, fan_out
from flowrun.reports.plain import Plain
from flowrun.reports.record import Record
from flowrun.run.events import Event
from flowrun.run.execution import Execution, RunResult, new_run_id
from flowrun.run.inputs import Given, parse

if TYPE_CHECKING:
    from flowrun.reports.console import Console


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "-i",
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=TEXT",
    help="An input: name=text, name=@file, or name:=json. May be repeated.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="Calls under way at once (16, or as configured).",
)
@click.option(
    "--out",
    type=click.Path(),
    metavar="FOLDER",
    help="The folder of output files (out/<pipeline>).",
)
@click.option(
    "--no-cache", is_flag=True, help="Neither use answers of earlier runs nor keep new ones."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="STEP=NAME",
    help="Ask another model in this step (a.b inside step a). May be repeated.",
)
@click.option(
    "-s",
    "--select",
    multiple=True,
    metavar="STEP",
    help="Only this step and all it needs. May be repeated.",
)
@click.option(
    "-k", "--keep-going", is_flag=True, help="Try every item of a foreach though one failed."
)
@click.option(
    "--no-exec", is_flag=True, help="Refuse tools that run code on this machine, before the run."
)
@click.option(
    "--redo",
    multiple=True,
    metavar="TOOL",
    help="Call it again if an earlier call of unknown effect was cut off. May be repeated.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: outputs, files, steps, cost."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but failures.")
@click.option("--stream", is_flag=True, help="Show what models say as they say it.")
def execute(  # noqa: PLR0913 - one for each option
    file: str,
    inputs: tuple[str, ...],
    jobs: int | None,
    out: str | None,
    no_cache: bool,
    models: tuple[str, ...],
    select: tuple[str, ...],
    keep_going: bool,
    no_exec: bool,
    redo: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    stream: bool,
) -> int:
    """Run a pipeline and write its outputs.

    Outputs without a file go to stdout, everything else to stderr. An answer that was paid for once
    is not asked for again while the request stays the same: after an interruption, run again.
    """
    if out == "":
        raise UsageError('"--out" names no folder')
    options = Options(
        concurrency=jobs,
        out=out,
        cache=not no_cache,
        select=select,
        models=_overrides(models),
        keep_going=keep_going,
        may_execute=not no_exec,
        redo=redo,
        is_watched=stream,
    )
    given = parse(inputs)
    pipeline = _ready(file, options, quiet=quiet)
    _spare_the_collector()
    with redirect_stdout(sys.stderr):  # for Python tools that print
        result, code = asyncio.run(_run(pipeline, given, options, quiet=quiet))
    _show(result, as_json=as_json, keeps=options.cache, is_quiet=quiet)
    return code if code is not None else _exit_code(result)


def _ready(file: str, options: Options, *, quiet: bool) -> Pipeline:
    """The pipeline, with everything seen to that can be before a run begins."""
    pipeline = load(file)
    if not quiet:
        show_diagnostics(pipeline.warnings)
    _require_tools(pipeline.plan, options)
    _fetch_weights(pipeline, options)
    return pipeline


def _spare_the_collector() -> None:
    """Keeps the garbage collector off what was imported and planned, which lives to the end."""
    gc.freeze()


def _show(result: RunResult, *, as_json: bool, keeps: bool, is_quiet: bool) -> None:
    """Gives the outputs, then says what went wrong, even if nobody takes the outputs."""
    is_terminal = sys.stdout.isatty()
    shown = shown_outputs(result, as_json=as_json, is_terminal=is_terminal)
    if shown and is_terminal and not is_quiet:
        say("")  # sets the outputs off from what was said of the run
    try:
        put(shown)
    finally:
        for line in last_words(result, keeps=keeps, is_quiet=is_quiet):
            say(line)


def _exit_code(result: RunResult) -> ExitCode:
    if result.is_budget_reached:
        return ExitCode.BUDGET
    return ExitCode.DONE if result.is_done else ExitCode.FAILED


def _overrides(words: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        step, equals, name = word.partition("=")
        if not (equals and step and name):
            raise UsageError(f'"--model {word}" must be STEP=NAME, as in --model brief=smartest')
        if step in found:
            raise UsageError(f'"--model {step}=…" is given twice')
        found[step] = name
    return found


def _require_tools(plan: Plan, options: Options) -> None:
    """Refuses tools that may not be run, and names that no tool has, before anything is sent.

    Raises: PipelineError, UsageError.
    """
    if options.may_execute and not options.redo:
        return
    # Only who asks for it pays for what reads tools.
    from flowrun.cli.effects import refusals, require_tools

    require_tools(plan, options.redo)
    if not options.may_execute:
        refused = refusals(plan.select(options.select) if options.select else plan)
        if refused:
            raise PipelineError(refused)


def _fetch_weights(pipeline: Pipeline, options: Options) -> None:
    """Sees to the embedded model, before a run whose view would be in the way of its bar."""
    plan = pipeline.plan.select(options.select) if options.select else pipeline.plan
    router = Router(pipeline.config)
    ensure_weights(router.candidates(constant_models(plan, options.models)))


async def _run(
    pipeline: Pipeline, given: Mapping[str, Given], options: Options, *, quiet: bool
) -> tuple[RunResult, ExitCode | None]:
    """The run's result, and the exit code of the signal that ended it if one did."""
    interrupts = Interrupts()
    run_id = new_run_id()
    masker = Providers(pipeline.config, in_flight=1).masker
    reports = _Reports(
        _view(quiet=quiet, streams_text=options.is_watched),
        pipeline.config.state / "runs" / f"{run_id}.jsonl",
        masker.mask if masker.has_secrets else None,
    )

    def begin(execution: Execution) -> None:
        reports.begin()
        interrupts.watch(execution)

    options = replace(
        options,
        report=reports,
        on_start=begin,
        on_warning=_warn,
        on_fetch=Fetching(),
        run_id=run_id,
    )
    try:
        with interrupts:
            result = await execute_async(pipeline, given, options)
    finally:
        problem = reports.close()
        if problem:
            _warn(problem)
    return result, interrupts.exit_code


class _Reports:
    """What hears a run: the view, and a record from when it begins; one refused leaves none."""

    def __init__(
        self, view: Plain | Console, path: Path, mask: Callable[[str], str] | None
    ) -> None:
        self._view = view
        self._path = path
        self._mask = mask
        self._record: Record | None = None
        self._hear: Reporter = view

    def begin(self) -> None:
        """From now on there is a record."""
        self._record = Record(self._path, mask=self._mask)
        self._hear = fan_out([self._record, self._view])

    def __call__(self, event: Event) -> None:
        self._hear(event)

    def close(self) -> str | None:
        """Ends both; gives a warning if the record is not whole."""
        self._view.close()
        return None if self._record is None else self._record.close()


def _warn(text: str) -> None:
    say(f"warning: {text}")


def _view(*, quiet: bool, streams_text: bool) -> Plain | Console:
    """The live view on a terminal, lines elsewhere."""
    if quiet or not can_draw(sys.stderr, os.environ):
        return Plain(sys.stderr, quiet=quiet, streams_text=streams_text)
    # rich costs as much as a small run: only where there is a terminal to draw on.
    from flowrun.reports.console import Console

    return Console(sys.stderr, streams_text=streams_text)
