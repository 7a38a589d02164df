"""`flowrun check`: every fault of pipeline files at once; sends nothing and writes nothing."""

from __future__ import annotations

import click

from flowrun.api import examine
from flowrun.cli.show import show_diagnostics
from flowrun.cli.streams import say
from flowrun.errors import ExitCode, PipelineError, UsageError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of files that are sound.")
def check(files: tuple[str, ...], quiet: bool) -> int:
    """Report every fault of pipeline files, sending nothing.

    Templates are checked against the JSON schemas of the steps they read. Exits with 2 if a file
    has a fault; warnings alone leave 0.
    """
    errors = sum(_faults(file, is_quiet=quiet) for file in files)
    if errors:
        say(f"{errors} fault{'s' if errors > 1 else ''}")
        return ExitCode.USAGE
    return ExitCode.DONE


def _faults(file: str, *, is_quiet: bool) -> int:
    """Shows what is wrong with one file; gives how many of it are faults."""
    try:
        found = examine(file).diagnostics
    except PipelineError as error:
        found = error.diagnostics
    except UsageError as error:
        say(f"flowrun: {error}\n")
        return 1
    show_diagnostics(found)
    faults = sum(each.severity == "error" for each in found)
    if not faults and not is_quiet:
        noted = f", {len(found)} warning{'s' if len(found) > 1 else ''}" if found else ""
        say(f"{file}: sound{noted}")
    return faults
