"""Runs that are interrupted, and runs side by side, in processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import process, started, write
from tests.support.endpoint import Server, endpoint
from tests.support.faults import hang
from tests.support.replies import echo
from tests.support.wire import Action, Seen

PIPELINE = """
    name: two
    steps:
      one: {model: mine/one, prompt: first}
      two: {model: mine/two, prompt: "{{ one }}, second"}
    outputs: {two: "{{ two }}"}
"""


class Script:
    """Answers the first step when it is let to, the others at once; `asked` is set by a request."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()
        self._hangs = hangs

    def __call__(self, seen: Seen) -> Iterator[Action]:
        """The answer to one request."""
        if seen.model == "one" and not self.let.is_set():
            self.asked.set()
            if self._hangs:
                yield from hang(seen)
            self.let.wait(30)
        yield from echo(seen)


def configure(server: Server) -> None:
    write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{server.url}"\n')
    write("two.yaml", PIPELINE)


def stopping(command: subprocess.Popen[bytes]) -> str:
    """What the command says of the calls under way."""
    assert command.stderr is not None
    line = b""
    while not line.startswith(b"stopping: "):
        line = command.stderr.readline()
        assert line, "it ended without a word"
    return line.decode().strip()


@pytest.mark.parametrize(
    ("number", "code", "grace"), [(signal.SIGINT, 130, "30 s"), (signal.SIGTERM, 143, "5 s")]
)
def test_once_keeps_what_is_paid_for_and_the_next_run_goes_on(
    number: signal.Signals, code: int, grace: str
) -> None:
    script = Script()
    with endpoint(script) as server:
        configure(server)
        command = started("execute", "two.yaml", "--json")
        script.asked.wait(30)
        command.send_signal(number)
        said = stopping(command)
        script.let.set()
        out, err = command.communicate(timeout=60)
        again = process("execute", "two.yaml", "-q")
        models = [each.model for each in server.seen]
    assert (
        said
        == f"stopping: 1 call under way gets {grace} to finish, being paid for; once more drops it"
    )
    assert command.returncode == code
    found = json.loads(out)
    assert found["status"] == "interrupted"
    assert {name: each["status"] for name, each in found["steps"].items()} == {
        "one": "done",
        "two": "cancelled",
    }
    assert err.decode().splitlines()[-1] == (
        "interrupted; run the same command again to go on: what was answered is kept"
    )
    assert (again.returncode, again.stdout) == (0, "first, second\n")
    assert models == ["one", "two"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_twice_ends_at_once(number: signal.Signals, code: int) -> None:
    script = Script(hangs=True)
    with endpoint(script) as server:
        configure(server)
        command = started("execute", "two.yaml")
        script.asked.wait(30)
        command.send_signal(number)
        stopping(command)
        command.send_signal(number)
        out, err = command.communicate(timeout=60)
    assert (command.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert err.decode().splitlines()[-1].startswith("interrupted; ")


def test_two_runs_in_one_folder_do_no_harm(here: Path) -> None:
    script = Script()
    with endpoint(script) as server:
        configure(server)
        first, second = (started("execute", "two.yaml") for _ in range(2))
        script.asked.wait(30)
        script.let.set()
        ended = [each.communicate(timeout=60) for each in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), ended
    assert [out for out, _ in ended] == [b"first, second\n"] * 2
    assert len(list((here / ".flowrun" / "runs").iterdir())) == 2


HOOKED = """
import os, signal, sys

event, _, wanted = sys.argv.pop(1).partition(" ")
heard = []

def hear(name, args):
    if name == event and (not wanted or args[0] == wanted) and not heard:
        heard.append(name)
        os.kill(os.getpid(), signal.SIGINT)

from flowrun.cli.main import main
sys.addaudithook(hear)
try:
    main()
finally:
    os.write(2, b"" if heard else b"the moment never came")
"""


@pytest.mark.parametrize(
    "moment",
    [
        *("import contextlib", "import click.core", "import flowrun.cli.commands"),
        *("import flowrun.api", "import asyncio", "import jinja2", "import pydantic"),
        *("import sqlite3", "sqlite3.connect", "import httpx2", "import flowrun.providers.openai"),
        *("socket.__new__", "socket.connect", "os.mkdir"),
    ],
)
def test_no_moment_of_an_interruption_shows_a_traceback(moment: str) -> None:
    with endpoint() as server:
        configure(server)
        done = subprocess.run(
            [sys.executable, "-c", HOOKED, moment, "execute", "two.yaml"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("interrupted")
