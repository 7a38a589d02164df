"""What a Python function gave, as JSON data and images."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import TypeAlias, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from flowrun.chat.images import Image
from flowrun.digest import MOST_VALUES
from flowrun.errors import ToolError
from flowrun.tools.returned import LARGEST_BYTES

_DEEPEST = 100
_Bytes: TypeAlias = bytes | bytearray | memoryview


def plain(value: object) -> object:
    """The value as JSON data in which images are left, and bytes of a picture become one.

    Read are mappings, lists, tuples, sets, generators, dataclasses, pydantic's models, enums and
    what pydantic can write as JSON: dates, decimals, paths, UUIDs.

    Raises: ToolError that names what is no data, or is too much.
    """
    found = _Reader().read(value, 0)
    _check_size(found)
    return found


class _Reader:
    def __init__(self) -> None:
        self._left = MOST_VALUES

    def read(self, value: object, depth: int) -> object:
        self._left -= 1
        if self._left < 0:
            raise ToolError(f"the function gave more than {MOST_VALUES:,} values")
        if depth > _DEEPEST:
            raise ToolError(f"the function gave data that is nested more than {_DEEPEST} deep")
        match value:
            case Enum():
                return self.read(value.value, depth + 1)
            case None | bool() | Image():
                return value
            case str():
                return _text(value)
            case int():
                return int(value)
            case float():
                return _number(value)
            case bytes() | bytearray() | memoryview():
                return _picture(value)
            case _:
                return self._container(value, depth)

    def _container(self, value: object, depth: int) -> object:
        members = _members(value)
        if members is not None:
            return {_text(_key(name)): self.read(each, depth + 1) for name, each in members.items()}
        if isinstance(value, list | tuple | set | frozenset | range | Iterator):
            return [self.read(each, depth + 1) for each in cast("Iterable[object]", value)]
        try:
            found = to_jsonable_python(value, fallback=_refuse)
        except (PydanticSerializationError, ValueError) as error:
            raise ToolError(f"the function gave {_kind(value)}, which is no data") from error
        return self.read(found, depth + 1)


def _members(value: object) -> Mapping[object, object] | None:
    """The value as a mapping, None if it is none."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return cast("Mapping[object, object]", value.model_dump(by_alias=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return None


def _key(name: object) -> str:
    match name:
        case Enum():
            return _key(name.value)
        case str():
            return name
        case None | bool() | int() | float():
            return json.dumps(name)
        case _:
            raise ToolError(f"the function gave an object with {_kind(name)} as a key")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ToolError("the function gave text that cannot be written as UTF-8") from error
    return str(value)


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ToolError(f"the function gave {value}, which is no number of JSON")
    return float(value)


def _picture(value: _Bytes) -> Image:
    data = bytes(value)
    try:
        return Image.from_bytes(data)
    except ValueError as error:
        raise ToolError(f"the function gave {len(data):,} bytes, but {error}") from error


def _refuse(value: object) -> None:
    raise ValueError(f"{_kind(value)} is no data")


def _kind(value: object) -> str:
    name = type(value).__qualname__
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def _check_size(value: object) -> None:
    size = 0

    def weighed(image: object) -> str:
        nonlocal size
        size += len(cast(Image, image).data)
        return ""

    encode: Callable[[object], Iterator[str]] = json.JSONEncoder(default=weighed).iterencode
    try:
        for piece in encode(value):
            size += len(piece)
            if size > LARGEST_BYTES:
                raise ToolError(f"the function gave more than {LARGEST_BYTES // 2**20} MiB")
    except ValueError as error:  # a whole number of more digits than Python writes
        raise ToolError(f"the function gave what cannot be written as JSON: {error}") from error
