from __future__ import annotations

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
