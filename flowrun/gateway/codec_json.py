"""A body as plain data: bounded in size and depth, without NaN, infinities or half characters."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from flowrun.digest import MOST_VALUES, JsonValue, is_crowded
from flowrun.gateway.faults import Fault
from flowrun.providers.reading import without_halves

DEEPEST = 100
"""How many levels a body, or JSON inside one of its texts, may have."""


def data_of(body: bytes) -> Mapping[str, JsonValue]:
    """The object that a body is the JSON of. Raises: Fault if it is none that is taken."""
    if is_crowded(body):
        raise _malformed(f"the body holds more than {MOST_VALUES:,} values")
    try:
        text = body.decode()
        data = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise _malformed("the body is not UTF-8") from None
    except RecursionError:
        raise _malformed(f"the body has more than {DEEPEST} levels") from None
    except ValueError as error:
        raise _malformed(f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise _malformed("the body must be a JSON object")
    if _is_deep(text, data):
        raise _malformed(f"the body has more than {DEEPEST} levels")
    if "\\ud" in text or "\\uD" in text:
        data = {without_halves(name): _mended(value) for name, value in data.items()}
    return data


def object_in(text: str) -> Mapping[str, JsonValue]:
    """The object that a text is the JSON of. Raises: ValueError with what is wrong."""
    if is_crowded(text):
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    try:
        data = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST} levels") from None
    if not isinstance(data, dict):
        raise ValueError("it is JSON, but no object")
    if _is_deep(text, data):
        raise ValueError(f"it has more than {DEEPEST} levels")
    return data


def _is_deep(text: str, value: JsonValue) -> bool:
    """Whether the data that is read from a text has more than `DEEPEST` levels."""
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)  # type: ignore[union-attr]  # only containers are in it
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _mended(value: JsonValue) -> JsonValue:
    """The same data; a half of a character that stands alone becomes U+FFFD."""
    match value:
        case str():
            return without_halves(value)
        case list():
            return [_mended(each) for each in value]
        case dict():
            return {without_halves(name): _mended(each) for name, each in value.items()}
        case _:
            return value


def _malformed(message: str) -> Fault:
    return Fault(400, message, code="invalid_json")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
