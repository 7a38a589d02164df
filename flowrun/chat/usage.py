"""Tokens in disjoint buckets, and what they cost as Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flowrun.digest import JsonValue


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls; no token is counted in two buckets.

    `cost_usd` is what the provider itself reported, None where it did not.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None

    @property
    def total_tokens(self) -> int:
        """All buckets together."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.output_tokens
        )

    def __add__(self, other: Usage) -> Usage:
        if self.cost_usd is None and other.cost_usd is None:
            cost = None
        else:
            cost = (self.cost_usd or Decimal(0)) + (other.cost_usd or Decimal(0))
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.output_tokens + other.output_tokens,
            cost,
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Plain data; money as text, so that no digit is lost."""
        found: dict[str, JsonValue] = {
            "input_tokens": self.input_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
        }
        if self.cost_usd is not None:
            found["cost_usd"] = str(self.cost_usd)
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, JsonValue]) -> Usage:
        """Reads what `as_json` wrote."""
        cost = data.get("cost_usd")

        def count(name: str) -> int:
            value = data.get(name, 0)
            return value if isinstance(value, int) else 0

        return cls(
            count("input_tokens"),
            count("cache_read_tokens"),
            count("cache_write_tokens"),
            count("output_tokens"),
            Decimal(cost) if isinstance(cost, str) else None,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of each bucket."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None


def cost(usage: Usage, price: Price | None) -> Decimal | None:
    """What `usage` cost in US dollars, None where nobody knows.

    The provider's own figure wins over the price list.
    """
    if usage.cost_usd is not None:
        return usage.cost_usd
    if price is None:
        return None
    million = Decimal(1_000_000)
    read = price.input_usd if price.cache_read_usd is None else price.cache_read_usd
    write = price.input_usd if price.cache_write_usd is None else price.cache_write_usd
    return (
        usage.input_tokens * price.input_usd
        + usage.cache_read_tokens * read
        + usage.cache_write_tokens * write
        + usage.output_tokens * price.output_usd
    ) / million
