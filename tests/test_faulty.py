"""Faulty files: each fault is told with its place, all of a file at once, in these words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faulty.made import MADE, make
from tests.faulty.report import Report, check

FOLDER = Path(__file__).parent / "faulty"
STORED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
KINDS = (
    *("syntax", "tabs", "keys", "duplicates", "unknown", "cycle", "kind", "schema", "field"),
    *("template", "sandbox", "path", "bomb", "deep", "big", "encoding", "name", "option"),
    *("budget", "input", "output", "needs", "capability", "many"),
    *("block", "repeat", "call", "uses", "tool", "choice"),
)
_HEAD = re.compile(r"^(?P<path>[^\s:]+):(?P<line>\d+):(?P<column>\d+): (?P<message>.+) \[[\w-]+\]$")


def expected(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text("utf-8")


def heads(text: str) -> list[re.Match[str]]:
    """The first line of each diagnostic."""
    lines = (block.split("\n")[0] for block in text.split("\n\n"))
    return [found for line in lines if (found := _HEAD.match(line))]


def assert_told(report: Report, name: str) -> None:
    """The report is the expected one: places for all faults, their number, no traceback."""
    assert report.stderr == expected(name)
    assert report.code == 2
    assert report.stdout == ""
    assert "Traceback" not in report.stderr
    found = [head for head in heads(report.stderr) if not head["message"].startswith("warning: ")]
    assert report.stderr.endswith(f"\n{len(found)} fault{'s' * (len(found) > 1)}\n")


@pytest.mark.parametrize("name", STORED)
def test_a_faulty_file_gets_its_report(name: str) -> None:
    assert_told(check(f"{name}.yaml", FOLDER), name)


@pytest.mark.parametrize("name", MADE)
def test_a_faulty_file_that_is_made_gets_its_report(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    assert_told(check(make(name, folder), folder), name)


@pytest.mark.parametrize("name", STORED)
def test_the_line_shown_is_the_line_named_and_the_mark_stands_in_it(name: str) -> None:
    for block in expected(name).split("\n\n"):
        head = _HEAD.match(block.split("\n")[0])
        shown = block.split("\n")[1:3]
        if head and len(shown) == 2 and not shown[1].strip("^ "):
            lines = (FOLDER / head["path"]).read_text("utf-8").split("\n")
            line = lines[int(head["line"]) - 1]
            column = int(head["column"]) - 1
            at = shown[1].index("^")
            marked = line[column : column + 1].replace("\t", "→")
            assert shown[0][6:9].strip() in line.replace("\t", "→")
            assert shown[0][at : at + 1] == (marked if marked.isprintable() else " ")


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_files_of_every_kind(kind: str) -> None:
    assert any(name.startswith(f"{kind}-") for name in (*STORED, *MADE))


def test_no_report_is_left_without_its_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {*STORED, *MADE}


@pytest.mark.parametrize("name", ["syntax-colon-in-text", "field-loops", "encoding-wide"])
def test_the_command_itself_says_the_same(name: str) -> None:
    command = [sys.executable, "-m", "flowrun", "check", f"{name}.yaml"]
    ended = subprocess.run(command, cwd=FOLDER, capture_output=True, check=False)
    assert ended.stderr.decode() == expected(name)
    assert (ended.returncode, ended.stdout) == (2, b"")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text("# a comment\n" * 1_500_000)
    (tmp_path / "folder.yaml").mkdir()
    assert [check(f"{name}.yaml", tmp_path) for name in ("large", "folder", "gone")] == [
        Report(2, f"flowrun: {problem}\n\n1 fault\n", "")
        for problem in (
            '"large.yaml" has 18,000,000 bytes; 16,777,216 are allowed',
            '"folder.yaml" is not a regular file',
            'there is no file "gone.yaml"',
        )
    ]


def test_executing_a_faulty_file_says_the_same_and_runs_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flowrun", "execute", str(FOLDER / "unknown-step.yaml")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert ended.returncode == 2
    assert [head["line"] for head in heads(ended.stderr.decode())] == [
        head["line"] for head in heads(expected("unknown-step"))
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "home"] or not list(tmp_path.iterdir())
