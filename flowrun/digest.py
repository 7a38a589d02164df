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
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def digest(tag: str, value: JsonValue) -> str:
    """The sha256 of `value` under `tag`, as 64 hex digits.

    The tag keeps digests of different kinds of things apart, and carries their version
    ("request/1"), so that a new meaning never meets an old key.
    """
    return hashlib.sha256(tag.encode() + b"\0" + canonical(value)).hexdigest()
