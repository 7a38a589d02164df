from __future__ import annotations

import collections
import datetime
import decimal
import enum
import io
import pathlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import BaseModel, Field

from flowrun.chat.images import Image
from flowrun.errors import ToolError
from flowrun.tools.python_results import plain


def picture(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (3, 2)).save(buffer, kind)
    return buffer.getvalue()


class Colour(enum.Enum):
    RED = "red"


class Weekday(enum.StrEnum):
    MONDAY = "Mon"


@dataclass
class Point:
    x: int
    shown: object = None


class Item(BaseModel):
    name: str = Field(alias="called")
    data: bytes = b""


class Pair(tuple[int, int]):
    pass


def numbers() -> Iterator[int]:
    yield from (1, 2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2.5, 2.5),
        ("a", "a"),
        ([1, [2]], [1, [2]]),
        ((1, 2), [1, 2]),
        (Pair((1, 2)), [1, 2]),
        (range(2), [0, 1]),
        (frozenset([1]), [1]),
        (numbers(), [1, 2]),
        (collections.deque([1]), [1]),
        ({"a": {1: 2}}, {"a": {"1": 2}}),
        ({None: 1, True: 2, Colour.RED: 3}, {"null": 1, "true": 2, "red": 3}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (Colour.RED, "red"),
        (Weekday.MONDAY, "Mon"),
        (Point(1), {"x": 1, "shown": None}),
        (Item(called="x", data=picture()), {"called": "x", "data": Image.from_bytes(picture())}),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.timedelta(days=1), "P1D"),
        (decimal.Decimal("1.50"), "1.50"),
        (pathlib.Path("/tmp/a"), "/tmp/a"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Image.from_bytes(picture()), Image.from_bytes(picture())),
        (picture("GIF"), Image.from_bytes(picture("GIF"))),
        (bytearray(picture("JPEG")), Image.from_bytes(picture("JPEG"))),
        ([memoryview(picture("WEBP"))], [Image.from_bytes(picture("WEBP"))]),
    ],
)
def test_what_becomes_data(given: Any, expected: object) -> None:
    found = plain(given)
    assert found == expected
    assert type(found) is type(expected)


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


CYCLE: list[Any] = []
CYCLE += [CYCLE, CYCLE]


class Stranger:
    pass


def failing() -> Iterator[int]:
    yield 1
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (Stranger(), "the function gave a Stranger, which is no data"),
        ([{"a": Stranger}], "the function gave a type, which is no data"),
        (object(), "the function gave an object, which is no data"),
        ({Stranger: 1}, "the function gave an object with a type as a key"),
        (float("nan"), "the function gave nan, which is no number of JSON"),
        ("\ud800", "the function gave text that cannot be written as UTF-8"),
        ({"\ud800": 1}, "the function gave text that cannot be written as UTF-8"),
        (b"data", "the function gave 4 bytes, but the bytes are no PNG, JPEG, GIF or WebP picture"),
        (nested(101), "the function gave data that is nested more than 100 deep"),
        (CYCLE, "the function gave data that is nested more than 100 deep"),
        (range(500_001), "the function gave more than 500,000 values"),
        ("x" * 11_000_000, "the function gave more than 10 MiB"),
        (10**5000, "the function gave what cannot be written as JSON: Exceeds the limit "
         "(4300 digits) for integer string conversion; use sys.set_int_max_str_digits() "
         "to increase the limit"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_data_is_named(given: object, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        plain(given)
    assert str(caught.value) == problem


def test_pictures_count_as_well() -> None:
    large = Image.from_bytes(
        picture()[:-12] + b"\0\x50\0\0teXt" + bytes(0x500000 + 4) + picture()[-12:]
    )
    assert plain(large) == large
    with pytest.raises(ToolError, match="more than 10 MiB"):
        plain([large, large])


def test_what_breaks_while_it_is_read_is_raised() -> None:
    with pytest.raises(ValueError, match="broken"):
        plain(failing())
