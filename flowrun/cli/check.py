"""`flowrun check`: every fault of pipeline files at once; sends nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import click

from flowrun.api import examine
from flowrun.cli.effects import listed, refusals
from flowrun.cli.show import show_diagnostics
from flowrun.cli.streams import say
from flowrun.document.plan import Plan
from flowrun.errors import Diagnostic, ExitCode, PipelineError, UsageError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of files that are sound.")
@click.option(
    "--no-exec", is_flag=True, help="A tool that would run code on this machine is a fault."
)
def check(files: tuple[str, ...], quiet: bool, no_exec: bool) -> int:
    """Report every fault of pipeline files, sending nothing.

    Templates are checked against the JSON schemas of the steps they read, and what tools would run
    or fetch is listed; nothing is run. Exits with 2 if a file has a fault; warnings alone leave 0.
    """
    errors = sum(_faults(file, is_quiet=quiet, may_execute=not no_exec) for file in files)
    if errors:
        say(f"{errors} fault{'s' if errors > 1 else ''}")
        return ExitCode.USAGE
    return ExitCode.DONE


def _faults(file: str, *, is_quiet: bool, may_execute: bool) -> int:
    """Shows what is wrong with one file; gives how many of it are faults."""
    try:
        found, plan = _examined(file, may_execute=may_execute)
    except UsageError as error:
        say(f"flowrun: {error}\n")
        return 1
    show_diagnostics(found)
    faults = sum(each.severity == "error" for each in found)
    if plan is not None and not faults and not is_quiet:
        noted = f", {len(found)} warning{'s' if len(found) > 1 else ''}" if found else ""
        say(f"{file}: sound{noted}")
        for line in listed(plan):
            say(f"  {line}")
    return faults


def _examined(file: str, *, may_execute: bool) -> tuple[Sequence[Diagnostic], Plan | None]:
    """The faults and warnings of a file, and its plan if it is sound. Raises: UsageError."""
    try:
        checked = examine(file)
    except PipelineError as error:
        return error.diagnostics, None
    plan = checked.plan
    if plan is None or may_execute:
        return checked.diagnostics, plan
    return (*checked.diagnostics, *refusals(plan)), plan
