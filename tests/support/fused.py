"""Runs of a pipeline whose process ends at the n-th touch of the disk, for every n.

`python -m tests.support.fused FOLDER URL` works in a copy of a small project for each n: a run
that ends before (or in the middle of) the n-th open, write, fsync, rename, mkdir or unlink, or
before or after a statement of the store, then a whole one. It prints what was wrong, and at the
end the number of trials.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from flowrun.cli.main import main as flowrun
from tests.support.paced import Paced

KILLED = 77
PIPELINE = """
name: ten
steps:
  s1: {prompt: "one"}
  s2: {prompt: "two {{ s1 }}"}
  s3: {prompt: "three {{ s2 }}"}
  s4: {foreach: "['a', 'b']", prompt: "four {{ item }} {{ s1 }}"}
  hero: {prompt: "hero {{ s1 }}", model: image, modalities: [image]}
  s6: {value: "{{ s4 | join(' ') }}"}
  s7: {prompt: "seven {{ s6 }}"}
  s8: {prompt: "eight {{ s7 }} {{ s3 }}"}
  s9: {value: "{{ s8 }}"}
  s10: {prompt: "ten {{ s9 }} {{ hero }}"}
outputs:
  text: {file: "{{ s10 }}.txt", value: "{{ s9 }}"}
  hero: "{{ hero }}"
  deep: {file: a/b/c.json, value: ["{{ s6 }}"]}
"""
CONFIG = """
[endpoints.paced]
base_url = "{url}"
[models]
recommended = "paced/word"
image = "paced/picture"
[run]
concurrency = {concurrency}
"""
CONCURRENCY = 2
VERBS = ("open", "fsync", "replace", "rename", "mkdir", "unlink")


class Fuse:
    """Burns by one at each touch of the disk, and ends the process when it is spent."""

    def __init__(self, touches: int) -> None:
        self.left = touches

    def burn(self) -> None:
        self.left -= 1
        if self.left <= 0:
            os._exit(KILLED)

    def before(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def fused(*args: Any, **named: Any) -> Any:
            self.burn()
            return verb(*args, **named)

        return fused

    def tear(self, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def fused(descriptor: int, data: Any) -> int:
            self.burn()
            first = write(descriptor, data[: len(data) // 2])
            self.burn()
            return first + write(descriptor, data[len(data) // 2 :])

        return fused

    def connect(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        return partial(connect, factory=_fused_connection(self))


def _fused_connection(fuse: Fuse) -> type[sqlite3.Connection]:
    class Fused(sqlite3.Connection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            fuse.burn()
            done = super().execute(*args)
            fuse.burn()
            return done

    return Fused


def run(folder: Path, touches: int | None, *words: str) -> int:
    """The exit code of a run in a process of its own; None: nothing ends it."""
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        if touches is not None:
            fuse = Fuse(touches)
            for name in VERBS:
                setattr(os, name, fuse.before(getattr(os, name)))
            os.write = fuse.tear(os.write)
            sqlite3.connect = fuse.connect(sqlite3.connect)
        sys.argv = ["flowrun", "execute", *(words or ("ten.yaml",)), "-q"]
        try:
            flowrun()
        except SystemExit as ended:
            os._exit(int(ended.code or 0))
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def made(folder: Path, url: str) -> Path:
    folder.mkdir()
    (folder / "ten.yaml").write_text(PIPELINE)
    (folder / "flowrun.toml").write_text(CONFIG.format(url=url, concurrency=CONCURRENCY))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in found}


def main(folder: Path, url: str) -> None:
    """Prints the faults of every trial, and how many there were."""
    endpoint = Paced(url)
    code = run(made(folder / "whole", url), None)
    wanted, requests = files(folder / "whole" / "out"), len(endpoint.log())
    assert (code, len(wanted), requests) == (0, 3, 9), (code, wanted, requests)
    touches, code = 0, KILLED
    while code == KILLED:
        touches += 1
        endpoint.forget()
        project = made(folder / str(touches), url)
        code = run(project, touches)
        faults = [] if code in (0, KILLED) else [f"ended with {code}"]
        if run(project, None) != 0:
            faults.append("the run after it failed")
        if files(project / "out") != wanted:
            faults.append("other outputs")
        if len(endpoint.log()) > requests + CONCURRENCY:
            faults.append(f"{len(endpoint.log())} requests")
        faults += [f"left over: {each}" for each in files(project / ".flowrun" / "blobs" / "tmp")]
        for each in faults:
            print(f"ended at touch {touches}: {each}")  # noqa: T201  # it is the report
    print(f"trials: {touches}")  # noqa: T201  # it is the report


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
