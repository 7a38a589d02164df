"""The process: runs a command, says what went wrong, and ends with its exit code.

What takes long to import is imported by `main`, which can say that it was interrupted.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

TYPE_CHECKING = False  # as in the package itself
if TYPE_CHECKING:
    from typing import NoReturn

_DONE, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130
"""Of errors.ExitCode, which `--help` need not wait for."""

_NARROWEST, _WIDEST = 40, 96
"""Columns of a help text."""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


def main() -> NoReturn:
    """Runs the command of sys.argv, and ends the process with its exit code."""
    # So short-lived a process makes little garbage; looking for it slows a wide run by per cents.
    gc.set_threshold(50_000, 20, 20)
    try:
        code = _run()
    except KeyboardInterrupt:
        code = _interrupted()
    gc.freeze()  # what is left ends with the process, and need not be looked through for cycles
    sys.exit(code)


def _run() -> int:
    from contextlib import suppress

    import click

    from flowrun.cli.commands import flowrun
    from flowrun.cli.streams import columns, open_missing

    open_missing()
    try:
        width = max(_NARROWEST, min(columns(_WIDEST), _WIDEST))
        code = flowrun.main(prog_name="flowrun", standalone_mode=False, terminal_width=width)
    except click.Abort:
        return _interrupted()
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return _USAGE
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _failed(error)
    return code if isinstance(code, int) else _DONE


def _interrupted() -> int:
    import signal
    import warnings

    from flowrun.cli.streams import say

    # A second one, while threads come to their end, ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What was interrupted while it was made complains when it is deleted.
    sys.unraisablehook = lambda _: None
    warnings.simplefilter("ignore")
    say("interrupted")
    return _INTERRUPTED


def _failed(error: Exception) -> int:
    """Says an error as its kind asks for; a fault of flowrun's own with what to report."""
    from flowrun.cli.streams import give_up_stdout, say
    from flowrun.errors import FlowrunError, PipelineError

    if isinstance(error, PipelineError):
        from flowrun.cli.show import show_diagnostics

        show_diagnostics(error.diagnostics)
        count = len(error.diagnostics)
        say(f"{count} fault{'' if count == 1 else 's'}; nothing was sent")
        return error.exit_code
    if isinstance(error, FlowrunError):
        from flowrun.reports.text import safe

        say(f"flowrun: {safe(str(error))}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
        give_up_stdout()
        say(f"flowrun: the output cannot be written: {error.strerror}")
        return _FAILED
    if _is_folder_gone():
        say("flowrun: the current folder was removed; change to another one")
        return _USAGE
    return _faulty(error)


def _faulty(error: Exception) -> int:
    from flowrun.cli.streams import say

    if os.environ.get("FLOWRUN_DEBUG"):
        raise error
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    say(
        f"flowrun: a fault of flowrun itself ({type(cause).__name__}: {cause!s:.300})\n"
        "  mend: run again with FLOWRUN_DEBUG=1 and report what it shows"
    )
    return _FAILED


def _is_folder_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib may not be imported yet
    except FileNotFoundError:
        return True
    return False


if __name__ == "__main__":
    main()
