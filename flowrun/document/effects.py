"""What a run of a file would run or fetch on this machine, read off its plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Literal, TypeAlias, assert_never
from urllib.parse import urlsplit

from flowrun.dataclass import dataclass
from flowrun.document.plan import Plan
from flowrun.document.slots import Slot, Tree
from flowrun.document.task import inner_tasks
from flowrun.document.tool import (
    Argument,
    HttpCall,
    McpServer,
    PythonFunction,
    ShellCommand,
    SubPipeline,
    Tool,
)

EffectKind: TypeAlias = Literal["python", "http", "shell", "mcp"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one tool does outside of flowrun.

    `origin` is the file that declares it, as shown, and `what` what it runs or fetches, as the
    file says it. `env` are the environment variables that it is given. `runs_code`: it runs a
    function or a program on this machine. `is_used`: a step calls it or lets a model call it.
    """

    origin: str
    tool: str
    kind: EffectKind
    what: str
    env: tuple[str, ...] = ()
    runs_code: bool = False
    is_used: bool = False


def effects(plan: Plan) -> tuple[Effect, ...]:
    """The effects of all tools that a file declares, and of the files that it uses."""
    reached = _reached(plan)
    found: list[Effect] = []
    for each in plan.plans():
        used = reached.get(id(each), frozenset())
        for tool in each.tools:
            found += _effects_of(tool, is_used=tool.name in used)
    return tuple(found)


def _reached(plan: Plan) -> dict[int, frozenset[str]]:
    """The plans that a run may come to, each with the names of the tools that its steps use."""
    found: dict[int, frozenset[str]] = {}
    waiting = [plan]
    while waiting:
        each = waiting.pop()
        if id(each) in found:
            continue
        tasks = list(inner_tasks(each.tasks))
        tools = [tool for task in tasks for tool in task.tools()]
        found[id(each)] = frozenset(tool.name for tool in tools)
        waiting += [task.uses.plan for task in tasks if task.uses is not None]
        waiting += [tool.action.plan for tool in tools if isinstance(tool.action, SubPipeline)]
    return found


def _effects_of(tool: Tool, *, is_used: bool) -> Iterator[Effect]:
    match tool.action:
        case None | SubPipeline():
            return
        case PythonFunction(module, function, file):
            kind: EffectKind = "python"
            what = f"{module}:{function}" + (f" ({file})" if file else "")
            env: tuple[str, ...] = ()
        case HttpCall() as call:
            kind, what, env = "http", f"{call.method} {_host(call.url)}", _one(call.bearer)
        case ShellCommand() as command:
            kind, env = "shell", command.env
            what = " ".join(_shown(each) for each in command.arguments)
        case McpServer() as server:
            kind, env = "mcp", (*server.env, *_one(server.bearer))
            what = shlex.join(server.command) if server.command else server.url
        case _ as never:
            assert_never(never)
    yield Effect(tool.origin, tool.name, kind, what, env, tool.runs_code, is_used)


def _one(name: str) -> tuple[str, ...]:
    return (name,) if name else ()


def _host(url: Tree) -> str:
    """The scheme and the host, which are literal."""
    source = url.template.source if isinstance(url, Slot) else str(url)
    parts = urlsplit(source.partition("{")[0])
    return f"{parts.scheme}://{parts.netloc}"


def _shown(argument: Argument) -> str:
    tree = argument.tree
    source = tree.template.source if isinstance(tree, Slot) else str(tree)
    return shlex.quote(source) + (" …" if argument.is_each else "")
