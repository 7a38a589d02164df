from __future__ import annotations

import re
from importlib.metadata import version

import click
import pytest

from flowrun.cli.commands import ALIASES, COMMANDS
from flowrun.cli.commands import flowrun as group
from tests.cli.command import flowrun

CONTEXT = click.Context(group)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_lists_every_command_with_its_line(option: str) -> None:
    done = flowrun(option)
    assert (done.code, done.err) == (0, "")
    for name, (_, line) in COMMANDS.items():
        assert f"  {name:<10}  {line}\n" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_of_itself_what_the_list_says(name: str) -> None:
    command = group.get_command(CONTEXT, name)
    assert command is not None
    line = COMMANDS[name][1].replace(" (also: run)", "")
    assert str(command.help).split("\n")[0] == line
    assert flowrun(name, "--help").out.startswith(f"Usage: flowrun {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    command = group.get_command(CONTEXT, name)
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert re.fullmatch(r"[A-Z].*[.)]", str(option.help)), option.name


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_command_itself(alias: str) -> None:
    assert group.get_command(CONTEXT, alias) is group.get_command(CONTEXT, ALIASES[alias])
    assert flowrun(alias, "--help").out.startswith(f"Usage: flowrun {alias} ")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("exec", "did you mean execute?"), ("graf", "did you mean graph?"),
     ("help", f"commands: {', '.join(COMMANDS)}")],
)  # fmt: skip
def test_an_unknown_command_names_those_there_are(word: str, hint: str) -> None:
    done = flowrun(word, "x.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.errors[-1] == f'Error: no command is called "{word}"; {hint}'


def test_an_unknown_option_is_none_of_the_commands() -> None:
    done = flowrun("--wat")
    assert done.code == 2
    assert done.errors[-1] == "Error: No such option '--wat'."


def test_no_command_has_no_name() -> None:
    assert group.list_commands(CONTEXT) == list(COMMANDS)
    assert group.get_command(CONTEXT, "nothing") is None


def test_the_version_is_that_of_the_package() -> None:
    done = flowrun("--version")
    assert (done.code, done.out) == (0, f"flowrun {version('flowrun-pipelines')}\n")


@pytest.mark.parametrize("columns", [50, 80, 120])
@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)])
def test_helps_keep_to_the_width(words: list[str], columns: int) -> None:
    done = flowrun(*words, "--help", env={"COLUMNS": str(columns)})
    widest = max(map(len, done.out.splitlines()))
    verbatim = "~/.config" in done.out or "yaml-language-server" in done.out
    assert widest <= max(columns, 67 if verbatim else 0)
    assert widest <= 96


def test_completion_knows_commands_and_options() -> None:
    found = [each.value for each in group.shell_complete(CONTEXT, "")]
    assert found == list(COMMANDS)
    assert [each.value for each in group.shell_complete(CONTEXT, "c")] == ["check", "completion"]
    assert [each.value for each in group.shell_complete(CONTEXT, "--v")] == ["--version"]
