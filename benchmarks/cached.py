"""1,000 cached steps run again: how long until all is answered from the store."""

from __future__ import annotations

from benchmarks import pipelines
from benchmarks.harness import REPEATS, Figure, Served, execute, median, project, served

STEPS = 1000


def measure() -> list[Figure]:
    """Wall time of the whole process, for steps of their own and for one foreach."""
    with served(0) as server:
        return [
            _rerun(server, "1,000 cached steps again, wall", pipelines.wide(STEPS)),
            _rerun(server, "foreach of 1,000 cached again, wall", pipelines.fan()),
        ]


def _rerun(server: Served, name: str, pipeline: str) -> Figure:
    with project(server, pipeline) as folder:
        execute(folder)
        server.reset()
        walls = [execute(folder).wall_s for _ in range(REPEATS)]
        asked = server.stats()["requests"]
    if asked:
        raise RuntimeError(f"{name}: {asked:.0f} requests were made again")
    return Figure(name, median(walls), "s", 2.0)
