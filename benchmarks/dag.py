"""A DAG of 20 steps at 200 ms: how much longer than its critical path of five calls."""

from __future__ import annotations

from benchmarks import pipelines
from benchmarks.harness import REPEATS, Figure, execute, forget, median, project, served

LATENCY_MS = 200.0
CRITICAL_PATH_S = 5 * LATENCY_MS / 1000


def measure() -> list[Figure]:
    """Span at the endpoint, from the first request to the last answer, over the ideal."""
    spans = []
    with served(LATENCY_MS) as server, project(server, pipelines.dag()) as folder:
        for _ in range(REPEATS):
            forget(folder)
            server.reset()
            execute(folder)
            spans.append(server.stats()["span_s"])
    ratio = median(spans) / CRITICAL_PATH_S
    return [Figure("DAG of 20, 200 ms: span / critical path", ratio, "x", 1.03)]
