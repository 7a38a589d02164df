"""A tool's templates filled with the arguments of a call."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flowrun.digest import JsonValue
from flowrun.document.slots import Slot, Tree, fill
from flowrun.document.templates import TemplateError
from flowrun.errors import ToolError


def filled(tree: Tree, arguments: Mapping[str, JsonValue]) -> object:
    """What the tree gives; it sees the arguments and nothing else. Raises: ToolError."""
    try:
        return fill(tree, arguments)
    except TemplateError as error:
        raise ToolError(f"a template of the tool failed: {error}") from error


def word(value: object) -> str:
    """A value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def json_text(value: object) -> str:
    """A value as JSON. Raises: ToolError if it is no data."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ToolError(f"a template of the tool gives what is no JSON: {error}") from error


def encoded(text: str, what: str) -> bytes:
    """Text as UTF-8; `what` names it in an error. Raises: ToolError for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ToolError(f"{what} holds a character that cannot be written as UTF-8") from error


def source(tree: Tree) -> JsonValue:
    """The tree as the file says it: what a tool's version is made of."""
    match tree:
        case Slot():
            return {"template": tree.template.source}
        case tuple():
            return [source(each) for each in tree]
        case Mapping():
            return {"fields": {name: source(each) for name, each in tree.items()}}
        case _:
            return tree
