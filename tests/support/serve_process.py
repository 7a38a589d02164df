"""`flowrun serve` as a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NOT_PASSED_ON = ("_API_KEY", "_ACCESS_TOKEN", "_AUTH_TOKEN", "_PROXY", "_proxy")
_ENDS_WITHIN_S = 30
_OF_A_COMPLETION = re.compile(r"\S+Z \d{3} \S+ [\d.]+s key=")


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers; `url` has no path, `said` are the lines that it began with."""

    url: str
    process: subprocess.Popen[str]
    said: tuple[str, ...]


@contextmanager
def served(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serves from a folder, until the `with` ends; then it must end well by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flowrun", "serve", "--port", "0", *arguments],
        cwd=folder,
        env=_environment(folder, environ or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    told: list[str] = []
    try:
        said = _begun(process)
        reader = threading.Thread(target=lambda: told.extend(process.stderr or ()), daemon=True)
        reader.start()
        url = said[0].rpartition(" ")[2].removesuffix("/v1")
        yield Served(url, process, said)
        process.terminate()
        assert process.wait(_ENDS_WITHIN_S) == 0, "".join(told)
    finally:
        process.kill()
        process.wait()
    reader.join()
    assert process.stderr is not None
    process.stderr.close()
    unusual = [each for each in told if not _OF_A_COMPLETION.match(each)]
    assert unusual == [], "".join(unusual)


def new_key(folder: Path, name: str, credits: str) -> str:
    """Makes a key of a server that serves from the folder."""
    command = [sys.executable, "-m", "flowrun", "keys", "add", name, "--credits", credits]
    made = subprocess.run(
        command, cwd=folder, env=_environment(folder, {}), capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def _begun(process: subprocess.Popen[str]) -> tuple[str, ...]:
    """What it says until it answers."""
    said: list[str] = []
    for line in process.stderr or ():
        said.append(line.strip())
        if line.startswith("try:"):
            return tuple(said)
    raise AssertionError("\n".join(said))


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """This process's, without anybody's keys, and with a home of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(_NOT_PASSED_ON)
        and (not name.startswith("FLOWRUN_") or name == "FLOWRUN_MODELS")
    }
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    models = os.environ.get("FLOWRUN_MODELS") or str(cache / "flowrun" / "models")
    return {**kept, "HOME": str(folder), "FLOWRUN_MODELS": models, **more}
