"""The `usageMetadata` of Gemini's protocol as disjoint buckets.

Its `promptTokenCount` holds the cached ones, so these are taken out; what its own tools read
comes on top. Its `candidatesTokenCount` does not hold the thoughts. In a stream it is told again
and again, each time as the sum.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.usage import Usage
from flowrun.providers.reading import count_of, items_of


class UsageSoFar:
    """What a reply said that it used; what is told later stands for what was told before."""

    def __init__(self) -> None:
        self._told: dict[str, object] = {}

    def hear(self, usage: object) -> Usage | None:
        """Takes in a `usageMetadata`; what it does not say stays as it was.

        The usage so far; None if it says nothing.
        """
        if not isinstance(usage, Mapping) or not usage:
            return None
        self._told |= {name: value for name, value in usage.items() if value is not None}
        prompt, thoughts = self._count("promptTokenCount"), self._count("thoughtsTokenCount")
        answer = self._count("candidatesTokenCount")
        read = min(self._count("cachedContentTokenCount"), prompt)
        fresh = prompt - read + self._count("toolUsePromptTokenCount")
        shown = self._pictures("promptTokensDetails", "toolUsePromptTokensDetails")
        return Usage(
            input_tokens=fresh,
            cache_read_tokens=read,
            output_tokens=answer + thoughts,
            reasoning_tokens=thoughts,
            image_input_tokens=min(shown, fresh + read),
            image_output_tokens=min(self._pictures("candidatesTokensDetails"), answer),
        )

    def _count(self, name: str) -> int:
        return count_of(self._told.get(name)) or 0

    def _pictures(self, *names: str) -> int:
        """How many tokens of these details are those of pictures."""
        return sum(
            count_of(each.get("tokenCount")) or 0
            for name in names
            for each in items_of(self._told.get(name))
            if isinstance(each, Mapping) and each.get("modality") == "IMAGE"
        )
