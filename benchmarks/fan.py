"""A foreach of 1,000 at 256 in flight, 200 ms: its span against a bare client's."""

from __future__ import annotations

from benchmarks import pipelines
from benchmarks.harness import REPEATS, Figure, bare, execute, forget, median, project, served

CALLS = 1000
IN_FLIGHT = 256
LATENCY_MS = 200.0


def measure() -> list[Figure]:
    """Both spans as the endpoint sees them: first request to last answer, in turn."""
    ours, theirs, widest = [], [], 0.0
    with served(LATENCY_MS) as server, project(
        server, pipelines.fan(), in_flight=IN_FLIGHT
    ) as folder:  # fmt: skip
        for _ in range(REPEATS):
            server.reset()
            bare(server, CALLS, IN_FLIGHT, "aiohttp", "--cold")
            theirs.append(server.stats()["span_s"])
            forget(folder)
            server.reset()
            execute(folder, "-j", str(IN_FLIGHT), "-i", f"count:={CALLS}")
            stats = server.stats()
            ours.append(stats["span_s"])
            widest = max(widest, stats["max_in_flight"])
    ratios = [mine / bare_s for mine, bare_s in zip(ours, theirs, strict=True)]
    note = f"{median(ours):.2f} s, bare {median(theirs):.2f} s, {widest:.0f} in flight"
    name = "foreach of 1,000, 256 in flight, 200 ms: span / bare"
    return [Figure(name, median(ratios), "x", 1.20, note)]
