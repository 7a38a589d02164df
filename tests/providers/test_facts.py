from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config
from flowrun.digest import JsonValue
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.facts import Facts
from flowrun.providers.listing import keep

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OPENROUTER = ENDPOINTS["openrouter"]
ROW: Mapping[str, JsonValue] = {
    "id": "vendor/large",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "pricing": {"prompt": "0.000001", "completion": "0.000002"},
}


def facts(state: Path) -> Facts:
    return Facts(Config(state=state), now=lambda: NOW)


def test_prices_of_the_four_public_endpoints_are_known(tmp_path: Path) -> None:
    found = facts(tmp_path)
    for name, model in (
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-opus-4-5"),
        ("gemini", "gemini-2.5-pro"),
        ("openrouter", "openai/gpt-4o-mini"),
    ):
        assert found.price(ENDPOINTS[name], model) is not None
        assert found.price(ENDPOINTS[name], model) is found.price(ENDPOINTS[name], model)


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint("mine", "openai", "https://api.openai.com/v1"),
        replace(ENDPOINTS["openai"], base_url="https://llm.example.org/v1"),
        ENDPOINTS["gumloop"],
        ENDPOINTS["local"],
    ],
    ids=lambda each: each.name,
)
def test_nobody_has_listed_the_prices_of_others(tmp_path: Path, endpoint: Endpoint) -> None:
    assert facts(tmp_path).price(endpoint, "gpt-4o-mini") is None


def test_a_kept_row_has_a_price_where_the_public_list_has_none(tmp_path: Path) -> None:
    assert facts(tmp_path).price(OPENROUTER, "vendor/large") is None
    keep(tmp_path, "openrouter", [ROW, {**ROW, "id": "openai/gpt-4o-mini"}], now=1)
    found = facts(tmp_path)
    assert found.price(OPENROUTER, "vendor/large") == Price(Decimal(1), Decimal(2))
    public = found.price(OPENROUTER, "openai/gpt-4o-mini")
    assert public is not None
    assert public.input_usd == Decimal("0.15")


def test_what_an_endpoint_says_of_itself_goes_before_what_it_lists(tmp_path: Path) -> None:
    keep(tmp_path, "openrouter", [ROW], now=1)
    found = facts(tmp_path)
    listed = Capabilities(images_in=False, images_out=False, text_out=True)
    assert found.capabilities(OPENROUTER, "vendor/large") == listed
    assert found.capabilities(OPENROUTER, "vendor/other") == Capabilities()
    sure = replace(OPENROUTER, capabilities=Capabilities(images_in=True))
    assert found.capabilities(sure, "vendor/large") == replace(listed, images_in=True)
    assert found.capabilities(ENDPOINTS["local"], "vendor/large") == Capabilities()


def test_a_price_is_looked_up_anew_after_an_hour(tmp_path: Path) -> None:
    times = [NOW, NOW.replace(minute=59), NOW.replace(hour=1)]
    found = Facts(Config(state=tmp_path), now=lambda: times.pop(0))
    prices = [found.price(ENDPOINTS["openai"], "gpt-4o-mini") for _ in range(3)]
    assert prices[0] is prices[1]
    assert prices[2] is not prices[1]
    assert prices[2] == prices[1]


def test_prices_do_not_pile_up(tmp_path: Path) -> None:
    found = facts(tmp_path)
    for number in range(10_001):
        assert found.price(ENDPOINTS["openai"], f"no-such-model-{number}") is None


def test_the_list_of_prices_is_imported_only_when_one_is_asked_for() -> None:
    code = (
        "import sys, flowrun.providers.router as r, flowrun.config as c\n"
        "one = r.resolve('openai/gpt-4o-mini', c.Config())\n"
        "two = r.resolve('gumloop/gpt-4o-mini', c.Config())\n"
        "two.price\n"
        "print('genai_prices' in sys.modules, one.price is not None,"
        " 'genai_prices' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False True True\n"
