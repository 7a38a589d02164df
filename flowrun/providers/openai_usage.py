"""The `usage` of an OpenAI-compatible reply as disjoint buckets.

Its `prompt_tokens` hold the cached ones and those written to the cache, so these are taken
out; a provider that reports more of them than there are prompt tokens never makes a bucket
negative. Its `completion_tokens` hold the reasoning. Tokens of pictures are a part of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.providers.reading import MOST_COUNTED, count_of


def usage_of(reported: object) -> Usage | None:
    """What a reply says that it used; None where it says nothing of use."""
    if not isinstance(reported, Mapping):
        return None
    prompt = count_of(reported.get("prompt_tokens"))
    output = count_of(reported.get("completion_tokens"))
    cost = _money(reported.get("cost"))
    if prompt is None and output is None and cost is None:
        return None
    details = _details(reported, "prompt_tokens_details")
    made = _details(reported, "completion_tokens_details")
    left, out = prompt or 0, output or 0
    read = min(count_of(details.get("cached_tokens")) or 0, left)
    written = min(count_of(details.get("cache_write_tokens")) or 0, left - read)
    return Usage(
        input_tokens=left - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=out,
        cost_usd=cost,
        reasoning_tokens=min(count_of(made.get("reasoning_tokens")) or 0, out),
        image_input_tokens=min(count_of(details.get("image_tokens")) or 0, left),
        image_output_tokens=min(count_of(made.get("image_tokens")) or 0, out),
    )


def image_usage_of(reported: object) -> Usage | None:
    """The same of the images API, whose output is all pictures where it does not say more."""
    if not isinstance(reported, Mapping):
        return None
    prompt, output = reported.get("input_tokens"), reported.get("output_tokens")
    made = reported.get("output_tokens_details")
    return usage_of(
        {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "prompt_tokens_details": reported.get("input_tokens_details"),
            "completion_tokens_details": {"image_tokens": output} if made is None else made,
        }
    )


def _details(reported: Mapping[object, object], name: str) -> Mapping[object, object]:
    found = reported.get(name)
    return found if isinstance(found, Mapping) else {}


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if 0 <= value <= MOST_COUNTED else None
