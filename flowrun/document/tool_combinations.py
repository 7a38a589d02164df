"""Faults of form of tools that no single key shows: what each kind of tool is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flowrun.digest import JsonValue
from flowrun.document.combinations import lost
from flowrun.document.outline import Flaw, section
from flowrun.document.source import Loaded, Path
from flowrun.document.spec_values import is_template
from flowrun.document.vocabulary import TOOL_KINDS
from flowrun.errors import did_you_mean

_Data = Mapping[str, JsonValue]
_LONGEST_NAME = 64
"""What providers take as the name of a tool."""

_OF_A_ROUTE = ("returns", "pure", "timeout")
_BESIDE = {
    "uses": {
        "parameters": "the other file's inputs are its parameters",
        "returns": "the other file's outputs are what it gives",
    },
    "mcp": {
        "parameters": "the server says what its tools take",
        "returns": "the server says what its tools give",
    },
}
"""What a kind of tool knows by itself."""


def tool_flaws(loaded: Loaded, data: _Data) -> Iterator[Flaw]:
    """The faults that each tool's declaration shows by itself."""
    for name, tool in section(data, "tools").items():
        path: Path = ("tools", name)
        if len(name) > _LONGEST_NAME:
            yield _long_name(loaded, path)
        if isinstance(tool, Mapping):
            yield from _kind_flaws(loaded, path, tool)
            yield from _http_flaws(loaded, (*path, "http"), section(tool, "http"))
            yield from _shell_flaws(loaded, (*path, "shell"), tool.get("shell"))
            if isinstance(server := tool.get("mcp"), Mapping):
                yield from _mcp_flaws(loaded, (*path, "mcp"), server)


def _long_name(loaded: Loaded, path: Path) -> Flaw:
    name = str(path[-1])
    diagnostic = loaded.diagnostic(
        loaded.key_mark(path),
        f"the name of a tool has {_LONGEST_NAME} characters at most, not {len(name)}",
        "bad-name",
        mend="choose a shorter name",
        length=len(name),
    )
    return Flaw(None, diagnostic)


def _kind_flaws(loaded: Loaded, path: Path, tool: _Data) -> Iterator[Flaw]:
    kinds = [key for key in TOOL_KINDS if key in tool]
    for extra in kinds[1:]:
        problem = f"cannot stand beside {kinds[0]}: a tool has one implementation"
        yield lost(loaded, (*path, extra), problem)
    if kinds:
        for key, reason in _BESIDE.get(kinds[0], {}).items():
            if key in tool:
                yield lost(loaded, (*path, key), f"has no meaning beside {kinds[0]}: {reason}")
    elif not _is_misspelt(tool, TOOL_KINDS):
        for key in _OF_A_ROUTE:
            if key in tool:
                problem = "has no effect: a tool without an implementation is a route, never run"
                mend = f"add one of {', '.join(TOOL_KINDS)}, or leave it out"
                yield lost(loaded, (*path, key), problem, mend)


def _http_flaws(loaded: Loaded, path: Path, http: _Data) -> Iterator[Flaw]:
    method = http.get("method", "GET")
    if "body" in http and method in ("GET", "HEAD"):
        mend = "leave it out" if "method" in http else "add method: POST"
        yield lost(loaded, (*path, "body"), f"cannot stand beside the method {method}", mend)
    if "bearer" in http:
        for name in section(http, "headers"):
            if name.lower() == "authorization":
                yield lost(loaded, (*path, "headers", name), "cannot stand beside bearer")


def _shell_flaws(loaded: Loaded, path: Path, shell: JsonValue) -> Iterator[Flaw]:
    if isinstance(shell, Mapping):
        path, shell = (*path, "command"), shell.get("command")
    for index, each in enumerate(shell if isinstance(shell, list) else ()):
        place: Path = (*path, index)
        if index == 0 and (
            isinstance(each, Mapping) or (isinstance(each, str) and is_template(each))
        ):
            message = "the program must be plain text, and no template"
            yield _wrong(loaded, place, message, "write the program's name first")
        elif index == 0 and each == "":
            yield _wrong(loaded, place, "the program must not be empty", "")
        elif isinstance(each, Mapping):
            yield from _argument_flaws(loaded, place, each)


def _argument_flaws(loaded: Loaded, path: Path, argument: _Data) -> Iterator[Flaw]:
    if "each" in argument and "option" in argument:
        yield lost(loaded, (*path, "option"), "cannot stand beside each")
    elif not argument.keys() & {"each", "option"} and not _is_misspelt(
        argument, ("each", "option")
    ):
        message = f"entry {int(path[-1]) + 1} of the command has neither each nor option"
        yield _wrong(loaded, path, message, "write text, {each: …} or {option: …}")


def _mcp_flaws(loaded: Loaded, path: Path, server: _Data) -> Iterator[Flaw]:
    if "command" in server and "url" in server:
        yield lost(loaded, (*path, "url"), "cannot stand beside command: a server is one of them")
    elif "command" in server and "bearer" in server:
        yield lost(loaded, (*path, "bearer"), "has no effect without url", "pass it under env")
    elif "url" in server and "env" in server:
        yield lost(loaded, (*path, "env"), "has no effect without command")
    elif not server.keys() & {"command", "url"} and not _is_misspelt(server, ("command", "url")):
        diagnostic = loaded.diagnostic(
            loaded.key_mark(path),
            '"mcp" has neither command nor url',
            "missing-key",
            mend="add command: [PROGRAM, …], or the server's url",
            length=len("mcp"),
        )
        yield Flaw(path, diagnostic)


def _is_misspelt(part: _Data, keys: Sequence[str]) -> bool:
    """Whether one of these keys seems to be there under a wrong name."""
    return any(did_you_mean(key, keys) for key in part)


def _wrong(loaded: Loaded, path: Path, message: str, mend: str) -> Flaw:
    diagnostic = loaded.diagnostic(loaded.mark(path), message, "wrong-value", mend=mend)
    return Flaw(path, diagnostic)
