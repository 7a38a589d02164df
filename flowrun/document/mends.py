"""How to write a value that is of the wrong kind so that it is of the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flowrun.digest import JsonValue
from flowrun.document.outline import step_path
from flowrun.document.source import Path
from flowrun.document.vocabulary import PYTHON_NAME


def mend_of(value: JsonValue, path: Path, wanted: Sequence[str]) -> str:
    """How to mend a value that is of none of the `wanted` kinds; nothing if that is plain."""
    place = path[len(step_path(path)) :]
    return (
        _mend_of_declaration(value, path)
        or _mend_of_use(value, place)
        or _mend_of_any(value, path, wanted)
    )


def _mend_of_any(value: JsonValue, path: Path, wanted: Sequence[str]) -> str:
    match value, wanted:
        case str(text), ["true or false"] if text in _TRUTHS:
            return f"write {_TRUTHS[text]}"
        case str(text), [*_, "a mapping"] if _UNSPACED.match(text):
            return 'write a blank behind ":"'
        case str(text), [*_, "a list"] if "\n" not in text:
            return f"write [{text}]"
        case list(), ["text", "a mapping"] if path[-1] == "foreach":
            return "write the list as an expression, in quotes"
        case int(number), _ if path[-1] == "repeat" and not isinstance(number, bool):
            return f"write {{until: EXPRESSION, max: {number}}}"
        case str(), _ if path[-1] == "repeat":
            return "write {until: EXPRESSION, max: 10}"
        case int() | float() | str(), _ if path[len(step_path(path)) :] == ("budget",):
            return _budget_mend(value)
    return ""


def _budget_mend(value: JsonValue) -> str:
    amount = _AMOUNT.match(str(value))
    return f"write {{usd: {amount[1]}}}" if amount else "write {usd: 0.10}"


def _mend_of_declaration(value: JsonValue, path: Path) -> str:
    """How a tool is declared."""
    match path, value:
        case ("tools",), list():
            return "write the tools as a mapping of their names"
        case ("tools", _), None:
            return "write {description: …}, which makes it a route, or add what it does"
        case ("tools", _), str(text) if PYTHON_NAME.match(text):
            return f'write {{python: "{text}"}}'
        case ("tools", _, "shell") | ("tools", _, "shell" | "mcp", "command"), str(text):
            words = _command(text) if _WORDS.match(text) else "[PROGRAM, ARGUMENT, …]"
            return f"write {words}; no shell parses it"
        case ("tools", _, "http" | "mcp"), str(text) if _ADDRESS.match(text):
            return f'write {{url: "{text}"}}'
        case ("tools", _, "mcp"), str(text) if _WORDS.match(text):
            return f"write {{command: {_command(text)}}}"
        case ("tools", _, "mcp"), list() | str():
            return "write {command: [PROGRAM, …]}"
        case ("tools", _, *_, "shell" | "command" | "headers", _), bool() | int() | float():
            return "write it in quotes"
    return ""


def _command(text: str) -> str:
    """The words of a command line as a list, in quotes where YAML could read something else."""
    plain = (word if _PLAIN.match(word) else f'"{word}"' for word in text.split())
    return f"[{', '.join(plain)}]"


def _mend_of_use(value: JsonValue, place: Path) -> str:
    """How tools are named by a step or the defaults; `place` is the path from the step on."""
    match place, value:
        case ("tools",) | ("tools", int()) | ("defaults", "tools", *_), Mapping():
            return _DECLARED
        case (*_, "tool_choice", "function"), str(text):
            return f"write {{name: {text}}}"
        case (*_, "tool_choice"), list():
            return "write one name"
        case (*_, "uses"), {"file": str(name)}:
            return f"write {name}"
    return ""


def mend_of_form(text: str, kind: str) -> str:
    """How a text was meant that is not of the form that its place gives it."""
    match kind:
        case "python_name":
            return _python_mend(text)
        case "variable" if found := _VARIABLE.match(text.strip()):
            return f"write {found[1]}"
        case _:
            return ""


def _python_mend(text: str) -> str:
    path, colon, function = text.strip().partition(":")
    if not colon:
        path, _, function = path.rpartition(".")
    module = path.removesuffix(".py").removeprefix("./").replace("/", ".")
    meant = f"{module}:{function.strip().removesuffix('()')}"
    return f'write "{meant}"' if PYTHON_NAME.match(meant) else ""


_DECLARED = "declare it under tools at the top of the file, and write its name here"
_UNSPACED = re.compile(r"[\w-]+:[^\s:/]")
_ADDRESS = re.compile(r"https?://[^\s\"]+\Z")
_WORDS = re.compile(r"[A-Za-z0-9_./=+-]+( [A-Za-z0-9_./=+-]+)*\Z")
_PLAIN = re.compile(r"(?!(?:true|false|null)\Z)[A-Za-z/.][\w./=+-]*\Z")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?\Z")
_AMOUNT = re.compile(r"\$?\s*(\d+(?:\.\d+)?)\s*(?:\$|usd|USD)?\Z")
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 took for truths, and people still write."""
