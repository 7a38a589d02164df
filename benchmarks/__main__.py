"""Runs the benchmarks and prints one table: `python -m benchmarks [name ...]`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import blocks, cached, capacity, chain, dag, fan, start
from benchmarks.harness import Figure

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "dag": dag.measure,
    "fan": fan.measure,
    "blocks": blocks.measure,
    "chain": chain.measure,
    "start": start.measure,
    "cached": cached.measure,
    "capacity": capacity.measure,
}


def main() -> int:
    """Ends with 1 if a goal was missed."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{'':56}{'figure':<18}{'goal'}")
    missed = False
    for name in names:
        for figure in BENCHMARKS[name]():
            print(row(figure), flush=True)
            missed = missed or figure.verdict == "MISSED"
    return 1 if missed else 0


def row(figure: Figure) -> str:
    """One line of the table."""
    digits = 0 if figure.value >= 100 else 2
    value = f"{figure.value:,.{digits}f} {figure.unit}"
    goal = "" if figure.goal is None else f"<= {figure.goal:g}"
    return f"{figure.name:56}{value:<18}{goal:<9}{figure.verdict:8}{figure.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
