"""Tools as a file would declare them, for tests that call one directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowrun.document import templates
from flowrun.document.slots import Slot, Tree
from flowrun.document.tool import Argument, HttpCall, PythonFunction, ShellCommand, Tool


def slot(source: str) -> Tree:
    """A string of a file: a template, or literal text."""
    template = templates.parse(source)
    return source if template.is_constant else Slot((), template)


def tree(data: Any) -> Tree:
    """Data of a file, in which strings may be templates."""
    match data:
        case str():
            return slot(data)
        case dict():
            return {name: tree(each) for name, each in data.items()}
        case list():
            return tuple(tree(each) for each in data)
        case _:
            return data  # type: ignore[no-any-return]  # plain data


def shell(*command: Any, name: str = "tool", **more: Any) -> Tool:
    """A shell tool; an element may be `{each: …}`, `{option: …}`, or `{each: …, option: True}`."""
    env, stdin = more.pop("env", ()), more.pop("stdin", None)
    arguments = tuple(_argument(each) for each in command)
    return Tool(name, (), ShellCommand(arguments, env, tree(stdin)), **more)


def _argument(element: Any) -> Argument:
    if not isinstance(element, dict):
        return Argument(tree(element))
    said = element.get("each", element.get("option"))
    return Argument(tree(said), is_each="each" in element, may_be_option="option" in element)


def http(url: str, *, method: str = "GET", name: str = "tool", **more: Any) -> Tool:
    """An HTTP tool."""
    words: Mapping[str, Any] = {
        each: tree(more.pop(each)) for each in ("query", "headers", "body") if each in more
    }
    bearer = more.pop("bearer", "")
    return Tool(name, (), HttpCall(method, slot(url), bearer=bearer, **words), **more)


def python(reference: str, *, file: str = "", name: str = "tool", **more: Any) -> Tool:
    """A Python tool, named as `module:function`."""
    module, _, function = reference.partition(":")
    return Tool(name, (), PythonFunction(module, function, file), **more)
