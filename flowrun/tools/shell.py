"""Programs as tools: a list of arguments that no shell parses.

What an argument of a call says stays one argument of the program, and can never become an option
unless the file says so: see `_words`.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from flowrun.chat.messages import ToolDefinition
from flowrun.config import ToolSettings
from flowrun.digest import JsonValue, digest
from flowrun.document.slots import Slot, Tree
from flowrun.document.tool import Argument, ShellCommand
from flowrun.document.tool import Tool as DeclaredTool
from flowrun.errors import ToolError
from flowrun.tools.base import ToolFacts
from flowrun.tools.environment import process_environment
from flowrun.tools.filling import encoded, filled, source, word
from flowrun.tools.process import Bounds, Command, Ended, run
from flowrun.tools.returned import data_of, fitting, wants_data

_BOUNDS = Bounds(stdout_bytes=2**20, stderr_bytes=16 * 2**10)
_LONGEST_PROBLEM = 2_000
_MOST_WORDS = 10_000


def shell_tool(
    tool: DeclaredTool, folder: Path, *, environ: Mapping[str, str], settings: ToolSettings
) -> ShellTool:
    """The program of a declared tool, which runs in `folder`.

    Raises: StepError if it is not there, or for a variable that it may not have.
    """
    action = tool.action
    assert isinstance(action, ShellCommand)
    shown = f'the tool "{tool.name}"'
    environment = process_environment(action.env, environ, settings, shown)
    try:
        program = _program(action.arguments[0].tree, folder.resolve(), environment.get("PATH", ""))
    except ToolError as error:
        raise ToolError(f"{shown}: {error}") from error
    version: JsonValue = {
        "arguments": [
            [source(each.tree), each.is_each, each.may_be_option] for each in action.arguments
        ],
        "env": list(action.env),
        "stdin": source(action.stdin),
        "gives_data": wants_data(tool.returns),
        "program": _content(program) if "/" in str(action.arguments[0].tree) else None,
    }
    facts = ToolFacts(
        definition=ToolDefinition(
            tool.name, tool.description, tool.parameters or {"type": "object", "properties": {}}
        ),
        version=digest("shell/1", version),
        is_pure=tool.is_pure,
        timeout_s=tool.timeout_s,
        returns=tool.returns,
    )
    return ShellTool(facts, action, program, folder.resolve(), environment)


def _content(program: str) -> str | None:
    """The digest of a program that the pipeline brings along; None if it cannot be read."""
    try:
        return sha256(Path(program).read_bytes()).hexdigest()
    except OSError:
        return None


class ShellTool:
    """A program, ready to be run."""

    def __init__(
        self,
        facts: ToolFacts,
        action: ShellCommand,
        program: str,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._facts = facts
        self._action = action
        self._program = program
        self._folder = folder
        self._environment = environment

    @property
    def facts(self) -> ToolFacts:
        """What is known of it."""
        return self._facts

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What the program writes: text without the last line break, or data.

        Data it is where `returns` says that the result is no text.
        """
        name = Path(self._program).name
        command = Command(
            self._program,
            words(self._action.arguments[1:], arguments),
            self._folder,
            self._environment,
        )
        stdin = None
        if self._action.stdin is not None:
            stdin = encoded(word(filled(self._action.stdin, arguments)), "stdin")
        try:
            ended = await run(command, stdin, _BOUNDS)
        except OSError as error:
            raise ToolError(f'"{name}" cannot be started: {error.strerror or error}') from error
        _require_success(name, ended)
        text = ended.stdout.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        is_data = wants_data(self._facts.returns)
        found = data_of(text, f'what "{name}" writes') if is_data else text
        return fitting(self._facts.returns, found)


def words(arguments: tuple[Argument, ...], given: Mapping[str, JsonValue]) -> list[bytes]:
    """The arguments of the program.

    Raises: ToolError for a value that would be an option where the file allows none, or that
        cannot be an argument.
    """
    found: list[bytes] = []
    has_ended_options = False
    for each in arguments:
        for text in _texts(each, given):
            if not (has_ended_options or each.may_be_option):
                _refuse_option(each.tree, text)
            if "\0" in text:
                raise ToolError("an argument of the program may hold no NUL character")
            found.append(encoded(text, "an argument of the program"))
        if len(found) > _MOST_WORDS:
            raise ToolError(f"the program would be given more than {_MOST_WORDS:,} arguments")
        has_ended_options = has_ended_options or each.tree == "--"
    return found


def _texts(argument: Argument, given: Mapping[str, JsonValue]) -> Iterator[str]:
    value = filled(argument.tree, given)
    if argument.is_each:
        if not isinstance(value, list):
            raise ToolError(f'"each" needs a list, not {word(value)[:60]}')
        yield from map(word, value)
    elif isinstance(value, list):
        raise ToolError('a list can be no argument of the program; the file must say "each"')
    else:
        yield word(value)


def _refuse_option(tree: Tree, text: str) -> None:
    """A value may not add a dash to those with which the file itself lets the argument begin."""
    literal = tree.template.source if isinstance(tree, Slot) else text
    if _dashes(text) > _dashes(literal):
        raise ToolError(f'"{text[:60]}" would be an option of the program')


def _dashes(text: str) -> int:
    return len(text) - len(text.lstrip("-"))


def _program(tree: Tree, folder: Path, search: str) -> str:
    """The program's whole path. Raises: ToolError if there is none that may be run."""
    name = tree if isinstance(tree, str) else ""
    if not name or "\0" in name:
        raise ToolError("its program must be literal")
    if "/" not in name:
        places = os.pathsep.join(each for each in search.split(os.pathsep) if each[:1] == "/")
        found = shutil.which(name, path=places)
        if found is None:
            raise ToolError(f'no program "{name}" is on the PATH')
        return found
    path = Path(name)
    if not path.is_absolute():
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise ToolError(f'the program "{name}" is outside of the pipeline\'s folder')
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ToolError(f'"{name}" is no program that can be run')
    return str(path)


def _require_success(name: str, ended: Ended) -> None:
    if ended.is_full:
        raise ToolError(f'"{name}" writes more than {_BOUNDS.stdout_bytes // 2**20} MiB')
    if ended.status == 0:
        return
    how = f"ended with status {ended.status}"
    if ended.status < 0:
        how = f"was ended by {_signal_name(-ended.status)}"
    said = ended.stderr.decode("utf-8", "replace").strip()[-_LONGEST_PROBLEM:]
    raise ToolError(f'"{name}" {how}{f": {said}" if said else ""}')


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
