"""What a tool gave, checked before anybody reads it: its form, its size, its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

from flowrun.chat.images import Image
from flowrun.chat.schema import compile_schema
from flowrun.digest import JsonValue, is_crowded
from flowrun.errors import ToolError

LARGEST_BYTES = 10 * 2**20
"""How large a result may be, as JSON, as text or as a picture."""

_LONGEST_PROBLEM = 1_000


def fitting(returns: Mapping[str, JsonValue] | None, value: object) -> object:
    """The value, if it fits the schema that the tool's `returns` says; None says nothing.

    An image counts as the object that a template sees.

    Raises: ToolError that names what is wrong.
    """
    if returns is None:
        return value
    problems = compile_schema(returns).problems(_seen(value))
    if problems:
        said = "; ".join(problems)[:_LONGEST_PROBLEM]
        raise ToolError(f'the result does not fit what "returns" says: {said}')
    return value


def _seen(value: object) -> JsonValue:
    match value:
        case Image():
            return value.facts()
        case Mapping():
            return {str(name): _seen(each) for name, each in value.items()}
        case list() | tuple():
            return [_seen(each) for each in value]
        case _:
            return cast(JsonValue, value)


def data_of(text: str | bytes, what: str) -> JsonValue:
    """JSON text as data; `what` names it in an error.

    Raises: ToolError if it is no JSON, or far too much of it.
    """
    if is_crowded(text):
        raise ToolError(f"{what} is JSON of too many values")
    try:
        return cast(JsonValue, json.loads(text, parse_constant=_refuse))
    except RecursionError as error:
        raise ToolError(f"{what} is nested too deeply") from error
    except ValueError as error:  # UnicodeDecodeError is one
        raise ToolError(f"{what} is not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def wants_data(returns: Mapping[str, JsonValue] | None) -> bool:
    """Whether a schema says for certain that the result is no text."""
    said = returns.get("type") if returns is not None else None
    if isinstance(said, str):
        return said != "string"
    return isinstance(said, Sequence) and "string" not in said
