from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from flowrun.cli.commands import COMMANDS
from tests.cli.command import COMMAND, flowrun, process, started, write

ECHO = """
    name: hello
    steps:
      one: {model: fake/echo, prompt: hello}
    outputs: {one: "{{ one }}"}
"""
LONG = """
    name: long
    steps:
      one: {value: "{% for number in range(40000) %}line {{ number }}\\n{% endfor %}"}
    outputs: {one: "{{ one }}"}
"""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "broken", ("tests.cli.command:broken", "Raises."))


def test_done_is_0_and_says_nothing_of_its_own_on_stdout() -> None:
    write("hello.yaml", ECHO)
    done = flowrun("execute", "hello.yaml")
    assert (done.code, done.out) == (0, "hello\n")


def test_no_words_show_the_help_on_stderr() -> None:
    done = flowrun()
    assert (done.code, done.out) == (2, "")
    assert done.err == flowrun("--help").out


def test_a_faulty_file_is_2_and_counts_its_faults() -> None:
    write("faulty.yaml", "steps:\n  a: {valu: 1}\n  b: {value: '{{ c }}'}\n")
    done = flowrun("execute", "faulty.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.errors[0].startswith('faulty.yaml:2:7: unknown key "valu"')
    assert done.errors[-2:] == ["", "2 faults; nothing was sent"]


def test_wrong_usage_is_2() -> None:
    done = flowrun("execute", "nowhere.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'flowrun: there is no file "nowhere.yaml"\n'


def test_an_unknown_option_names_the_nearest() -> None:
    done = flowrun("execute", "hello.yaml", "--strream")
    assert (done.code, done.out) == (2, "")
    assert done.errors[0] == "Usage: flowrun execute [OPTIONS] FILE"
    assert done.errors[-1] == "Error: No such option '--strream'. Did you mean '--stream'?"


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("what", "cause"),
    [("fault", "ZeroDivisionError: nothing to divide"), ("group", "KeyError: 'lost'")],
)
def test_a_fault_of_its_own_is_1_and_says_what_to_report(what: str, cause: str) -> None:
    done = flowrun("broken", what)
    assert (done.code, done.out) == (1, "")
    assert done.errors == [
        f"flowrun: a fault of flowrun itself ({cause})",
        "  mend: run again with FLOWRUN_DEBUG=1 and report what it shows",
    ]


@pytest.mark.usefixtures("broken")
def test_a_fault_is_raised_for_those_who_look_for_it() -> None:
    with pytest.raises(ZeroDivisionError):
        flowrun("broken", "fault", env={"FLOWRUN_DEBUG": "1"})


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("what", ["interrupt", "abort"])
def test_an_interruption_is_130_in_one_word(what: str) -> None:
    heard, complaint = signal.getsignal(signal.SIGINT), sys.unraisablehook
    try:
        with warnings.catch_warnings():
            done = flowrun("broken", what)
    finally:
        signal.signal(signal.SIGINT, heard)
        sys.unraisablehook = complaint
    assert (done.code, done.out, done.err.strip()) == (130, "", "interrupted")


def test_an_interruption_of_the_start_is_130_too() -> None:
    write("click.py", "raise KeyboardInterrupt\n")  # `python -m` finds it first
    done = process("--help", env={**os.environ, "PYTHONPATH": ""})
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.usefixtures("broken")
def test_what_cannot_be_written_is_1_and_said() -> None:
    done = flowrun("broken", "full")
    assert (done.code, done.out) == (1, "")
    assert done.err == "flowrun: the output cannot be written: No space left on device\n"


@pytest.mark.usefixtures("broken")
def test_a_command_may_end_with_a_code_of_its_own() -> None:
    assert flowrun("broken", "exit").code == 7


def test_a_folder_that_was_removed_is_said(here: Path) -> None:
    here.rmdir()
    for words in (["doctor", "--offline"], ["models"], ["execute", "hello.yaml"]):
        done = flowrun(*words)
        assert (done.code, done.out) == (2, "")
        assert done.err == "flowrun: the current folder was removed; change to another one\n"


@pytest.mark.parametrize("words", [["--help"], ["schema"], ["execute", "hello.yaml", "-q"]])
def test_a_full_disk_is_1_and_said(words: list[str]) -> None:
    write("hello.yaml", ECHO)
    with Path("/dev/full").open("w") as full:
        done = process(*words, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == "flowrun: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [["schema"], ["execute", "long.yaml", "-q"]])
def test_a_reader_that_goes_away_hears_no_complaint(words: list[str]) -> None:
    write("long.yaml", LONG)
    command = started(*words)
    assert command.stdout is not None
    assert command.stderr is not None
    with command:
        command.stdout.read(4)
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode in (0, 1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed: str) -> None:
    write("hello.yaml", ECHO)
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "execute", "hello.yaml"]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert done.stdout == ("" if ">&-" in closed.split() else "hello\n")


def test_a_stderr_that_cannot_be_written_does_not_end_a_run() -> None:
    write("hello.yaml", ECHO)
    with Path("/dev/full").open("w") as full:
        done = process("execute", "hello.yaml", stderr=full, capture_output=False, stdout=-1)
        refused = process("execute", "nowhere.yaml", stderr=full, capture_output=False, stdout=-1)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert refused.returncode == 2


def test_outputs_are_utf8_whatever_the_locale() -> None:
    write("words.yaml", 'steps:\n  one: {value: "Größe ✓ 日本語"}\noutputs: {one: "{{ one }}"}\n')
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for env in (plain, {**os.environ, "PYTHONIOENCODING": "ascii"}):
        done = process("execute", "words.yaml", env=env, encoding="utf-8")
        assert (done.returncode, done.stdout) == (0, "Größe ✓ 日本語\n")
        faulty = process("execute", "wörter.yaml", env=env, encoding="utf-8")
        assert faulty.returncode == 2
        assert "there is no file" in faulty.stderr


def test_help_imports_no_command() -> None:
    code = (
        "import sys, flowrun.cli.main\n"
        "sys.argv = ['flowrun', '--help']\n"
        "try:\n    flowrun.cli.main.main()\n"
        "finally:\n    sys.stderr.write(' '.join(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    found = [each for each in done.stderr.split() if each.startswith("flowrun")]
    assert found == [
        *("flowrun", "flowrun.cli", "flowrun.cli.commands", "flowrun.cli.main"),
        "flowrun.cli.streams",
    ]
    assert not {"difflib", "dataclasses", "shutil", "asyncio"} & set(done.stderr.split())
