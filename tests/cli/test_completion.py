from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowrun.cli.commands import COMMANDS
from tests.cli.command import flowrun

SHELLS = ["bash", "zsh", "fish"]
BIN = str(Path(sys.executable).parent)


def script(shell: str) -> str:
    done = flowrun("completion", shell)
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_flowrun(shell: str) -> None:
    assert f"_FLOWRUN_COMPLETE={shell}_complete" in script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_reads(shell: str, here: Path) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not on this machine")
    (here / "script").write_text(script(shell))
    subprocess.run([path, "-n", "script"], check=True, timeout=30)


def completed(line: str, tmp_path: Path) -> list[str]:
    """What bash offers at the end of a line, with the script as people have it."""
    (tmp_path / "script").write_text(script("bash"))
    words = line.split(" ")
    code = (
        f"source {tmp_path / 'script'}\n"
        f"COMP_WORDS=({' '.join(word or repr('') for word in words)})\n"
        f"COMP_CWORD={len(words) - 1}\n"
        "_flowrun_completion flowrun\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not on this machine")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    assert completed("flowrun ", tmp_path) == list(COMMANDS)
    assert completed("flowrun c", tmp_path) == ["check", "completion"]
    assert completed("flowrun execute --s", tmp_path) == ["--select", "--stream"]
    assert completed("flowrun graph -f m", tmp_path) == ["mermaid"]
    assert completed("flowrun completion ", tmp_path) == SHELLS


def test_an_unknown_shell_is_refused() -> None:
    done = flowrun("completion", "tcsh")
    assert (done.code, done.out) == (2, "")
    assert done.errors[-1].endswith("'tcsh' is not one of 'bash', 'zsh', 'fish'.")
