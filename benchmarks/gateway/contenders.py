"""Who is measured: each a process of its own on the first core, asked over loopback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import ENVIRONMENT, FLOWRUN, ROOT, run

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_PATIENCE_S = 60.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server; `url` ends in /v1, `folder` is the one that it runs in."""

    url: str
    model: str
    key: str
    pid: int
    folder: Path = ROOT

    def cpu_s(self) -> float:
        """Seconds of CPU that it has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Megabytes that it holds resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text("utf-8").split()[1]) * _PAGE / 1e6


@contextmanager
def bare(upstream: str) -> Iterator[Contender]:
    """A reverse proxy of the same framework, which reads nothing."""
    command = [sys.executable, "-m", "benchmarks.gateway.bareproxy", upstream]
    with _process(command, ROOT) as (process, log):
        yield Contender(f"{_address(process, log)}/v1", "m", "none", process.pid)


@contextmanager
def flowrun(upstream: str) -> Iterator[Contender]:
    """`flowrun serve` with a key, a price and a ledger."""
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as name:
        folder = Path(name)
        (folder / "flowrun.toml").write_text(
            f'[endpoints.bench]\nbase_url = "{upstream}"\nmax_in_flight = 512\n'
            '[prices."bench/m"]\ninput = 0.25\noutput = 2\n',
            "utf-8",
        )
        key = run([FLOWRUN, "keys", "add", "bench", "--credits", "1000000"], cwd=folder).out.strip()
        with _process([FLOWRUN, "serve", "--port", "0"], folder) as (process, log):
            yield Contender(f"{_address(process, log)}/v1", "bench/m", key, process.pid, folder)


@contextmanager
def litellm(upstream: str) -> Iterator[Contender]:
    """LiteLLM's proxy without a database, where LITELLM names its program."""
    key = "sk-" + "c0ffee" * 8
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as name:
        folder, port = Path(name), _free_port()
        (folder / "config.yaml").write_text(
            "model_list:\n  - model_name: m\n    litellm_params: "
            f'{{model: openai/m, api_base: "{upstream}", api_key: none}}\n'
            f"general_settings: {{master_key: {key}}}\nlitellm_settings: {{telemetry: false}}\n",
            "utf-8",
        )
        command = [os.environ["LITELLM"], "--config", "config.yaml", "--port", str(port)]
        with _process([*command, "--host", "127.0.0.1"], folder, {"LITELLM_LOG": "ERROR"}) as (
            process,
            _log,
        ):
            url = f"http://127.0.0.1:{port}"
            _await(process, lambda: _answers(f"{url}/health/liveliness"))
            yield Contender(f"{url}/v1", "m", key, process.pid)


@contextmanager
def upstream(latency_ms: float, core: int) -> Iterator[str]:
    """The provider behind them all; its address."""
    command = [sys.executable, "-m", "benchmarks.gateway.upstream"]
    command += ["--latency-ms", str(latency_ms), "--core", str(core)]
    with _process(command, ROOT, core=None) as (process, log):
        yield f"{_address(process, log)}/v1"


@contextmanager
def _process(
    command: Sequence[str],
    folder: Path,
    more: Mapping[str, str] | None = None,
    *,
    core: int | None = 0,
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A child with what it prints in a file."""
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as name:
        log = Path(name) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=folder, env={**ENVIRONMENT, **(more or {})}, stdout=out, stderr=out
            )
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            yield process, log
        finally:
            process.terminate()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that it prints, once somebody answers there."""
    _await(process, lambda: bool(_ADDRESS.search(log.read_text("utf-8", "replace"))))
    found = _ADDRESS.search(log.read_text("utf-8", "replace"))
    assert found is not None
    return found[0]


def _await(process: subprocess.Popen[bytes], holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not holds():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{process.args!r} did not start")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
