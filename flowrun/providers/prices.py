"""What models cost by the public list of the library genai-prices; see docs/decisions/prices.md.

It is imported only when such a price is asked for, because its list is large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from flowrun.chat.usage import Price

_Read: TypeAlias = Callable[[str], Decimal | None]
_ANTHROPIC_HOUR = Decimal(2)
"""What a token costs that Anthropic keeps for an hour, in tokens of plain input."""


def listed_price(provider: str, model: str, now: datetime) -> Price | None:
    """What the list says that the model costs at that time; None if it does not know it.

    `provider` is the library's own name of whoever serves the model.
    """
    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
        prices = found.get_prices(now)
    except LookupError:
        return None
    return converted(prices, is_anthropic=found.id.startswith(_ANTHROPICS))


_ANTHROPICS = ("claude", "anthropic/")


def converted(prices: ModelPrice, *, is_anthropic: bool) -> Price | None:
    """The library's price as ours; None if it has none for text or pictures that come out."""
    found: Price | None = None
    starts = sorted({start for each in _tiers(prices) for start in each}, reverse=True)
    above: tuple[int, Price] | None = None
    for start in (*starts, 0):
        found = _at(prices, start, above, is_anthropic=is_anthropic)
        if found is None:
            return None
        above = (start, found)
    return found


def _at(
    prices: ModelPrice, start: int, above: tuple[int, Price] | None, *, is_anthropic: bool
) -> Price | None:
    """The price of prompts above `start` tokens and below the next tier."""
    read = _reader(prices, start)
    image_out = read("output_image_mtok")
    fresh, out = read("input_mtok"), read("output_mtok")
    out = image_out if out is None else out
    if fresh is None or out is None:
        return None
    hour = read("cache_write_1h_mtok")
    if hour is None and is_anthropic:
        hour = fresh * _ANTHROPIC_HOUR
    return Price(
        fresh,
        out,
        read("cache_read_mtok"),
        read("cache_write_mtok"),
        hour,
        above,
        read("input_image_mtok"),
        image_out,
    )


def _reader(prices: ModelPrice, start: int) -> _Read:
    def read(name: str) -> Decimal | None:
        value: Decimal | TieredPrices | None = prices.__dict__.get(name)
        if not isinstance(value, TieredPrices):
            return value
        reached = [tier.price for tier in value.tiers if tier.start <= start]
        return reached[-1] if reached else value.base

    return read


def _tiers(prices: ModelPrice) -> Iterable[list[int]]:
    for value in prices.__dict__.values():
        if isinstance(value, TieredPrices):
            yield [tier.start for tier in value.tiers if tier.start > 0]
