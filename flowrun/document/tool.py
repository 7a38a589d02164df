"""A tool that a file declares: what it takes, what it gives, and what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.slots import Slot, Tree, slots
from flowrun.document.source import Path

if TYPE_CHECKING:
    from flowrun.document.plan import Plan


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """A function of a module under the pipeline's folder, or of an installed package.

    `file` is the module's path under that folder, "" where the module is not there.
    """

    module: str
    function: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request, with templates over the tool's arguments.

    The scheme and the host of `url` are literal. `body` is sent as JSON, None sends nothing.
    `bearer` names the environment variable whose value is sent as the bearer token.
    """

    method: str
    url: Tree
    query: Mapping[str, Tree] = field(default_factory=dict)
    headers: Mapping[str, Tree] = field(default_factory=dict)
    body: Tree = None
    bearer: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One element of a command: text, or a template over the tool's arguments.

    `is_each`: a list, of which each element becomes an argument of its own. `may_be_option`: what
    it gives may begin with a dash.
    """

    tree: Tree
    is_each: bool = False
    may_be_option: bool = False


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A program and its arguments, which no shell parses.

    `env` names the environment variables that it is given besides the common ones; `stdin` is
    what it reads, None nothing.
    """

    arguments: tuple[Argument, ...]
    env: tuple[str, ...] = ()
    stdin: Tree = None


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server that speaks MCP: a command over stdio, or a URL over streamable HTTP.

    `allow` are the names of its tools that may be used, None all of them.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[str, ...] = ()
    bearer: str = ""
    allow: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SubPipeline:
    """Another pipeline as a tool: its inputs are the arguments, its outputs the result."""

    plan: Plan


Action: TypeAlias = PythonFunction | HttpCall | ShellCommand | McpServer | SubPipeline


@dataclass(frozen=True, slots=True)
class Tool:
    """A declared tool; without an `action` it is a route.

    `parameters` and `returns` are JSON Schemas, None where nothing is known before a run: the
    tools of an MCP server say themselves what they take. `is_pure`: its result may be taken from
    the store. `timeout_s` is of one call, infinite for a pipeline that has none. `origin` is the
    pipeline file as shown, `folder` the file's folder under the folder of the pipeline that is
    run, "" for that one itself.
    """

    name: str
    path: Path
    action: Action | None = None
    description: str = ""
    parameters: Mapping[str, JsonValue] | None = None
    returns: Mapping[str, JsonValue] | None = None
    is_pure: bool = False
    timeout_s: float = 60.0
    origin: str = ""
    folder: str = ""
    is_partial: bool = False

    @property
    def is_route(self) -> bool:
        """Whether calling it ends the step."""
        return self.action is None

    @property
    def runs_code(self) -> bool:
        """Whether it runs a program or a function on this machine."""
        match self.action:
            case PythonFunction() | ShellCommand():
                return True
            case McpServer():
                return bool(self.action.command)
            case _:
                return False

    def slots(self) -> Iterator[Slot]:
        """The templates, which see the tool's arguments and nothing else."""
        match self.action:
            case HttpCall():
                yield from slots(self.action.url)
                for tree in (self.action.query, self.action.headers):
                    yield from slots(tree)
                yield from slots(self.action.body)
            case ShellCommand():
                for argument in self.action.arguments:
                    yield from slots(argument.tree)
                yield from slots(self.action.stdin)
            case _:
                pass
