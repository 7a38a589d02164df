"""The examples of the README and of docs/ are run as they stand.

A block whose first line is `# file: NAME` is written to a folder; a ```console block is run
there: each `$ ` line is a command, the lines below it are what it prints, `…` stands for any text.
A command that ends in ` &` goes on beside those that follow, and is ended after the last one. The
ports that a page names, 8600 and those after it, are others here, which are free.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowrun.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PORT = re.compile(r"\b860\d\b")
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


def write_files(page: Path, folder: Path, ports: dict[str, str]) -> None:
    for block in blocks(page, "yaml", "toml", "python"):
        first, _, text = block.partition("\n")
        if first.startswith("# file: "):
            content = with_ports(f"{first}\n{text}", ports)
            (folder / first.removeprefix("# file: ")).write_text(content, "utf-8")


def free_ports(page: Path) -> dict[str, str]:
    """A free port for each that the page names."""
    found = {}
    with ExitStack() as stack:
        for name in sorted({*PORT.findall(page.read_text("utf-8"))}):
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            found[name] = str(taken.getsockname()[1])
    return found


def with_ports(text: str, ports: dict[str, str]) -> str:
    return PORT.sub(lambda name: ports[name[0]], text)


def matches(expected: str, printed: str) -> bool:
    pattern = re.escape(expected.strip()).replace("…", ".*?")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.local
@pytest.mark.parametrize("page", [each for each in PAGES if examples(each)], ids=lambda p: p.name)
def test_the_examples_of_a_page_print_what_it_says(page: Path, tmp_path: Path) -> None:
    ports = free_ports(page)
    write_files(page, tmp_path, ports)
    with ExitStack() as stack:
        for example in examples(page):
            command, expected = (
                with_ports(each, ports) for each in (example.command, example.expected)
            )
            if command.endswith(" &"):
                stack.enter_context(beside(command.removesuffix(" &"), expected, tmp_path, ports))
                continue
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            assert matches(expected, done.stdout), f"$ {command}\n{done.stdout}"


@contextmanager
def beside(command: str, expected: str, folder: Path, ports: dict[str, str]) -> Iterator[None]:
    """Runs a command until the `with` ends, once it has printed all that it is to print."""
    if command.startswith("flowrun serve") and "--port" not in command:
        command += f" --port {ports['8600']}"
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if printed.count("\n") == expected.strip().count("\n") + 1:
                break
        assert matches(expected, printed), f"$ {command}\n{printed}"
        yield
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
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
