"""What the benchmarks share: the endpoint on its own core, child processes, figures."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLOWRUN = str(Path(sys.executable).with_name("flowrun"))
REPEATS = 5
# Nobody starts flowrun without compiled modules, as some build machines are set to do.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured ratio (or time); `goal` is what it may be at most, None if it only informs."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        return "ok" if self.value <= self.goal else "MISSED"


@dataclass(frozen=True, slots=True)
class Served:
    """A running endpoint; `url` ends in /v1."""

    url: str

    def reset(self) -> None:
        """Forgets what was seen."""
        self._get("reset")

    def stats(self) -> dict[str, float]:
        """What was seen since the last reset; `span_s` is first request to last answer."""
        return self._get("stats")

    def _get(self, name: str) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/{name}", timeout=10) as reply:
            found: dict[str, float] = json.load(reply)
        return found


@contextmanager
def served(latency_ms: float) -> Iterator[Served]:
    """The endpoint in a process of its own, on the last core; we and our children keep the first.

    On a machine with one core they share it, and the figures are worth less.
    """
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.support.endpoint", "--latency-ms", str(latency_ms)]
    if len(cores) > 1:
        command += ["--core", str(cores[-1])]
        os.sched_setaffinity(0, {cores[0]})
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        yield Served(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()
        os.sched_setaffinity(0, set(cores))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a child process took."""

    wall_s: float
    cpu_s: float
    out: str


def run(command: Sequence[str], *, cwd: Path = ROOT) -> Cost:
    """Runs a child to its end. Raises: RuntimeError with its complaint if it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    wall_s, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(wall_s, cpu_s, done.stdout)


@contextmanager
def project(served_at: Served, pipeline: str, *, in_flight: int = 64) -> Iterator[Path]:
    """A folder with a pipeline.yaml and a flowrun.toml that points at the endpoint."""
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        path = Path(folder)
        (path / "pipeline.yaml").write_text(pipeline, encoding="utf-8")
        (path / "flowrun.toml").write_text(
            f'[endpoints.bench]\nbase_url = "{served_at.url}"\nmax_in_flight = {in_flight}\n',
            encoding="utf-8",
        )
        yield path


def execute(folder: Path, *flags: str) -> Cost:
    """`flowrun execute` on the folder's pipeline."""
    return run([FLOWRUN, "execute", "pipeline.yaml", "-q", "--out", "out", *flags], cwd=folder)


def forget(folder: Path) -> None:
    """Empties the folder's store, so that the next run asks again."""
    run(["rm", "-rf", ".flowrun", "out"], cwd=folder)


def bare(
    served_at: Served, calls: int, in_flight: int, transport: str, *flags: str
) -> dict[str, float]:
    """The bare client in a process of its own: `cpu_ms` a call, `span_s` in all."""
    command = [sys.executable, "-m", "benchmarks.bare", served_at.url]
    command += [
        "--calls",
        str(calls),
        "--in-flight",
        str(in_flight),
        "--transport",
        transport,
        *flags,
    ]
    found: dict[str, float] = json.loads(run(command).out)
    return found


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
