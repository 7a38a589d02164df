"""What others may rely on, pinned: a name that is missing or new here is a public change."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import flowrun
from flowrun.cli.commands import ALIASES, COMMANDS
from flowrun.errors import ExitCode

NAMES = [
    "FlowrunError",
    "Image",
    "Options",
    "Pipeline",
    "PipelineError",
    "RunResult",
    "UsageError",
    "execute",
    "execute_async",
    "load",
]

EXIT_CODES = {
    "DONE": 0,
    "FAILED": 1,
    "USAGE": 2,
    "STALE": 3,
    "BUDGET": 4,
    "WAITING": 5,
    "TESTS_FAILED": 100,
    "INTERRUPTED": 130,
    "TERMINATED": 143,
}

COMMAND_NAMES = [
    "check",
    "completion",
    "doctor",
    "execute",
    "graph",
    "init",
    "keys",
    "models",
    "run",
    "schema",
    "serve",
    "usage",
]


def test_the_public_names_are_these() -> None:
    assert flowrun.__all__ == NAMES


def test_every_public_name_is_there() -> None:
    assert [name for name in NAMES if not getattr(flowrun, name).__doc__] == []


def test_the_names_come_late() -> None:
    code = "import flowrun, sys; print(sorted(m for m in sys.modules if m.startswith('flowrun')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['flowrun']\n"


def test_the_exit_codes_are_these() -> None:
    assert {code.name: code.value for code in ExitCode} == EXIT_CODES


def test_the_command_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="flowrun")
    assert script.value == "flowrun.cli.main:main"


def test_the_commands_are_these() -> None:
    assert sorted([*COMMANDS, *ALIASES]) == COMMAND_NAMES
