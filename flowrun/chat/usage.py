"""Tokens in disjoint buckets, and what they cost as Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls; no token is counted in two buckets.

    The buckets are the first four and `cache_write_1h_tokens`, which were written to a cache that
    keeps them for an hour; `cache_write_tokens` are those of any shorter one. The other counts
    tell what part of a bucket was what: `reasoning_tokens` and `image_output_tokens` of the
    output, `image_input_tokens` of the input, cached or not.
    `cost_usd` is what the provider itself reported, None where it did not.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All that was read: fresh, from a cache, and written to one."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
        )

    @property
    def total_tokens(self) -> int:
        """All buckets together."""
        return self.prompt_tokens + self.output_tokens

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
            *(getattr(self, name) + getattr(other, name) for name in _LATER),
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Plain data; money as text, so that no digit is lost."""
        found: dict[str, JsonValue] = {
            "input_tokens": self.input_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
        }
        found |= {name: count for name in _LATER if (count := getattr(self, name))}
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
            *map(count, _LATER),
        )


_LATER = (
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "image_input_tokens",
    "image_output_tokens",
)
"""Counts that most replies have none of: they are written only where there are some."""


_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of each bucket; None is the price of fresh input.

    `cache_write_1h_usd` left out is `cache_write_usd`; tokens of pictures cost what others of the
    input and output do where nothing is said of them. `above` is the price of a whole call whose
    prompt has more tokens than that.
    """

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None
    cache_write_1h_usd: Decimal | None = None
    above: tuple[int, Price] | None = None
    image_input_usd: Decimal | None = None
    image_output_usd: Decimal | None = None

    def for_prompt(self, tokens: int) -> Price:
        """The price that holds for a prompt of that many tokens."""
        if self.above is None or tokens <= self.above[0]:
            return self
        return self.above[1].for_prompt(tokens)

    def at_worst(self, prompt_tokens: int, output_tokens: Decimal | int) -> Decimal:
        """US dollars that a call of at most so many tokens may cost, whatever kind they are of."""
        read = (
            *(self.input_usd, self.cache_read_usd, self.cache_write_usd),
            *(self.cache_write_1h_usd, self.image_input_usd),
        )
        written = (self.output_usd, self.image_output_usd)
        worst = (
            prompt_tokens * max(each for each in read if each is not None)
            + output_tokens * max(each for each in written if each is not None)
        ) / _MILLION
        if self.above is None or prompt_tokens <= self.above[0]:
            return worst
        return max(worst, self.above[1].at_worst(prompt_tokens, output_tokens))


def cost(usage: Usage, price: Price | None) -> Decimal | None:
    """What `usage` cost in US dollars, None where nobody knows.

    The provider's own figure wins over the price list.
    """
    if usage.cost_usd is not None:
        return usage.cost_usd
    if price is None:
        return None
    price = price.for_prompt(usage.prompt_tokens)
    read = price.input_usd if price.cache_read_usd is None else price.cache_read_usd
    write = price.input_usd if price.cache_write_usd is None else price.cache_write_usd
    write_1h = write if price.cache_write_1h_usd is None else price.cache_write_1h_usd
    return (
        usage.input_tokens * price.input_usd
        + usage.cache_read_tokens * read
        + usage.cache_write_tokens * write
        + usage.cache_write_1h_tokens * write_1h
        + usage.output_tokens * price.output_usd
        + _more(
            usage.image_input_tokens, usage.input_tokens, price.image_input_usd, price.input_usd
        )
        + _more(
            usage.image_output_tokens, usage.output_tokens, price.image_output_usd, price.output_usd
        )
    ) / _MILLION


def _more(images: int, tokens: int, image_usd: Decimal | None, usual_usd: Decimal) -> Decimal:
    """What the tokens of pictures cost beyond those of text; cached ones cost as the others do."""
    return Decimal(0) if image_usd is None else min(images, tokens) * (image_usd - usual_usd)
