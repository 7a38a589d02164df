"""A block of three steps for each of 2,000 items, 64 in flight: its rate, and its memory."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pipelines
from benchmarks.harness import (
    Figure,
    Served,
    bare,
    execute,
    forget,
    median,
    project,
    run,
    served,
)

ITEMS, STEPS = 2000, 3
IN_FLIGHT = 64
LATENCY_MS = 50.0
SLOW_ITEMS, SLOW_MS = 320, 400.0
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Runs:
    """Spans over the ideal one, and CPU a call, ours and the bare client's; memory an item."""

    ours: list[float]
    theirs: list[float]
    cpu_ms: list[float]
    bare_cpu_ms: list[float]
    grown_kb: list[float]


def measure() -> list[Figure]:
    """With as many calls under way as may be, a call takes its latency over their number."""
    fast = _runs(ITEMS, LATENCY_MS)
    slow = _runs(SLOW_ITEMS, SLOW_MS)
    ratio = median([mine / bare_s for mine, bare_s in zip(fast.ours, fast.theirs, strict=True)])
    cpu = f"{median(fast.cpu_ms):.2f} ms CPU a step, bare {median(fast.bare_cpu_ms):.2f} ms"
    return [
        Figure(
            "block of 3 for 2,000, 64 in flight, 50 ms: span / ideal",
            median(fast.ours),
            "x",
            1.11,
            _rates(fast),
        ),
        Figure("the same / bare", ratio, "x", note=cpu),
        Figure(
            "block of 3 for 320, 64 in flight, 400 ms: span / ideal",
            median(slow.ours),
            "x",
            1.11,
            _rates(slow),
        ),
        Figure("memory of a finished item", median(fast.grown_kb), "kB", 20),
    ]


def _rates(runs: Runs) -> str:
    return f"{1 / median(runs.ours):.2f} of the ideal rate, bare {1 / median(runs.theirs):.2f}"


def _runs(items: int, latency_ms: float) -> Runs:
    calls = items * STEPS
    ideal_s = calls * latency_ms / 1000 / IN_FLIGHT
    found = Runs([], [], [], [], [])
    with served(latency_ms) as server, project(
        server, pipelines.blocks(), in_flight=IN_FLIGHT
    ) as folder:  # fmt: skip
        execute(folder, "-i", "count:=1")  # so that the file's form is checked
        for _ in range(REPEATS):
            server.reset()
            client = bare(server, calls, IN_FLIGHT, "aiohttp", "--cold")
            found.bare_cpu_ms.append(client["cpu_ms"])
            found.theirs.append(_span_s(server, calls) / ideal_s)
            forget(folder)
            server.reset()
            cost = execute(folder, "-j", str(IN_FLIGHT), "-i", f"count:={items}")
            found.ours.append(_span_s(server, calls) / ideal_s)
            found.cpu_ms.append(1000 * cost.cpu_s / calls)
            forget(folder)
            found.grown_kb.append(_grown_kb(folder, items))
    return found


def _span_s(server: Served, calls: int) -> float:
    """First request to last answer, as the endpoint sees it."""
    stats = server.stats()
    if stats["answered"] != calls:
        raise RuntimeError(f"{calls} calls were to be made: {stats}")
    return stats["span_s"]


def _grown_kb(folder: Path, items: int) -> float:
    """What each finished item keeps of the memory."""
    weighed = run([sys.executable, "-m", "benchmarks.weight", str(folder), str(items)])
    return float(json.loads(weighed.out)["bytes_an_item"]) / 1000
