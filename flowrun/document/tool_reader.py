"""The tools that a file declares, read and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from math import inf
from typing import cast
from urllib.parse import urlsplit

from flowrun.digest import JsonValue
from flowrun.document.arguments import known_parameters
from flowrun.document.ask_reader import listed
from flowrun.document.python_tools import PythonTools
from flowrun.document.schemas import Schemas
from flowrun.document.slots import Slot, Tree
from flowrun.document.source import Path
from flowrun.document.templates import GLOBALS, Fault
from flowrun.document.tool import (
    Action,
    Argument,
    HttpCall,
    McpServer,
    ShellCommand,
    SubPipeline,
    Tool,
)
from flowrun.document.toolbelt import Child
from flowrun.document.vocabulary import seconds
from flowrun.errors import did_you_mean

Data = Mapping[str, JsonValue]
_NOTHING: Data = {"type": "object", "properties": {}}
_LITERAL_HOST = re.compile(r"https?://[^/?#\s\\{}]+(?=[/?#]|\Z)", re.IGNORECASE)

_ORIGIN = re.compile(r"(?:\w+://)?[^/?#]*")
_NO_PASSWORD = "write no name or password there; bearer names the variable of a token"


class ToolReader:
    """Reads declarations; faults are noted among the slots' diagnostics.

    `lacking` are the places out of which something faulty was left.
    """

    def __init__(
        self, schemas: Schemas, child: Child, folder: str, lacking: Collection[Path]
    ) -> None:
        self._slots = schemas.slots
        self._schemas = schemas
        self._child = child
        self._folder = folder
        self._lacking = lacking
        self._python = PythonTools(schemas.slots)

    def tools(self, data: Data, names: Collection[str]) -> dict[str, Tool]:
        """The tools by name; one that is in `names` alone is too faulty to be read."""
        found: dict[str, Tool] = {}
        for name in names:
            spec, path = data.get(name), ("tools", name)
            if isinstance(spec, Mapping) and path not in self._lacking:
                found[name] = self._tool(path, spec)
            else:
                found[name] = self._declared(path, is_partial=True)
        return found

    def _declared(self, path: Path, *, is_partial: bool = False) -> Tool:
        origin = self._slots.loaded.path
        return Tool(str(path[-1]), path, origin=origin, folder=self._folder, is_partial=is_partial)

    def _tool(self, path: Path, spec: Data) -> Tool:
        told = len(self._slots.diagnostics)
        timeout = spec.get("timeout")
        tool = replace(
            self._declared(path),
            description=str(spec.get("description", "")),
            parameters=self._parameters((*path, "parameters"), spec.get("parameters")),
            returns=self._schema((*path, "returns"), spec.get("returns")),
            is_pure=spec.get("pure") is True,
            timeout_s=seconds(timeout) if isinstance(timeout, str) else _timeout_s(spec),
        )
        tool = self._acting(tool, spec)
        self._check_names(tool)
        return replace(tool, is_partial=tool.is_partial or len(self._slots.diagnostics) > told)

    def _parameters(self, path: Path, source: JsonValue) -> Data | None:
        schema = self._schema(path, source)
        if schema is None:
            return None
        if (kind := schema.get("type", "object")) != "object":
            message = f'"parameters" are the schema of an object, not of "{kind}"'
            mend = "write {type: object, properties: {…}}"
            self._slots.note(path, message, "bad-schema", mend=mend)
        return {"type": "object", **schema}

    def _schema(self, path: Path, source: JsonValue) -> Data | None:
        return None if source is None else self._schemas.plain(path, source)

    def _acting(self, tool: Tool, spec: Data) -> Tool:
        """The tool with what it does, and with what that tells of its parameters."""
        path = tool.path
        if isinstance(python := spec.get("python"), str):
            return self._python.tool(tool, (*path, "python"), python)
        if isinstance(uses := spec.get("uses"), str):
            return self._pipeline(tool, (*path, "uses"), uses)
        if isinstance(server := spec.get("mcp"), Mapping):
            if url := str(server.get("url", "")):
                self._check_host((*path, "mcp", "url"), _origin(url))
            return replace(tool, action=_server(server))
        action: Action | None = None
        if isinstance(http := spec.get("http"), Mapping):
            action = self._http((*path, "http"), http)
        elif (shell := spec.get("shell")) is not None:
            action = self._shell((*path, "shell"), shell)
        parameters = _NOTHING if tool.parameters is None else tool.parameters
        return replace(tool, action=action, parameters=parameters)

    def _http(self, path: Path, data: Data) -> HttpCall:
        url = str(data.get("url", ""))
        host = _LITERAL_HOST.match(url)
        if host is None:
            self._slots.note(
                (*path, "url"),
                "the scheme and the host of an address are written out",
                "wrong-value",
                why="whoever fills the template would choose where the request goes",
                mend="begin it with https:// and a host: https://example.org/{{ path }}",
                length=len(url.partition("\n")[0]),
            )
        else:
            self._check_host((*path, "url"), host[0])
        return HttpCall(
            str(data.get("method", "GET")),
            self._slots.tree((*path, "url"), url),
            self._mapping((*path, "query"), data.get("query")),
            self._mapping((*path, "headers"), data.get("headers")),
            self._slots.tree((*path, "body"), data.get("body")),
            str(data.get("bearer", "")),
        )

    def _check_host(self, path: Path, origin: str) -> None:
        """Notes a scheme and a host, without any template, that no request can reach."""
        if _is_host(origin):
            return
        self._slots.note(
            path,
            f'"{origin}" is no address of a server',
            "wrong-value",
            why="a host is a name or an IP address, and a port 1 to 65535",
            mend=_NO_PASSWORD if "@" in origin else "",
            length=len(origin),
        )

    def _mapping(self, path: Path, data: JsonValue) -> Mapping[str, Tree]:
        found = self._slots.tree(path, data)
        return found if isinstance(found, Mapping) else {}

    def _shell(self, path: Path, data: JsonValue) -> ShellCommand:
        if not isinstance(data, Mapping):
            return ShellCommand(self._arguments(path, data))
        return ShellCommand(
            self._arguments((*path, "command"), data.get("command")),
            tuple(str(each) for each in listed(data.get("env"))),
            self._slots.tree((*path, "stdin"), data.get("stdin")),
        )

    def _arguments(self, path: Path, command: JsonValue) -> tuple[Argument, ...]:
        found: list[Argument] = []
        for index, each in enumerate(listed(command)):
            place: Path = (*path, index)
            if isinstance(each, Mapping):
                key = "each" if "each" in each else "option"
                tree = self._slots.tree((*place, key), each[key])
                found.append(Argument(tree, key == "each", key == "option"))
            else:
                found.append(Argument(self._slots.tree(place, str(each))))
        return tuple(found)

    def _pipeline(self, tool: Tool, path: Path, name: str) -> Tool:
        plan = self._child(path, name)
        if plan is None:
            return replace(tool, is_partial=True)
        properties: dict[str, JsonValue] = {}
        required: list[str] = []
        for each in plan.inputs:
            if each.is_required:
                required.append(each.name)
            if each.kind == "data":
                default = {} if each.is_required else {"default": cast(JsonValue, each.default)}
                properties[each.name] = {**each.schema, **default}
            elif each.is_required:
                message = f'"{name}" needs the {each.kind} "{each.name}", which no call can give'
                mend = f"give the input {each.name} a default there"
                self._slots.note(path, message, "missing-input", mend=mend, length=len(name))
        parameters: Data = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        return replace(
            tool,
            action=SubPipeline(plan),
            description=tool.description or plan.description,
            parameters=parameters if tool.parameters is None else tool.parameters,
        )

    def _check_names(self, tool: Tool) -> None:
        """Notes names in the tool's templates that are none of its arguments."""
        known = known_parameters(tool.parameters or {})
        if known is None:
            return
        for slot in tool.slots():
            for reference in slot.template.references:
                if reference.name not in known and reference.name not in GLOBALS:
                    self._unknown(slot, reference.name, reference.offset, known)

    def _unknown(self, slot: Slot, name: str, offset: int, known: Collection[str]) -> None:
        mend = did_you_mean(name, known)
        if not mend:
            mend = f"it takes {', '.join(known)}" if known else f"declare {name} under parameters"
        message, length = f'"{name}" is none of the parameters of the tool', len(name)
        if not slot.template.source.startswith(name, offset):
            message += ", in a file that is brought in here"
            length = 1
        why = "the templates of a tool see its arguments and nothing else"
        fault = Fault(offset, length, message, "unknown-parameter", why, mend)
        self._slots.diagnostics.append(slot.diagnostic(self._slots.loaded, fault))


def _origin(url: str) -> str:
    """The scheme and the host of an address without templates."""
    found = _ORIGIN.match(url)
    return found[0] if found else url


def _is_host(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return bool(parts.hostname) and parts.port != 0 and not set("@%") & set(parts.netloc)
    except ValueError:
        return False


def _timeout_s(spec: Data) -> float:
    """How long a call may take where nothing is said; a pipeline as long as its steps do."""
    return inf if "uses" in spec else 60.0


def _server(data: Data) -> McpServer:
    allow = data.get("allow")
    return McpServer(
        tuple(str(each) for each in listed(data.get("command"))),
        str(data.get("url", "")),
        tuple(str(each) for each in listed(data.get("env"))),
        str(data.get("bearer", "")),
        None if allow is None else tuple(str(each) for each in listed(allow)),
    )
