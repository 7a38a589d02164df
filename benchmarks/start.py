"""Start-up: --help against `python -c pass`, and one step against a script that asks once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count

from benchmarks import pipelines
from benchmarks.harness import FLOWRUN, ROOT, Figure, execute, forget, median, project, run, served

PAIRS = 11


def measure() -> list[Figure]:
    """CPU seconds of whole processes, taken in turn; the first pair only warms the caches."""
    salts = count()
    with served(0) as server, project(server, pipelines.chain(1)) as folder:

        def one_step() -> float:
            return execute(folder, "-i", f"salt={next(salts)}").cpu_s

        def first_step() -> float:
            forget(folder)
            return execute(folder).cpu_s

        def once() -> float:
            return run([sys.executable, str(ROOT / "benchmarks" / "once.py"), server.url]).cpu_s

        def bare_once() -> float:
            command = [sys.executable, "-m", "benchmarks.bare", server.url]
            return run([*command, "--calls", "1", "--cold", "--transport", "pool"]).cpu_s

        def plain() -> float:
            return run([sys.executable, "-c", "pass"]).cpu_s

        def help_text() -> float:
            return run([FLOWRUN, "--help"]).cpu_s

        return [
            _ratio("flowrun --help / python -c pass, CPU", help_text, plain, 5.0),
            _ratio("one step / the bare client's script, CPU", one_step, bare_once, 1.6),
            _ratio("one step / the plainest script that asks once, CPU", one_step, once),
            _ratio("the same, of a file that was never run", first_step, once),
        ]


def _ratio(
    name: str, ours: Callable[[], float], theirs: Callable[[], float], goal: float | None = None
) -> Figure:
    pairs = [(ours(), theirs()) for _ in range(PAIRS + 1)][1:]
    mine, other = (median(column) for column in zip(*pairs, strict=True))
    note = f"{1000 * mine:.0f} ms, {1000 * other:.0f} ms"
    return Figure(name, median([a / b for a, b in pairs]), "x", goal, note)
