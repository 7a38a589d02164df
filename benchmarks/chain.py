"""A chain of 200 steps without latency: CPU a step against a bare client's CPU a call."""

from __future__ import annotations

from itertools import count

from benchmarks import pipelines
from benchmarks.harness import REPEATS, Figure, bare, execute, forget, median, project, served

LENGTH = 200
CALLS = 1000


def measure() -> list[Figure]:
    """What 199 steps add to a run of one step, for each of them, beside a bare call.

    The store is on and every answer is new. Reading and checking 200 steps counts as theirs.
    """
    salts = count()
    calls, pool_calls = [], []
    steps: list[float] = []
    first_steps: list[float] = []
    with (
        served(0) as server,
        project(server, pipelines.chain(LENGTH)) as long,
        project(server, pipelines.chain(1)) as short,
    ):
        for _ in range(REPEATS):
            calls.append(bare(server, CALLS, 1, "aiohttp")["cpu_ms"])
            pool_calls.append(bare(server, CALLS, 1, "pool")["cpu_ms"])
            forget(long)
            forget(short)
            for found in (first_steps, steps):
                flags = ("-i", f"salt={next(salts)}")
                added_s = execute(long, *flags).cpu_s - execute(short, *flags).cpu_s
                found.append(1000 * added_s / (LENGTH - 1))
    step, first_step, call, pool_call = map(median, (steps, first_steps, calls, pool_calls))
    note = f"{step:.2f} ms a step, {call:.2f} ms a call"
    return [
        Figure("chain of 200, 0 ms: CPU a step / bare call", step / call, "x", 2.5, note),
        Figure("the same, of a file that was never run", first_step / call, "x"),
        Figure(
            "the same / bare call on httpx2's own pool",
            step / pool_call,
            "x",
            note=f"{pool_call:.2f} ms a call",
        ),
    ]
