"""Runs a project's blocks and prints how much memory each finished item keeps.

`python -m benchmarks.weight FOLDER ITEMS` prints `bytes_an_item`: the growth of what the process
has in memory from the time when a quarter of the items was finished until all were.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from flowrun.api import Options, execute
from flowrun.reports.base import fan_out
from flowrun.reports.plain import Plain
from flowrun.reports.record import Record
from flowrun.run.events import Event, StepFinished

IN_FLIGHT = 64


def resident_bytes() -> int:
    """What the process has in memory now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Scales:
    """Hears a run, and weighs the process when so many items are finished."""

    def __init__(self, *marks: int) -> None:
        self.marks = marks
        self.found: list[int] = []
        self._finished = 0

    def __call__(self, event: Event) -> None:
        """Takes in one event."""
        if isinstance(event, StepFinished) and event.step == "items" and event.item is not None:
            self._finished += 1
            if self._finished in self.marks:
                self.found.append(resident_bytes())


def main() -> None:
    """Runs and prints."""
    folder, items = Path(sys.argv[1]), int(sys.argv[2])
    os.chdir(folder)
    scales = Scales(items // 4, items)
    record = Record(folder / ".flowrun" / "runs" / "weighed.jsonl")
    report = fan_out([record, Plain(sys.stderr, quiet=True), scales])
    result = execute(
        "pipeline.yaml", {"count": items}, Options(concurrency=IN_FLIGHT, report=report)
    )
    problem = record.close()
    if problem or not result.is_done:
        raise RuntimeError(problem or f"the run is {result.status}")
    first, last = scales.found
    json.dump({"bytes_an_item": (last - first) / (items - items // 4)}, sys.stdout)


if __name__ == "__main__":
    main()
