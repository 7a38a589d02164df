from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.types import ModelPrice, Tier, TieredPrices

from flowrun.chat.usage import Price
from flowrun.providers.prices import converted, listed_price

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def price(
    fresh: str, out: str, read: str, *more: str, above: tuple[int, Price] | None = None
) -> Price:
    rest = map(Decimal, more)
    return Price(
        Decimal(fresh), Decimal(out), Decimal(read), next(rest, None), next(rest, None), above
    )


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o-mini", price("0.15", "0.6", "0.075")),
        ("openai", "gpt-4o-mini-2024-07-18", price("0.15", "0.6", "0.075")),
        ("anthropic", "claude-opus-4-5-20251101", price("5", "25", "0.5", "6.25", "10")),
        ("openai", "gpt-image-1", replace(price("5", "40", "1.25"), image_input_usd=Decimal(10))),
        (
            "google",
            "gemini-2.5-pro",
            price("1.25", "10", "0.125", above=(200_000, price("2.5", "15", "0.25"))),
        ),
    ],
)
def test_the_list_knows_models_and_their_dated_names(
    provider: str, model: str, expected: Price
) -> None:
    assert listed_price(provider, model, NOW) == expected


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such-model"), ("nobody", "gpt-4o-mini")]
)
def test_what_the_list_does_not_know_is_unknown(provider: str, model: str) -> None:
    assert listed_price(provider, model, NOW) is None


def test_openrouters_models_have_their_vendors_names() -> None:
    assert listed_price("openrouter", "openai/gpt-4o-mini", NOW) is not None
    assert listed_price("openrouter", "anthropic/claude-opus-4.5", NOW) is not None


def test_an_hour_in_anthropics_cache_costs_twice_the_input_where_nothing_is_said() -> None:
    prices = ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(15))
    found = converted(prices, is_anthropic=True)
    assert found == Price(Decimal(3), Decimal(15), cache_write_1h_usd=Decimal(6))
    assert converted(prices, is_anthropic=False) == Price(Decimal(3), Decimal(15))


def test_tiers_of_single_buckets_become_prices_of_whole_calls() -> None:
    found = converted(
        ModelPrice(
            input_mtok=TieredPrices(Decimal(1), [Tier(100, Decimal(2)), Tier(200, Decimal(3))]),
            output_mtok=TieredPrices(Decimal(4), [Tier(200, Decimal(5))]),
            cache_read_mtok=Decimal("0.1"),
        ),
        is_anthropic=False,
    )
    highest = price("3", "5", "0.1")
    assert found == price(
        "1", "4", "0.1", above=(100, price("2", "4", "0.1", above=(200, highest)))
    )


def test_a_model_that_gives_pictures_alone_has_their_price() -> None:
    found = converted(
        ModelPrice(input_mtok=Decimal(5), output_image_mtok=Decimal(40)), is_anthropic=False
    )
    assert found == Price(Decimal(5), Decimal(40), image_output_usd=Decimal(40))


@pytest.mark.parametrize("said", [{}, {"input_mtok": Decimal(1)}, {"output_mtok": Decimal(1)}])
def test_half_a_price_is_none(said: dict[str, Decimal]) -> None:
    assert converted(ModelPrice(**said), is_anthropic=False) is None
