from __future__ import annotations

import pytest

from flowrun.digest import MOST_VALUES
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.reading import (
    count_of,
    event_of,
    folded,
    items_of,
    mapping_of,
    parsed,
    text_of,
    without_halves,
)


@pytest.mark.parametrize("text", ["", "[1]", "7", "{", b"\xff", "[" * 100_000])
def test_what_is_no_object_is_none(text: str | bytes) -> None:
    assert parsed(text) is None


def test_an_object_of_too_many_values_is_refused() -> None:
    with pytest.raises(ProviderError, match="more than"):
        parsed('{"a": [' + "1," * (MOST_VALUES + 1) + "1]}")


def test_an_event_that_is_no_object_is_shown_masked() -> None:
    assert event_of('{"a": 1}', mask=str) == {"a": 1}
    with pytest.raises(Unavailable) as fault:
        event_of("a secret", mask=lambda text: text.replace("secret", "***"))
    assert str(fault.value) == "sent an event that is not JSON: a ***"


def test_a_stream_in_one_body_is_its_reply() -> None:
    choice = '{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}'
    body = f'data: {{"choices": [{choice}]}}\n\ndata: [DONE]\n\n'.encode()
    assert folded(body, OpenAIDialect().decoder()).text == "hi"
    with pytest.raises(Unavailable):
        folded(body[:20], OpenAIDialect().decoder())


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (7.0, 7), (7.5, None), (-1, None), (True, None), ("7", None), (10**13, None)],
)
def test_a_number_of_tokens_is_a_whole_one(value: object, count: int | None) -> None:
    assert count_of(value) == count


def test_a_value_of_another_kind_is_an_empty_one() -> None:
    assert (text_of(7), items_of("a"), mapping_of([])) == ("", [], {})
    assert (text_of("a"), items_of([1]), mapping_of({"a": 1})) == ("a", [1], {"a": 1})


def test_halves_of_characters_are_joined_or_marked() -> None:
    assert without_halves("\ud83d\ude00 \ud83d") == "\U0001f600 \ufffd"
