"""The `usage` of Anthropic's protocol as disjoint buckets, which it has already.

Its `input_tokens` hold neither the cached ones nor those written to the cache; its
`output_tokens` hold the thinking. In a stream it is told twice, the second time as the sum.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.usage import Usage
from flowrun.providers.reading import count_of


class UsageSoFar:
    """What a reply said that it used; what is told later stands for what was told before."""

    def __init__(self) -> None:
        self._told: dict[str, object] = {}

    def hear(self, usage: object) -> None:
        """Takes in a `usage`; what it does not say stays as it was."""
        if isinstance(usage, Mapping):
            self._told |= {name: value for name, value in usage.items() if value is not None}

    def so_far(self) -> Usage | None:
        """The usage; None where nothing was said."""
        if not self._told:
            return None
        by_age = self._told.get("cache_creation")
        ages = by_age if isinstance(by_age, Mapping) else {}
        hour = count_of(ages.get("ephemeral_1h_input_tokens")) or 0
        written = count_of(self._told.get("cache_creation_input_tokens"))
        if written is None:
            written = sum(count_of(each) or 0 for each in ages.values())
        hour = min(hour, written)
        return Usage(
            count_of(self._told.get("input_tokens")) or 0,
            count_of(self._told.get("cache_read_input_tokens")) or 0,
            written - hour,
            count_of(self._told.get("output_tokens")) or 0,
            cache_write_1h_tokens=hour,
        )
