from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from flowrun.cli.init import CONFIGURATION, PIPELINE
from tests.cli.command import flowrun


def test_a_pipeline_and_a_configuration_are_written(here: Path) -> None:
    done = flowrun("init")
    assert (done.code, done.out) == (0, "")
    assert done.errors == [
        "wrote hello.yaml",
        "wrote flowrun.toml",
        "",
        "next: flowrun execute hello.yaml",
    ]
    assert sorted(each.name for each in here.iterdir()) == ["flowrun.toml", "hello.yaml"]


def test_what_is_there_is_left(here: Path) -> None:
    (here / "flowrun.toml").write_text("# mine\n")
    done = flowrun("init", ".")
    assert done.code == 0
    assert "flowrun.toml is there already: left as it is" in done.errors
    assert (here / "flowrun.toml").read_text() == "# mine\n"
    assert (here / "hello.yaml").read_text("utf-8") == PIPELINE


def test_a_folder_is_made_and_its_name_can_be_typed() -> None:
    done = flowrun("init", "a new/folder")
    assert done.code == 0
    assert done.errors[-1] == "next: flowrun execute 'a new/folder/hello.yaml'"


@pytest.mark.parametrize(
    ("name", "message"),
    [("file", "Error: Invalid value for '[FOLDER]': Directory 'file' is a file."),
     ("file/inside", 'flowrun: "file/inside" cannot be written: Not a directory')],
)  # fmt: skip
def test_what_cannot_be_a_folder_is_said(name: str, message: str, here: Path) -> None:
    (here / "file").write_text("")
    done = flowrun("init", name)
    assert (done.code, done.out, done.errors[-1]) == (2, "", message)


def test_the_starter_is_sound_and_runs(here: Path) -> None:
    flowrun("init")
    assert flowrun("check", "hello.yaml").err == "hello.yaml: sound\n"
    config = here / "flowrun.toml"
    config.write_text(f'{CONFIGURATION}\n[models]\nfastest = "fake/echo"\n', "utf-8")
    done = flowrun("execute", "hello.yaml", "-i", "topic=Light Houses", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    article = (here / "out" / "hello" / "light-houses.md").read_text()
    assert article.startswith("# echo-")
    assert "Write two sentences about Light Houses: echo-" in article


def test_what_the_configuration_suggests_is_valid(here: Path) -> None:
    lines = [
        line.removeprefix("# ") if "=" in line or line.startswith("# [") else line
        for line in CONFIGURATION.splitlines()
    ]
    text = "\n".join(lines)
    assert set(tomllib.loads(text)) == {"models", "endpoints", "prices", "run"}
    flowrun("init")
    (here / "flowrun.toml").write_text(text)
    done = flowrun("models", "--json")
    assert done.code == 0
    assert '"draft": "mine/llama-3"' in done.out
