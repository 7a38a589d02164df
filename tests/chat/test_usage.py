from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from flowrun.chat.usage import Price, Usage, cost
from flowrun.digest import JsonValue

USAGE = Usage(1000, 200, 30, 4, Decimal("0.10"))


def test_the_total_counts_each_bucket_once() -> None:
    assert USAGE.total_tokens == 1234


def test_usages_add_up_bucket_by_bucket() -> None:
    assert Usage(1, 2, 3, 4, Decimal("0.1")) + Usage(10, 20, 30, 40, Decimal("0.2")) == Usage(
        11, 22, 33, 44, Decimal("0.3")
    )


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (None, None, None),
        (None, Decimal(1), Decimal(1)),
        (Decimal(1), None, Decimal(1)),
        (Decimal(0), None, Decimal(0)),
    ],
)
def test_a_reported_cost_is_kept_when_the_other_call_reports_none(
    first: Decimal | None, second: Decimal | None, both: Decimal | None
) -> None:
    assert (Usage(cost_usd=first) + Usage(cost_usd=second)).cost_usd == both


@pytest.mark.parametrize("usage", [Usage(), USAGE, Usage(1, cost_usd=Decimal("0.000000001"))])
def test_json_loses_nothing(usage: Usage) -> None:
    assert Usage.from_json(usage.as_json()) == usage


def test_a_cost_that_nobody_reported_is_not_written() -> None:
    assert Usage(1, 2, 3, 4).as_json() == {
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_tokens": 3,
        "output_tokens": 4,
    }
    assert USAGE.as_json()["cost_usd"] == "0.10"


def test_what_is_missing_or_no_number_counts_as_none() -> None:
    data: dict[str, JsonValue] = {"input_tokens": "12", "output_tokens": None, "cost_usd": 0.1}
    assert Usage.from_json(data) == Usage()


def test_a_cost_comes_from_the_price_of_a_million() -> None:
    price = Price(Decimal(3), Decimal(15), Decimal("0.30"), Decimal("3.75"))
    usage = Usage(1_000_000, 2_000_000, 4_000_000, 100_000)
    assert cost(usage, price) == Decimal("3") + Decimal("0.60") + Decimal("15") + Decimal("1.5")


def test_cached_tokens_cost_as_input_where_no_price_is_known() -> None:
    assert cost(Usage(1, 2, 4, 0), Price(Decimal(1_000_000), Decimal(0))) == Decimal(7)


def test_a_free_cache_is_free() -> None:
    price = Price(Decimal(1_000_000), Decimal(0), Decimal(0), Decimal(0))
    assert cost(Usage(1, 2, 4, 0), price) == Decimal(1)


def test_the_providers_own_figure_wins() -> None:
    assert cost(USAGE, Price(Decimal(9), Decimal(9))) == Decimal("0.10")
    assert cost(Usage(1, cost_usd=Decimal(0)), Price(Decimal(9), Decimal(9))) == Decimal(0)


def test_without_a_price_nobody_knows() -> None:
    assert cost(Usage(1), None) is None


def test_pitfall_32_an_hour_of_cache_has_its_own_price() -> None:
    price = Price(Decimal(1), Decimal(5), Decimal("0.1"), Decimal("1.25"), Decimal(2))
    usage = Usage(cache_write_tokens=100, cache_write_1h_tokens=100)
    assert cost(usage, price) == Decimal(325) / 1_000_000
    assert cost(usage, replace(price, cache_write_1h_usd=None)) == Decimal(250) / 1_000_000


PICTURES = Price(Decimal(5), Decimal(10), image_input_usd=Decimal(10), image_output_usd=Decimal(40))


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input_tokens=100, image_input_tokens=40), 60 * 5 + 40 * 10),
        (Usage(output_tokens=100, image_output_tokens=90), 10 * 10 + 90 * 40),
        # Those of the cache cost what others of it do.
        (Usage(10, cache_read_tokens=90, image_input_tokens=40), 10 * 10 + 90 * 5),
    ],
)
def test_tokens_of_pictures_have_a_price_of_their_own(usage: Usage, dollars: int) -> None:
    assert cost(usage, PICTURES) == Decimal(dollars) / 1_000_000


def test_a_long_prompt_has_the_price_of_its_tier() -> None:
    longest = Price(Decimal(7), Decimal(8))
    price = Price(
        Decimal(1), Decimal(2), above=(100, Price(Decimal(3), Decimal(4), above=(200, longest)))
    )
    for tokens, each in ((100, 1), (101, 3), (200, 3), (201, 7)):
        assert cost(Usage(tokens), price) == Decimal(tokens * each) / 1_000_000
        assert price.for_prompt(tokens).input_usd == each
    assert cost(Usage(50, cache_read_tokens=51), price) == Decimal(303) / 1_000_000


def test_the_worst_case_takes_the_dearest_of_all_kinds_and_tiers() -> None:
    m = 1_000_000
    assert Price(Decimal(2), Decimal(3)).at_worst(m, m) == 5
    assert Price(Decimal(2), Decimal(3), cache_write_1h_usd=Decimal(4)).at_worst(m, m) == 7
    assert PICTURES.at_worst(m, m) == 50
    tiered = Price(Decimal(2), Decimal(3), above=(1000, Price(Decimal(4), Decimal(6))))
    assert tiered.at_worst(1000, 0) == Decimal("0.002")
    assert tiered.at_worst(1001, 0) == Decimal("0.004004")
    falling = Price(Decimal(4), Decimal(3), above=(1000, Price(Decimal(1), Decimal(1))))
    assert falling.at_worst(1001, 0) == Decimal("0.004004")
