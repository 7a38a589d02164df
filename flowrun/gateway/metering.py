"""What a call costs in units: its worst case before it is sent, its charge after.

    usd     = Σ bucket x price                      or what the provider itself reported
    credits = usd / usd_per_credit + image x images     x own_key where the caller's key paid
    units   = credits, rounded up once to `digits`

All in Decimal with more digits than any amount has. What a provider reports is not believed
beyond measure: a bucket counts from 0 to a hundred million tokens, and a reported cost is taken
if it is from 0 to a thousand dollars; else the price list stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal, localcontext

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl, Message, Text
from flowrun.chat.usage import Price, Usage, cost
from flowrun.digest import JsonValue
from flowrun.gateway.base import MOST_UNITS, UNITS
from flowrun.serving import CreditSettings

_DIGITS = 80
_MOST_TOKENS = 10**8
_MOST_USD = Decimal(1000)

_IMAGE_TOKENS = 50_000
"""The most that a provider counts for one picture in a prompt: gpt-4o-mini's eight tiles, of
5,667 each and 2,833 beside. Source: OpenAI, Images and vision, "Calculating costs"."""

_DRAWN_TOKENS = 16_384
"""The most that one generated picture counts, whatever limit is sent: twice the 6,240 of the
largest of gpt-image, and more. Source: OpenAI, Image generation, "Cost and latency"."""

_REQUEST_TOKENS = 1_000
"""What providers put round every prompt: the instructions for tools and for JSON are the most."""

_MESSAGE_TOKENS = 16
_TOOL_TOKENS = 64

_CHARACTERS_OF_A_TOKEN = 3
_TYPICAL_IMAGE_TOKENS = 1_000


def output_limit(request: ChatRequest, settings: CreditSettings) -> int:
    """How many tokens the answer may have: what the caller said, else what is configured."""
    for name in ("max_completion_tokens", "max_tokens"):
        said = _whole(request.options.get(name))
        if said is not None:
            return said
    return settings.max_output_tokens


def worst_case(
    request: ChatRequest,
    price: Price | None,
    settings: CreditSettings,
    *,
    makes_image: bool,
    has_own_key: bool,
) -> int | None:
    """Units that the call cannot cost more than at that price; None where it is unknown.

    No token is shorter than a byte, so the bytes of all texts bound those of the prompt.
    """
    if price is None:
        if settings.unknown_price == "refuse":
            return None
        price = Price(Decimal(0), Decimal(0))
    answers = _whole(request.options.get("n")) or 1
    output = output_limit(request, settings)
    if makes_image:
        output = max(output, _DRAWN_TOKENS)
    prompt = _prompt_bound(request)
    tiers = list(_tiers(price, prompt))
    usd = prompt * max(map(_dearest_prompt, tiers)) + answers * output * max(
        each.output_usd
        if each.image_output_usd is None
        else max(each.output_usd, each.image_output_usd)
        for each in tiers
    )
    images = answers if makes_image else 0
    return _units(usd / 1_000_000, images, settings, has_own_key=has_own_key)


def charge_units(
    usage: Usage,
    price: Price | None,
    settings: CreditSettings,
    *,
    images: int,
    has_own_key: bool,
) -> int | None:
    """Units that the call has cost; None where nobody knows its price.

    `images` are the generated ones, of which only the final are counted.
    """
    usd = cost(_credible(usage), price)
    if usd is None:
        if settings.unknown_price == "refuse":
            return None
        usd = Decimal(0)
    return _units(usd, max(0, images), settings, has_own_key=has_own_key)


def estimate(request: ChatRequest, output_characters: int) -> Usage:
    """The usage of a call whose provider told nothing, by the length of its texts.

    Three characters to a token are a little more tokens than prose in Latin letters has.
    """
    texts = sum(len(text) for message in request.messages for text in _texts(message))
    texts += sum(len(text) for text in _declared(request))
    pictures = sum(_pictures(message) for message in request.messages)
    return Usage(
        input_tokens=-(-texts // _CHARACTERS_OF_A_TOKEN) + pictures * _TYPICAL_IMAGE_TOKENS,
        output_tokens=-(-max(0, output_characters) // _CHARACTERS_OF_A_TOKEN),
    )


def tokens_of(usage: Usage) -> dict[str, int]:
    """The counts by their names, as a Charge keeps them."""
    counts = _credible(usage).as_json()
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def _whole(value: JsonValue) -> int | None:
    """A count above zero; None for whatever is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value > 0 else None


def _credible(usage: Usage) -> Usage:
    reported = usage.cost_usd
    is_credible = reported is not None and reported.is_finite() and 0 <= reported <= _MOST_USD
    counts = {
        name: min(max(0, getattr(usage, name)), _MOST_TOKENS)
        for name in Usage.__dataclass_fields__
        if name != "cost_usd"
    }
    return replace(usage, cost_usd=reported if is_credible else None, **counts)


def _units(usd: Decimal, images: int, settings: CreditSettings, *, has_own_key: bool) -> int:
    """An amount in units; every step rounds up, and all but the last beyond what shows."""
    with localcontext(prec=_DIGITS, rounding=ROUND_CEILING):
        credits = usd / settings.usd_per_credit + images * settings.image_credits
        if has_own_key:
            credits *= settings.own_key_part
        if credits >= MOST_UNITS // UNITS:
            return MOST_UNITS
        return int(credits.quantize(Decimal(1).scaleb(-settings.digits)) * UNITS)


def _tiers(price: Price, prompt: int) -> Iterator[Price]:
    """Every price that a prompt of up to so many tokens may have."""
    yield price
    while price.above is not None and price.above[0] < prompt:
        price = price.above[1]
        yield price


def _dearest_prompt(price: Price) -> Decimal:
    buckets = (
        *(price.cache_read_usd, price.cache_write_usd, price.cache_write_1h_usd),
        price.image_input_usd,
    )
    return max((price.input_usd, *(each for each in buckets if each is not None)))


def _prompt_bound(request: ChatRequest) -> int:
    tokens = _REQUEST_TOKENS + _TOOL_TOKENS * len(request.tools)
    for message in request.messages:
        tokens += _MESSAGE_TOKENS + _IMAGE_TOKENS * _pictures(message)
        tokens += sum(map(_bytes, _texts(message)))
    return tokens + sum(map(_bytes, _declared(request)))


def _pictures(message: Message) -> int:
    return sum(isinstance(part, Image | ImageUrl) for part in message.parts)


def _texts(message: Message) -> Iterator[str]:
    """All that a turn says, with what goes back to its provider as it came."""
    for part in message.parts:
        if isinstance(part, Text):
            yield part.text
    for call in message.tool_calls:
        yield from (call.id, call.name, call.arguments)
    yield message.tool_call_id
    for block in message.blocks:
        yield json.dumps(block)


def _declared(request: ChatRequest) -> Iterator[str]:
    """What is told beside the turns; a schema twice, for some are told of it in words as well."""
    for tool in request.tools:
        yield json.dumps(tool.as_json())
    if request.response_format.schema is not None:
        yield json.dumps(request.response_format.as_json()) * 2


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
