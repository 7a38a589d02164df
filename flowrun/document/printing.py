"""How a template's values become plain data, JSON and text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from jinja2.runtime import Undefined

from flowrun.chat.images import Image
from flowrun.document.budget import NODE, STEP, Budget, weigh
from flowrun.document.faults import Refusal, kind_of
from flowrun.errors import did_you_mean

_DATA_DEPTH = 100
_SUGGESTED_FROM = 200


class Mixed:
    """Text with images in it, as a macro or a block of a prompt gives it."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Iterable[str | Image]) -> None:
        self.pieces = tuple(pieces)


def refusal(message: str, *values: object) -> Refusal:
    """The refusal of values, to be raised; one that is not there at all says so itself.

    Raises: Jinja's UndefinedError.
    """
    for value in values:
        if isinstance(value, Undefined):
            str(value)
    return Refusal(message)


_SCALARS = frozenset((str, int, float, bool, type(None)))


def plain(budget: Budget, value: object, *, depth: int = 0) -> object:
    """The value as JSON's types, with images left in; lists and objects are new ones.

    Raises: Refusal for what is no data, such as a macro.
    """
    if type(value) in _SCALARS or isinstance(value, Image):
        return value
    if depth > _DATA_DEPTH:
        raise Refusal(f"nests lists or objects more than {_DATA_DEPTH} deep")
    if isinstance(value, Mapping):
        budget.spend(4 * STEP + 2 * NODE * len(value))
        return {_key_text(key): plain(budget, each, depth=depth + 1) for key, each in value.items()}
    if isinstance(value, Mixed):
        raise Refusal("puts an image where only text can stand")
    if isinstance(value, (list, tuple, range)):
        budget.spend(4 * STEP + NODE * len(value))
        return [plain(budget, each, depth=depth + 1) for each in value]
    if isinstance(value, str):
        return str(value)
    raise refusal("gives a macro, a function or a namespace, which is no data", value)


def _key_text(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def as_text(budget: Budget, value: object) -> str:
    """The value as it stands in text: objects and lists as JSON, true, false and null likewise.

    Raises: Refusal for an image, and for what is no data.
    """
    match value:
        case str():
            return str(value)
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return str(value)
        case Image() | Mixed():
            raise Refusal("puts an image where only text can stand")
        case _:
            return as_json(budget, value)


def as_json(budget: Budget, value: object, *, indent: int | None = None) -> str:
    """The value as JSON, characters as they are.

    Raises: Refusal for an image, and for what is no data.
    """
    data = plain(budget, value)
    indented = 0 if indent is None else indent * _DATA_DEPTH // 4
    weigh(budget, data)
    text = json.dumps(data, ensure_ascii=False, indent=indent, default=_refuse)
    budget.text(len(text) + indented)
    return text


def _refuse(_value: object) -> str:
    raise Refusal("prints a list or an object that holds an image, where only text can stand")


def suggestion(name: object, known: Iterable[object]) -> str:
    """The known name nearest to `name`, as the end of a message; or nothing."""
    names = [each for each, _ in zip(known, range(_SUGGESTED_FROM), strict=False)]
    mend = did_you_mean(str(name), [each for each in names if isinstance(each, str)])
    return f"; {mend}" if mend else ""


def scalar_key(key: object) -> object:
    """The key, if it may be the key of an object.

    Raises: Refusal otherwise: hashing a list of lists of lists can end the process.
    """
    if type(key) in _SCALARS or isinstance(key, str):
        return key
    raise refusal(f"uses {kind_of(key)} as the key of an object", key)
