"""What an unquoted YAML scalar means: the core schema of YAML 1.2, within what JSON can hold."""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
# A number may not start with a needless zero: 010 stays what was written, as the language says.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9A-Fa-f]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Below what any interpreter will turn into text again: its own limit can be set as low as 640.
_MAX_DIGITS = 500


def plain(text: str) -> Scalar:
    """The value of unquoted text.

    Raises: ValueError, in plain words, for a number that JSON cannot hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    return _number(text)


def quoted(text: str) -> str:
    """The text itself.

    Raises: ValueError, in plain words, if an escape in it made half a character.
    """
    if not text.isascii() and (half := _SURROGATE.search(text)):
        raise ValueError(f"\\u{ord(half[0]):04x} is half a character")
    return text


def tagged(kind: str, text: str) -> Scalar:
    """The value of text that is said to be of a kind, as in `!!int "3"`.

    Raises: ValueError, in plain words, for text that is not of this kind.
    """
    if kind == "str":
        return text
    value = plain(text)
    if kind == "float" and type(value) is int:
        return _float(text)
    if type(value) is not _TYPES[kind]:
        raise ValueError(f'"{text[:40]}" is not of the kind {kind}')
    return value


_TYPES: Final[dict[str, type]] = {"int": int, "float": float, "bool": bool, "null": type(None)}
KINDS = frozenset({"str", *_TYPES})
"""The kinds of scalar that a tag may name."""


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        return int(_bounded(text))
    if _OTHER_BASE.fullmatch(text):
        return int(_bounded(text), 0)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f'"{text}" is a number that JSON does not have')
    return text


def _float(text: str) -> float:
    value = float(_bounded(text))
    if math.isinf(value):
        raise ValueError(f'"{text}" is too large a number')
    return value


def _bounded(text: str) -> str:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits is too long: {_MAX_DIGITS} are allowed")
    return text
