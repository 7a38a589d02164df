"""The `usage` of an OpenAI-compatible reply as disjoint buckets.

Its `prompt_tokens` hold the cached ones and those written to the cache, so these are taken
out; a provider that reports more of them than there are prompt tokens never makes a bucket
negative. Its `completion_tokens` hold the reasoning.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flowrun.chat.usage import Usage

_MOST = 10**12


def usage_of(reported: object) -> Usage | None:
    """What a reply says that it used; None where it says nothing of use."""
    if not isinstance(reported, Mapping):
        return None
    prompt = count_of(reported.get("prompt_tokens"))
    output = count_of(reported.get("completion_tokens"))
    cost = _money(reported.get("cost"))
    if prompt is None and output is None and cost is None:
        return None
    details = reported.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    left = prompt or 0
    read = min(count_of(details.get("cached_tokens")) or 0, left)
    written = min(count_of(details.get("cache_write_tokens")) or 0, left - read)
    return Usage(
        input_tokens=left - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output or 0,
        cost_usd=cost,
    )


def count_of(value: object) -> int | None:
    """A number of tokens; None for what is none, text and fractions among it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST else None


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if 0 <= value <= _MOST else None
