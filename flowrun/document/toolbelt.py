"""The tools of a file by name, as steps list, choose and call them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from flowrun.digest import JsonValue
from flowrun.document.slots import SlotReader
from flowrun.document.source import Path
from flowrun.document.tool import McpServer, Tool
from flowrun.errors import did_you_mean

if TYPE_CHECKING:
    from flowrun.document.plan import Plan

Child: TypeAlias = "Callable[[Path, str], Plan | None]"
"""The plan of a file that is named at the path; None if that one is faulty, which is noted."""

_CHOICES = ("auto", "none", "required")


class Toolbelt:
    """Finds declared tools; names that lead nowhere are noted among the slots' diagnostics."""

    def __init__(self, slots: SlotReader, tools: Mapping[str, Tool], child: Child) -> None:
        self._slots = slots
        self._tools = tools
        self.child = child

    def all(self) -> tuple[Tool, ...]:
        """Every declared tool, in the file's order."""
        return tuple(self._tools.values())

    def listed(self, path: Path, names: Sequence[JsonValue]) -> tuple[Tool, ...]:
        """The tools that a step lists; of a server those of its tools that are listed."""
        found: dict[str, Tool] = {}
        for index, name in enumerate(names):
            if (one := self._find((*path, index), str(name))) is not None:
                tool, member = one
                found[tool.name] = _together(found.get(tool.name), tool, member)
        return tuple(found.values())

    def called(self, path: Path, name: str) -> tuple[Tool, str] | None:
        """The tool that a step calls, and which one of a server's; None if it cannot be."""
        found = self._find(path, name)
        if found is None or found[0].is_partial:
            return found
        tool, member = found
        if tool.is_route:
            message = f'tool "{name}" does nothing: it has no implementation to be called'
            mend = "list it under the tools of a step that asks a model"
            self._note(path, name, message, "not-callable", mend)
            return None
        if isinstance(tool.action, McpServer) and not member:
            message, mend = f'"{name}" is a server, and no tool', f"write {name}.TOOL"
            self._note(path, name, message, "not-callable", mend)
            return None
        return found

    def choice(self, path: Path, source: JsonValue, tools: Sequence[Tool]) -> JsonValue:
        """How a tool is chosen, as on the wire; a tool's name alone means that it must be."""
        if source is None or not tools:
            return None
        if isinstance(source, Mapping):
            function = source.get("function")
            path = (*path, "function", "name")
            name = str(function.get("name")) if isinstance(function, Mapping) else ""
        else:
            name = str(source)
            if name in _CHOICES:
                return name
        known = [wire for tool in tools for wire in _wire_names(tool)]
        wire = name.replace(".", "__")
        if wire not in known and not any(_may_hold(tool, wire) for tool in tools):
            message = f'"{name}" is none of the tools of the step'
            owner = name.partition(".")[0]
            if owner in self._tools and all(tool.name != owner for tool in tools):
                mend = f"add {name} to its tools"
            else:
                mend = did_you_mean(wire, known)
            mend = mend or f"write {' or '.join((*_CHOICES, *known[:5]))}"
            self._note(path, name, message, "unknown-tool", mend)
            return None
        return {"type": "function", "function": {"name": wire}}

    def _find(self, path: Path, name: str) -> tuple[Tool, str] | None:
        owner, dot, member = name.partition(".")
        tool = self._tools.get(owner)
        if tool is None:
            mend = did_you_mean(owner, self._tools) or f"declare {owner} under tools"
            self._note(path, name, f'unknown tool "{owner}"', "unknown-tool", mend)
            return None
        if tool.is_partial or not dot:
            return tool, member
        if not isinstance(tool.action, McpServer):
            message = f'tool "{owner}" is no server, and has no tools of its own'
            self._note(path, name, message, "unknown-tool", f"write {owner}")
            return None
        allowed = tool.action.allow
        if allowed is not None and member not in allowed:
            message = f'"{member}" is none of the tools that "{owner}" allows'
            mend = did_you_mean(member, allowed) or f"it allows {', '.join(allowed)}"
            self._note(path, name, message, "unknown-tool", mend)
            return None
        return tool, member

    def _note(self, path: Path, text: str, message: str, code: str, mend: str) -> None:
        self._slots.note(path, message, code, mend=mend, length=len(text))


def _together(before: Tool | None, tool: Tool, member: str) -> Tool:
    """A tool with what was listed of it before: of a server one tool more, or all."""
    if not isinstance(tool.action, McpServer) or not member:
        return tool
    allowed = () if before is None else _allowed(before)
    if allowed is None:
        return tool
    members = tuple(dict.fromkeys((*allowed, member)))
    return replace(tool, action=replace(tool.action, allow=members))


def _allowed(tool: Tool) -> tuple[str, ...] | None:
    assert isinstance(tool.action, McpServer)
    return tool.action.allow


def _wire_names(tool: Tool) -> Iterator[str]:
    """The names by which a model knows the tool, as far as the file tells them."""
    if isinstance(tool.action, McpServer):
        yield from (f"{tool.name}__{each}" for each in tool.action.allow or ())
    else:
        yield tool.name


def _may_hold(tool: Tool, wire: str) -> bool:
    """Whether only the server itself knows if it has a tool of this name."""
    if tool.is_partial:
        return wire.partition("__")[0] == tool.name
    is_open = isinstance(tool.action, McpServer) and tool.action.allow is None
    return is_open and wire.startswith(f"{tool.name}__")
