"""What the bare clients reach on this machine, so that the endpoint is seen not to hold them."""

from __future__ import annotations

from benchmarks.harness import REPEATS, Figure, bare, median, served

CALLS = 1000


def measure() -> list[Figure]:
    """Requests a second without latency, and the endpoint's own CPU for each request."""
    figures = []
    with served(0) as server:
        for transport, in_flight in (("aiohttp", 1), ("aiohttp", 64), ("pool", 1), ("pool", 16)):
            found = [bare(server, CALLS, in_flight, transport) for _ in range(REPEATS)]
            rate = median([CALLS / each["span_s"] for each in found])
            cpu = median([each["cpu_ms"] for each in found])
            name = f"bare client on {transport}, {in_flight} in flight"
            figures.append(Figure(name, rate, "requests/s", note=f"{cpu:.2f} ms CPU a call"))
        server.reset()
        before = server.stats()["cpu_s"]
        bare(server, 5 * CALLS, 64, "aiohttp")
        spent = server.stats()["cpu_s"] - before
    figures.append(Figure("the endpoint's own limit", 5 * CALLS / spent, "requests/s"))
    return figures
