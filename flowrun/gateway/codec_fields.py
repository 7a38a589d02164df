"""The fields of a body, each read as what it must be; whatever else it is, is the caller's fault.

A field that is null counts as one that is not there. Whole numbers may be spelled as `2.0`, as
some clients do with every number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from flowrun.digest import JsonValue
from flowrun.errors import did_you_mean
from flowrun.gateway.faults import Fault
from flowrun.providers.wording import brief

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What functions and schemas may be called."""

_LONGEST_NAME = 64


def refused(param: str, message: str) -> Fault:
    """The fault of one field."""
    return Fault(400, message, code="invalid_request", param=param)


def object_of(value: JsonValue, param: str) -> Mapping[str, JsonValue]:
    """An object. Raises: Fault if it is none."""
    if not isinstance(value, dict):
        raise refused(param, f'"{param}" must be an object, not {_kind(value)}')
    return value


def list_of(value: JsonValue, param: str, *, most: int) -> list[JsonValue]:
    """A list of at most so many. Raises: Fault if it is none."""
    if not isinstance(value, list):
        raise refused(param, f'"{param}" must be a list, not {_kind(value)}')
    if len(value) > most:
        raise refused(param, f'"{param}" has {len(value)} items, and may have at most {most}')
    return value


def text_of(value: JsonValue, param: str, *, longest: int | None = None) -> str:
    """A text. Raises: Fault if it is none, or has more characters than it may."""
    if not isinstance(value, str):
        raise refused(param, f'"{param}" must be a text, not {_kind(value)}')
    if longest is not None and len(value) > longest:
        raise refused(param, f'"{param}" may have at most {longest} characters')
    return value


def truth_of(value: JsonValue, param: str) -> bool:
    """True or false. Raises: Fault if it is neither."""
    if not isinstance(value, bool):
        raise refused(param, f'"{param}" must be true or false, not {_kind(value)}')
    return value


def number_of(value: JsonValue, param: str, least: float, most: float) -> int | float:
    """A number within its bounds. Raises: Fault if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(param, f'"{param}" must be a number, not {_kind(value)}')
    if not least <= value <= most:
        raise refused(param, f'"{param}" must be from {least} to {most}, not {_shown(value)}')
    return value


def whole_of(value: JsonValue, param: str, least: int, most: int) -> int:
    """A whole number within its bounds. Raises: Fault if it is none."""
    number = number_of(value, param, least, most)
    if number != int(number):
        raise refused(param, f'"{param}" must be a whole number, not {_shown(number)}')
    return int(number)


def one_of(value: JsonValue, param: str, choices: Collection[str]) -> str:
    """One of some words. Raises: Fault if it is none of them."""
    word = text_of(value, param)
    if word not in choices:
        known = ", ".join(choices)
        raise refused(param, f'"{param}" must be one of {known}, not "{brief(word, limit=60)}"')
    return word


def name_of(value: JsonValue, param: str) -> str:
    """The name of a function or a schema. Raises: Fault if it cannot be one."""
    name = text_of(value, param)
    if not NAME.fullmatch(name):
        raise refused(
            param, f'"{param}" must be 1 to {_LONGEST_NAME} letters, digits, underscores or dashes'
        )
    return name


def refuse_unknown(data: Mapping[str, JsonValue], known: Collection[str], param: str) -> None:
    """Raises: Fault for the first field that is not known, and is not null."""
    for name, value in data.items():
        if name not in known and value is not None:
            shown = brief(name, limit=_LONGEST_NAME)
            mend = did_you_mean(shown, known)
            said = f'"{shown}" is not a field that is known here{f": {mend}" if mend else ""}'
            raise refused(f"{param}.{shown}" if param else shown, said)


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {_shown(value)}"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _shown(number: float) -> str:
    """A number as it was written; of one of many digits only that."""
    return str(number) if abs(number) < 10**18 else "one of many digits"
