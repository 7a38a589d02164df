from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.chat.usage import Price, Usage
from flowrun.digest import JsonValue
from flowrun.gateway.base import MOST_UNITS, UNITS
from flowrun.gateway.metering import charge_units, estimate, output_limit, tokens_of, worst_case
from flowrun.providers import anthropic_usage, gemini_usage
from flowrun.providers.openai_usage import usage_of
from flowrun.serving import CreditSettings
from tests.support.templating import PICTURE

CREDITS = CreditSettings()
D = Decimal

OPENAI = Price(D(2), D(10), D("0.2"), D("2.5"))
MINI = Price(D("0.15"), D("0.6"), D("0.075"))
CLAUDE = Price(D(3), D(15), D("0.3"), D("3.75"), D(6))
OPUS = Price(D(5), D(25), D("0.25"), D("6.25"), D(10))
LONG = Price(D("2.5"), D(15), D("0.25"))
GEMINI = Price(D("1.25"), D(10), D("0.125"), above=(200_000, LONG))
NOTHING = Price(D(0), D(0))


def anthropic(body: dict[str, object]) -> Usage | None:
    heard = anthropic_usage.UsageSoFar()
    heard.hear(body)
    return heard.so_far()


def gemini(body: dict[str, object]) -> Usage | None:
    return gemini_usage.UsageSoFar().hear(body)


Row = tuple[
    Callable[[dict[str, Any]], Usage | None],
    dict[str, Any], tuple[int, ...], int, Price, str, str,
]  # fmt: skip

A10: dict[str, Row] = {
    "openai": (
        usage_of,
        {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
         "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
         "completion_tokens_details": {"reasoning_tokens": 30}},
        (300, 600, 100, 0, 50), 1000, OPENAI, "0.00147", "0.147",
    ),
    "openai, half price for what is cached": (
        usage_of,
        {"prompt_tokens": 2000, "completion_tokens": 100,
         "prompt_tokens_details": {"cached_tokens": 1024}},
        (976, 1024, 0, 0, 100), 2000, MINI, "0.0002832", "0.0284",
    ),
    "openai, more cached than there are": (
        usage_of,
        {"prompt_tokens": 100, "completion_tokens": 0,
         "prompt_tokens_details": {"cached_tokens": 900}},
        (0, 100, 0, 0, 0), 100, OPENAI, "0.00002", "0.002",
    ),
    "anthropic": (
        anthropic,
        {"input_tokens": 10, "cache_creation_input_tokens": 100,
         "cache_read_input_tokens": 1000, "output_tokens": 20},
        (10, 1000, 100, 0, 20), 1110, CLAUDE, "0.001005", "0.1005",
    ),
    "anthropic, two ages": (
        anthropic,
        {"input_tokens": 10, "cache_creation_input_tokens": 200, "output_tokens": 0,
         "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 100}},
        (10, 0, 100, 100, 0), 210, CLAUDE, "0.001005", "0.1005",
    ),
    "anthropic, a twentieth for what is cached": (
        anthropic,
        {"input_tokens": 0, "cache_read_input_tokens": 4000, "output_tokens": 4},
        (0, 4000, 0, 0, 4), 4000, OPUS, "0.0011", "0.11",
    ),
    "gemini": (
        gemini,
        {"promptTokenCount": 1000, "cachedContentTokenCount": 800,
         "candidatesTokenCount": 10, "thoughtsTokenCount": 90, "totalTokenCount": 1100},
        (200, 800, 0, 0, 100), 1000, GEMINI, "0.00135", "0.135",
    ),
    "gemini, what its own tools read": (
        gemini,
        {"promptTokenCount": 100, "toolUsePromptTokenCount": 60, "candidatesTokenCount": 5},
        (160, 0, 0, 0, 5), 160, GEMINI, "0.00025", "0.025",
    ),
    "gemini, a long prompt": (
        gemini,
        {"promptTokenCount": 250_000, "candidatesTokenCount": 1000},
        (250_000, 0, 0, 0, 1000), 250_000, GEMINI, "0.64", "64",
    ),
    "openrouter, with its own figure": (
        usage_of,
        {"prompt_tokens": 1000, "completion_tokens": 50, "cost": 0.00042,
         "prompt_tokens_details": {"cached_tokens": 600}},
        (400, 600, 0, 0, 50), 1000, OPENAI, "0.00042", "0.042",
    ),
    "openrouter, free": (
        usage_of, {"prompt_tokens": 1000, "completion_tokens": 50, "cost": 0},
        (1000, 0, 0, 0, 50), 1000, OPENAI, "0", "0",
    ),
    "openrouter, a negative figure": (
        usage_of, {"prompt_tokens": 1000, "completion_tokens": 50, "cost": -5},
        (1000, 0, 0, 0, 50), 1000, OPENAI, "0.0025", "0.25",
    ),
    "openrouter, an absurd figure": (
        usage_of, {"prompt_tokens": 1000, "completion_tokens": 50, "cost": 1e9},
        (1000, 0, 0, 0, 50), 1000, OPENAI, "0.0025", "0.25",
    ),
    "local": (
        lambda body: Usage(**body), {"input_tokens": 700, "output_tokens": 80},
        (700, 0, 0, 0, 80), 700, NOTHING, "0", "0",
    ),
}  # fmt: skip
"""Of each provider: a body, the buckets that it means, the prompt, and the price by hand."""


@pytest.mark.parametrize("name", A10)
def test_table_a10(name: str) -> None:
    read, body, buckets, prompt, price, usd, credits = A10[name]
    usage = read(body)
    assert usage is not None
    assert buckets == (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
    )
    assert usage.prompt_tokens == prompt
    exact = replace(CREDITS, digits=6, usd_per_credit=D(1))
    assert paid(usage, price, exact) == D(usd).quantize(D("0.000001"), "ROUND_CEILING")
    assert paid(usage, price) == D(credits)


def paid(
    usage: Usage,
    price: Price = OPENAI,
    settings: CreditSettings = CREDITS,
    *,
    images: int = 0,
    has_own_key: bool = False,
) -> Decimal:
    units = charge_units(usage, price, settings, images=images, has_own_key=has_own_key)
    assert units is not None
    return D(units) / UNITS


def test_pitfall_30_anthropic_cache_tokens_are_neither_doubled_nor_fresh() -> None:
    usage = anthropic({"input_tokens": 10, "cache_creation_input_tokens": 100,
                       "cache_read_input_tokens": 1000, "output_tokens": 0})  # fmt: skip
    assert usage is not None
    assert usage.prompt_tokens == 1110
    assert paid(usage, Price(D(100), D(0), D(10), D(125))) == D("2.35")  # cents: 10 + 125 + 100 p


def test_pitfall_31_gemini_cached_tokens_are_counted_once() -> None:
    usage = gemini({"promptTokenCount": 1000, "cachedContentTokenCount": 800})
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (200, 800)
    assert paid(usage, Price(D(10), D(0), D(1))) == D("0.28")


def test_pitfall_32_cache_writes_have_their_premium() -> None:
    hour = anthropic({"input_tokens": 0, "output_tokens": 0,
                      "cache_creation": {"ephemeral_1h_input_tokens": 100}})  # fmt: skip
    written = usage_of({"prompt_tokens": 100, "completion_tokens": 0,
                        "prompt_tokens_details": {"cache_write_tokens": 100}})  # fmt: skip
    assert hour is not None
    assert written is not None
    assert paid(hour, CLAUDE) == D("0.06")  # 2.0 x 3 dollars
    assert paid(written, OPENAI) == D("0.025")  # 1.25 x 2 dollars


def test_pitfall_33_gemini_thoughts_are_paid_for() -> None:
    usage = gemini({"promptTokenCount": 5, "candidatesTokenCount": 10, "thoughtsTokenCount": 90,
                    "totalTokenCount": 105})  # fmt: skip
    assert usage is not None
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (100, 90, 105)
    assert paid(usage, Price(D(0), D(10))) == D("0.1")


@pytest.mark.parametrize(
    ("images", "has_own_key", "credits"),
    [(0, False, "0.147"), (1, False, "30.147"), (3, False, "90.147"), (0, True, "0.0735"),
     (1, True, "15.0735"), (-1, False, "0.147")],
)  # fmt: skip
def test_pictures_and_own_keys(images: int, has_own_key: bool, credits: str) -> None:
    usage = Usage(300, 600, 100, 50)
    assert paid(usage, images=images, has_own_key=has_own_key) == D(credits)


@pytest.mark.parametrize(
    ("usd", "per_credit", "digits", "credits"),
    [("0.0000001", "0.01", 4, "0.0001"), ("0.0000001", "0.01", 6, "0.00001"),
     ("0.0000001", "0.01", 0, "1"), ("0", "0.01", 4, "0"), ("0.01", "0.03", 4, "0.3334"),
     ("0.03", "0.03", 4, "1"), ("0.010000000000000000000000000000001", "0.01", 4, "1.0001"),
     ("0.01", "0.01", 4, "1"), ("999", "0.01", 4, "99900")],
)  # fmt: skip
def test_a_charge_is_rounded_up_once(usd: str, per_credit: str, digits: int, credits: str) -> None:
    settings = replace(CREDITS, usd_per_credit=D(per_credit), digits=digits)
    assert paid(Usage(cost_usd=D(usd)), OPENAI, settings) == D(credits)


@pytest.mark.parametrize("cost", ["NaN", "sNaN", "Infinity", "-Infinity", "-0.01", "1000.01"])
def test_g3_a_reported_cost_is_not_believed_beyond_measure(cost: str) -> None:
    assert paid(Usage(300, 600, 100, 50, cost_usd=D(cost))) == D("0.147")


def test_g3_absurd_counts_cost_what_is_the_most_and_never_less_than_nothing() -> None:
    assert paid(Usage(-5, -5, -5, -5, cache_write_1h_tokens=-5)) == 0
    assert paid(Usage(10**30)) == paid(Usage(10**8)) == 20_000
    dear = Price(D(10) ** 20, D(0))
    assert paid(Usage(10**8), dear) == MOST_UNITS // UNITS


@pytest.mark.parametrize(
    ("usage", "unknown_price", "units"),
    [(Usage(5, output_tokens=5), "refuse", None), (Usage(5), "free", 30 * UNITS),
     (Usage(5, cost_usd=D("0.01")), "refuse", 31 * UNITS),
     (Usage(5, cost_usd=D("-1")), "refuse", None)],
)  # fmt: skip
def test_an_unknown_price(usage: Usage, unknown_price: str, units: int | None) -> None:
    settings = replace(CREDITS, unknown_price=unknown_price)  # type: ignore[arg-type] # a literal
    assert charge_units(usage, None, settings, images=1, has_own_key=False) == units


def asked(*texts: str, **more: object) -> ChatRequest:
    parts = tuple(Text(each) for each in texts)
    return ChatRequest("m", (Message("user", parts),), **more)  # type: ignore[arg-type] # any field


@pytest.mark.parametrize(
    ("options", "limit"),
    [({}, 8192), ({"max_completion_tokens": 5}, 5), ({"max_tokens": 7}, 7),
     ({"max_completion_tokens": 5, "max_tokens": 7}, 5), ({"max_tokens": 7.0}, 7),
     ({"max_tokens": None}, 8192), ({"max_tokens": True}, 8192), ({"max_tokens": 0}, 8192),
     ({"max_tokens": -4}, 8192), ({"max_tokens": 1.5}, 8192), ({"max_tokens": "7"}, 8192)],
)  # fmt: skip
def test_the_limit_of_an_answer(options: dict[str, JsonValue], limit: int) -> None:
    assert output_limit(asked("x", options=options), CREDITS) == limit


def worst(
    request: ChatRequest, price: Price | None = OPENAI, *, makes_image: bool = False,
    has_own_key: bool = False, settings: CreditSettings = CREDITS,
) -> Decimal:  # fmt: skip
    units = worst_case(request, price, settings, makes_image=makes_image, has_own_key=has_own_key)
    assert units is not None
    return D(units) / UNITS


def test_the_worst_case_by_hand() -> None:
    request = asked("héllo", options={"max_tokens": 100})
    # 6 bytes, 16 for the turn, 1,000 round it, each at 2.5 dollars; 100 at 10
    assert worst(request) == D("0.3555")
    assert worst(request, has_own_key=True) == D("0.1778")
    assert worst(request, MINI) == D("0.0214")


def test_the_worst_case_of_a_picture() -> None:
    request = asked("x", options={"max_tokens": 100})
    # (1 + 16 + 1,000) at 2.5, 16,384 at 10
    assert worst(request, makes_image=True) == D("46.6383")
    two = asked("x", options={"max_tokens": 20_000, "n": 2})
    assert worst(two, makes_image=True) == D("100.2543")


def test_a_long_prompt_may_have_another_price() -> None:
    short, long = asked("x" * 150_000), asked("x" * 250_000)
    settings = replace(CREDITS, max_output_tokens=1)
    assert worst(short, GEMINI, settings=settings) == D("18.8780")
    assert worst(long, GEMINI, settings=settings) == D("62.7555")


@pytest.mark.parametrize(("unknown_price", "units"), [("refuse", None), ("free", 30 * UNITS)])
def test_the_worst_case_of_an_unknown_price(unknown_price: str, units: int | None) -> None:
    settings = replace(CREDITS, unknown_price=unknown_price)  # type: ignore[arg-type] # a literal
    request = asked("x")
    assert worst_case(request, None, settings, makes_image=True, has_own_key=False) == units


TOOL = ToolDefinition("find", "Finds.", {"type": "object", "properties": {"q": {}}})
SCHEMA = ResponseFormat("json_schema", "brief", {"type": "object"})


@pytest.mark.parametrize(
    "more",
    [asked("a", "b"), asked("a", tools=(TOOL,)), asked("a", response_format=SCHEMA),
     ChatRequest("m", (Message("user", (Text("a"), ImageUrl("https://x.test/a.png"))),)),
     ChatRequest("m", (Message("user", (Text("a"), PICTURE)),)),
     ChatRequest("m", (Message("user", (Text("a"),)), Message("assistant", ()))),
     ChatRequest("m", (Message("user", (Text("a"),), (ToolCall("i", "n", "{}"),)),)),
     ChatRequest("m", (Message("user", (Text("a"),), tool_call_id="i"),)),
     ChatRequest("m", (Message("user", (Text("a"),), blocks=({"by": "x"},)),))],
)  # fmt: skip
def test_all_that_is_sent_is_counted(more: ChatRequest) -> None:
    assert worst(more) > worst(asked("a"))


amounts = some.decimals(0, 1000, places=4)
prices = some.builds(
    Price, amounts, amounts, some.none() | amounts, some.none() | amounts, some.none() | amounts,
    some.none() | some.tuples(some.integers(1, 3000), some.builds(Price, amounts, amounts)),
)  # fmt: skip


@given(
    text=some.text(max_size=300),
    price=prices,
    split=some.lists(some.integers(0, 10), min_size=4, max_size=4),
    part=some.fractions(0, 1),
    limit=some.integers(1, 5000),
    has_own_key=some.booleans(),
    images=some.integers(0, 1),
)
def test_nothing_within_the_limits_costs_more_than_the_worst_case(
    text: str, price: Price, split: list[int], part: float, limit: int,
    has_own_key: bool, images: int,
) -> None:  # fmt: skip
    prompt = int((len(text.encode("utf-8", "surrogatepass")) + 1000) * part)
    whole = sum(split) or 1
    fresh, read, write, hour = (prompt * each // whole for each in split)
    usage = Usage(fresh, read, write, int(limit * part), None, hour)
    request = asked(text, options={"max_tokens": limit})
    most = worst(request, price, makes_image=bool(images), has_own_key=has_own_key)
    assert paid(usage, price, images=images, has_own_key=has_own_key) <= most


def test_an_estimate_goes_by_the_length() -> None:
    request = ChatRequest(
        "m", (Message("user", (Text("x" * 299), PICTURE)), Message("tool", (Text("yy"),)))
    )
    assert estimate(request, 10) == Usage(input_tokens=101 + 1000, output_tokens=4)
    assert estimate(request, -5).output_tokens == 0
    assert estimate(asked("x", tools=(TOOL,)), 0).input_tokens > 10


def test_what_a_charge_keeps_of_a_usage() -> None:
    usage = Usage(1, 2, 3, 4, D(5), 6, -7, 10**30)
    assert tokens_of(usage) == {
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_tokens": 3,
        "output_tokens": 4,
        "cache_write_1h_tokens": 6,
        "image_input_tokens": 10**8,
    }
