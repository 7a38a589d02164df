"""The examples of the README and of docs/ are run as they stand.

A block whose first line is `# file: NAME` is written to a folder; a ```console block is run
there: each `$ ` line is a command, the lines below it are what it prints, `…` stands for any text.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowrun.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    command: str
    expected: str


def blocks(page: Path, *kinds: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text("utf-8")) if found in kinds]


def examples(page: Path) -> list[Example]:
    found = []
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append(Example(command, expected))
    return found


def write_files(page: Path, folder: Path) -> None:
    for block in blocks(page, "yaml", "toml", "python"):
        first, _, text = block.partition("\n")
        if first.startswith("# file: "):
            (folder / first.removeprefix("# file: ")).write_text(f"{first}\n{text}", "utf-8")


def matches(expected: str, printed: str) -> bool:
    pattern = re.escape(expected.strip()).replace("…", ".*?")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.local
@pytest.mark.parametrize("page", [each for each in PAGES if examples(each)], ids=lambda p: p.name)
def test_the_examples_of_a_page_print_what_it_says(page: Path, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for example in examples(page):
        done = subprocess.run(
            ["bash", "-c", example.command],
            cwd=tmp_path,
            env=environment(path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert matches(example.expected, done.stdout), f"$ {example.command}\n{done.stdout}"


def environment(path: str) -> dict[str, str]:
    return {**os.environ, "PATH": path, "COLUMNS": "96", "CI": "1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_command_is_in_the_readme_and_every_one_there_exists() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    listed = re.findall(r"^  (\w+)  +(\S.*)$", text, re.MULTILINE)
    assert {name: line for name, line in listed if name in COMMANDS} == {
        name: line for name, (_, line) in COMMANDS.items()
    }


def test_nobody_is_told_to_install_the_strangers_package() -> None:
    for page in [*PAGES, *ROOT.glob("*.md"), *(ROOT / "flowrun").rglob("*.py")]:
        assert not re.search(r"pip install\s+['\"]?flowrun", page.read_text("utf-8")), page
