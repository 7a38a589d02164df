from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowrun.cli.streams import columns, give_up_stdout, open_missing, put, say
from tests.cli.command import terminal


def test_what_is_said_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("words")
    assert capsys.readouterr() == ("", "words\n")


def test_what_stderr_cannot_spell_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    say("Größe \udcff")
    assert stream.buffer.getvalue() == b"Gr\\xf6\\xdfe \\udcff\n"


def test_nobody_to_hear_it_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0) as full:  # noqa: PTH123
        stream = io.TextIOWrapper(full, "utf-8", write_through=True)
        monkeypatch.setattr(sys, "stderr", stream)
        say("words, to a full disk")
        stream.detach()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    say("words, to what was closed")


def test_a_product_is_put_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sys.stdout.write("before, ")
    put(b"\xff\x00")
    put("é\udcff")
    assert capfdbinary.readouterr().out == b"before, \xff\x00\xc3\xa9?"


def test_a_product_that_cannot_be_put_is_an_error() -> None:
    code = (
        "from flowrun.cli.streams import give_up_stdout, put\n"
        "import sys\n"
        "try:\n    put('x' * 100_000)\n"
        "except OSError as error:\n    give_up_stdout()\n    sys.exit(error.errno)\n"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=-1, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (28, "")


def test_stdout_that_has_no_number_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    give_up_stdout()


def test_missing_streams_are_the_null_device_under_their_own_numbers() -> None:
    code = (
        "from flowrun.cli.streams import open_missing\n"
        "import os, sys\n"
        "open_missing()\n"
        "is_null = [os.fstat(each).st_rdev == os.stat(os.devnull).st_rdev for each in (0, 1, 2)]\n"
        "is_open = [each is not None for each in (sys.stdin, sys.stdout, sys.stderr)]\n"
        "sys.exit(42 if all([*is_null, *is_open]) else 1)\n"
    )
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(shell, check=False).returncode == 42


def test_streams_that_are_there_are_let_be() -> None:
    before = (sys.stdin, sys.stdout, sys.stderr)
    open_missing()
    assert (sys.stdin, sys.stdout, sys.stderr) == before


@pytest.mark.parametrize(
    ("said", "found"), [("50", 50), ("", 160), ("0", 160), ("wide", 160), ("-1", 160), ("²", 160)]
)
def test_columns_are_said_by_the_environment(
    said: str, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", said)
    assert columns() == found


def test_columns_are_those_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal() as screen, open(screen.number, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.delenv("COLUMNS")
        assert columns(7) == 7  # a new terminal has none
        subprocess.run(["stty", "cols", "61"], stdin=screen.number, check=True)
        assert columns(7) == 61
        monkeypatch.setenv("COLUMNS", "80")  # whom the terminal's end takes away
