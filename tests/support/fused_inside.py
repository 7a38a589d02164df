"""Runs that end at the n-th touch of the disk deep inside, for many n.

`python -m tests.support.fused_inside FOLDER URL EVERY` works in a copy of the project of
`inside` for every EVERY-th n: a run that ends there, then runs until it is done, which call again
what was in its middle. It prints what was wrong, and at the end how many trials there were, and
after how many of them a person was asked.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support import inside, killing
from tests.support.fused import KILLED, run
from tests.support.paced import Paced

CONCURRENCY = 2


def finished(project: Path, lost: Counter[str]) -> int:
    """The exit code of a run after the one that was ended; asked, a person says yes."""
    words = [word for tool in lost for word in ("--redo", tool)]
    return run(project, None, inside.NAME, *words)


def faults(project: Path, whole: Path, endpoint: Paced, touches: int) -> Iterator[str]:
    """What a run that ended at a touch has cost; nothing where it came to its end."""
    lost = killing.begun(project)
    asked = run(project, None, inside.NAME) if lost else None
    if asked not in (None, 1):
        yield f"not asked about {lost}"
    if finished(project, lost) != 0:
        yield "the run after it failed"
    if killing.outputs(project) != killing.outputs(whole):
        yield "other outputs"
    if len(endpoint.log()) > inside.REQUESTS + CONCURRENCY + 1:
        yield f"{len(endpoint.log())} requests"
    again = inside.effects(project)
    again.subtract(dict.fromkeys(again, 1))
    by_tool: Counter[str] = Counter()
    for line, count in again.items():
        by_tool[line.split()[0]] += count
    if any(count > lost[tool] for tool, count in by_tool.items()):
        yield f"effects twice: {by_tool}, lost: {lost}"
    if again.keys() != inside.effects(whole).keys():
        yield "other effects"


def main(folder: Path, url: str, every: int) -> None:
    """Prints the faults of every trial, how many trials there were, and how many asked."""
    endpoint = Paced(url)
    whole = inside.make(folder / "whole", url, concurrency=CONCURRENCY)
    assert run(whole, None, inside.NAME) == 0
    trials, asked, touches, code = 0, 0, 0, KILLED
    while code == KILLED:
        touches += every
        endpoint.forget()
        project = inside.make(folder / str(touches), url, concurrency=CONCURRENCY)
        code = run(project, touches, inside.NAME)
        if code == KILLED:
            trials += 1
            asked += bool(killing.begun(project))
            for each in faults(project, whole, endpoint, touches):
                print(f"ended at touch {touches}: {each}", flush=True)  # noqa: T201  # it is the report
    print(f"trials: {trials}, asked: {asked}")  # noqa: T201  # it is the report


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
