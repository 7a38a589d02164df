"""What a run leaves on stdout, and the last words on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from flowrun.cli.streams import say
from flowrun.errors import Diagnostic
from flowrun.reports.base import can_draw
from flowrun.reports.text import one_line, safe
from flowrun.run.execution import RunResult
from flowrun.run.outputs import as_bytes, plain

_NAMED = 3


def shown_outputs(result: RunResult, *, as_json: bool, is_terminal: bool = False) -> bytes:
    """The bytes for stdout: one JSON object, or the outputs that have no file.

    A lone output stands by itself, so that it can be piped; of several each has its name above.
    A terminal obeys nothing that a model said.
    """
    shown = _outputs(result, as_json=as_json)
    return safe(shown.decode(errors="replace")).encode() if is_terminal else shown


def _outputs(result: RunResult, *, as_json: bool) -> bytes:
    if as_json:
        text = json.dumps(summary(result), indent=2, ensure_ascii=False)
        # A lone surrogate has no UTF-8; its backslash form is how JSON spells it.
        return (text + "\n").encode(errors="backslashreplace")
    loose = {name: each for name, each in result.outputs.items() if name not in result.files}
    if len(loose) == len({*result.outputs, *result.absent, *result.faults}) == 1:
        return _with_end(as_bytes(next(iter(loose.values()))))
    parts = [name.encode() + b":\n" + _with_end(as_bytes(each)) for name, each in loose.items()]
    return b"\n".join(parts)


def _with_end(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def summary(result: RunResult) -> dict[str, object]:
    """A run as `--json` prints it."""
    return {
        "run": result.run_id,
        "status": result.status,
        "partial": result.partial,
        "budget_reached": result.is_budget_reached,
        "outputs": {name: plain(value) for name, value in result.outputs.items()},
        "files": {name: list(paths) for name, paths in result.files.items()},
        "absent": dict(result.absent) | dict(result.faults),
        "steps": {
            name: {
                "status": each.status,
                "model": each.model,
                "seconds": round(each.seconds, 3),
                "cost_usd": None if each.cost_usd is None else str(each.cost_usd),
                **({"reason": each.reason} if each.reason else {}),
            }
            for name, each in result.steps.items()
        },
        "usage": result.usage.as_json(),
        "cost_usd": None if result.cost_usd is None else str(result.cost_usd),
        "seconds": round(result.seconds, 3),
    }


def last_words(result: RunResult, *, keeps: bool, is_quiet: bool = False) -> list[str]:
    """What a person should know when a run did not give everything; `keeps` if answers are.

    `is_quiet` leaves out what is no failure.
    """
    lines = [f'output "{name}": {reason}' for name, reason in result.faults.items()]
    if not (is_quiet and result.is_done):
        lines += [
            f'output "{name}" was not given: {reason}' for name, reason in result.absent.items()
        ]
    kept = ": what was answered is kept" if keeps else ""
    if result.status == "interrupted":
        lines.append(f"interrupted; run the same command again to go on{kept}")
    elif result.status == "failed":
        mend = "mend it"
        if result.is_budget_reached:
            mend = "a budget was reached: raise it"
        lines.append(f"failed{_where(result)}; {mend} and run again{kept}")
    elif result.partial:
        lines.append("partial: a failure was ignored, as the file says")
    return [one_line(each) for each in lines]


def _where(result: RunResult) -> str:
    """The steps that failed; their reasons were shown when they did."""
    failed = [name for name, each in result.steps.items() if each.status == "failed"]
    if len(failed) > _NAMED:
        return f" in {len(failed)} steps ({', '.join(failed[:_NAMED])}, …)"
    if failed:
        return f" in {'step' if len(failed) == 1 else 'steps'} {', '.join(failed)}"
    return ""


def show_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Prints faults on stderr, in colour on a terminal that has it."""
    if not diagnostics:
        return
    if can_draw(sys.stderr, os.environ) and not os.environ.get("NO_COLOR"):
        from flowrun.reports.diagnostics import coloured

        text = coloured(diagnostics)
    else:
        text = "\n\n".join(str(each) for each in diagnostics)
    say(text + "\n")
