"""Canonical JSON and its tagged digest: equal values give equal bytes, so equal keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
"""Plain data as JSON knows it; mappings have text keys."""


def canonical(value: JsonValue) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8, no NaN.

    Raises: ValueError for NaN, infinities and lone surrogates.
    """
    return _ENCODER.encode(value).encode()


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
"""Made once: making one takes as long as a small value."""


def digest(tag: str, value: JsonValue) -> str:
    """The sha256 of `value` under `tag`, as 64 hex digits.

    The tag keeps digests of different kinds of things apart, and carries their version
    ("request/1"), so that a new meaning never meets an old key.
    """
    return hashlib.sha256(tag.encode() + b"\0" + canonical(value)).hexdigest()


MOST_VALUES = 500_000
"""How many values foreign JSON may hold: as data each takes up to thirty times its text."""


def is_crowded(text: str | bytes) -> bool:
    """Whether JSON may hold more than `MOST_VALUES`, told without reading it.

    Signs within texts count too; base64 has none of them.
    """
    if isinstance(text, str):
        return text.count("[") + text.count("{") + text.count(",") > MOST_VALUES
    return text.count(b"[") + text.count(b"{") + text.count(b",") > MOST_VALUES
