"""Measures the gateway beside others: `python -m benchmarks.gateway [--requests 100000]`.

LITELLM=/path/to/litellm takes LiteLLM's proxy in. With `--requests` the gateway alone is asked so
often, and its memory told on the way.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.gateway import contenders
from benchmarks.gateway.contenders import Contender
from benchmarks.harness import run

CONNECTIONS = 64
SECONDS = 5.0
LATENCY_MS = 100.0
CORE = 1
Start = Callable[[str], AbstractContextManager[Contender]]


def main() -> int:
    """Prints a line for each contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int)
    flags = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this takes two cores: one for who is measured, one for those who ask and answer")
    if flags.requests:
        _endure(flags.requests)
        return 0
    starts: dict[str, Start] = {"bare proxy": contenders.bare, "flowrun": contenders.flowrun}
    if "LITELLM" in os.environ:
        starts["litellm"] = contenders.litellm
    with contenders.upstream(LATENCY_MS, CORE) as url:
        direct = {form: asked(url, "m", "none", form) for form in FORMS}
    print(f"{'':12}{'requests/s/core':>24}{'added p50, p99 in ms':>40}{'MB':>8}")
    print(f"{'':12}{'unary':>12}{'stream':>12}{'unary':>20}{'stream':>20}")
    for name, start in starts.items():
        print(f"{name:12}{line(start, direct)}", flush=True)
    return 0


FORMS = ("unary", "stream")


def line(start: Start, direct: dict[str, dict[str, float]]) -> str:
    """What one contender reaches: a provider that answers at once, then one that takes its time."""
    found = ""
    with contenders.upstream(0, CORE) as url, start(url) as contender:
        for form in FORMS:
            asked(contender.url, contender.model, contender.key, form, seconds=2)  # warms it up
            before = contender.cpu_s()
            figures = asked(contender.url, contender.model, contender.key, form)
            found += f"{figures['requests'] / (contender.cpu_s() - before):12,.0f}"
        memory_mb = contender.memory_mb()
    with contenders.upstream(LATENCY_MS, CORE) as url, start(url) as contender:
        for form in FORMS:
            asked(contender.url, contender.model, contender.key, form, seconds=2)
            figures = asked(contender.url, contender.model, contender.key, form)
            added = [figures[each] - direct[form][each] for each in ("p50_ms", "p99_ms")]
            found += f"{added[0]:12,.1f}{added[1]:8,.1f}"
    return found + f"{memory_mb:8,.0f}"


def asked(
    url: str, model: str, key: str, form: str, *, seconds: float = SECONDS, requests: int = 10**9
) -> dict[str, float]:
    """The load's figures. Raises: RuntimeError if a request was not answered well."""
    command = [sys.executable, "-m", "benchmarks.gateway.load", url, "--model", model, "--key", key]
    command += ["--connections", str(CONNECTIONS), "--core", str(CORE)]
    command += ["--seconds", str(seconds), "--requests", str(requests)]
    found: dict[str, float] = json.loads(
        run([*command, *(["--stream"] if form == "stream" else [])]).out
    )
    if found["faults"]:
        raise RuntimeError(f"{found['faults']:.0f} of {found['requests']:.0f}: {found['fault']}")
    return found


def _endure(requests: int) -> None:
    """The gateway's memory over many requests, half of them streamed."""
    with contenders.upstream(0, CORE) as url, contenders.flowrun(url) as contender:
        done = 0
        print(f"{'requests':>12}{'MB':>8}")
        while done < requests:
            for form in FORMS:
                few = requests // 20
                asked(
                    contender.url, contender.model, contender.key, form, seconds=600, requests=few
                )
                done += few
            print(f"{done:12,}{contender.memory_mb():8.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
