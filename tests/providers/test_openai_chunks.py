from __future__ import annotations

import json

import pytest

from flowrun.chat.messages import (
    fold,
)
from flowrun.chat.usage import Usage
from flowrun.errors import Unavailable
from tests.support.wire_bodies import (
    DIALECT,
    chunk,
    decode,
    stream,
    unary,
)


def test_a_reply_in_chunks_equals_the_whole_one() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    whole = decode(unary({"content": "héllo 😀", "reasoning": "ab"}, usage=usage))
    pieces = stream(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "hé", "reasoning": "a"}),
        chunk({"content": "llo ", "reasoning": "b"}),
        chunk({"content": "😀"}, None, usage=None),
        chunk({}, "stop"),
        json.dumps({"id": "1", "model": "served", "choices": [], "usage": usage}),
        "[DONE]",
        "not looked at",
    )
    assert pieces == whole


def test_text_in_the_chunk_that_ends_the_reply_is_kept() -> None:
    assert stream(chunk({"content": "all"}, "stop")).text == "all"


def test_usage_may_come_with_the_finish_reason() -> None:
    assert stream(chunk({"content": "x"}, "stop", usage={"prompt_tokens": 1})).usage == Usage(1)


def test_a_message_may_stand_where_a_delta_should() -> None:
    event = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]})
    assert stream(event).text == "x"


def test_other_choices_are_left_out() -> None:
    other = json.dumps({"choices": [7, {"index": 1, "delta": {"content": "b"}}]})
    assert stream(other, chunk({"content": "a"}, "stop")).text == "a"


def test_a_chunk_that_says_nothing_gives_nothing() -> None:
    decoder = DIALECT.decoder()
    assert decoder.feed("") == []
    assert decoder.feed('{"choices": [{"index": 0, "delta": {}}]}') == []


def test_a_character_cut_into_two_chunks_is_put_together() -> None:
    halves = [
        json.dumps({"choices": [{"delta": {"content": half}}]}) for half in ("a\ud83d", "\ude00b")
    ]
    assert stream(*halves, chunk({}, "stop")).text == "a😀b"


@pytest.mark.parametrize("end", [chunk({}, "stop"), "[DONE]"])
def test_half_a_character_at_the_end_is_replaced(end: str) -> None:
    half = json.dumps({"choices": [{"delta": {"content": "a\ud83d"}}]})
    assert stream(half, end).text == "a\ufffd"


def test_a_stream_may_end_without_done() -> None:
    decoder = DIALECT.decoder()
    decoder.feed(chunk({"content": "x"}, "stop"))
    assert decoder.complete
    assert not decoder.closed
    assert decoder.finish() == []


def test_a_stream_may_end_with_done_alone() -> None:
    decoder = DIALECT.decoder()
    deltas = decoder.feed(chunk({"content": "x"})) + decoder.feed("[DONE]")
    assert decoder.complete
    assert decoder.closed
    assert fold([*deltas, *decoder.finish()]).finish_reason == "stop"


@pytest.mark.parametrize("events", [[], [chunk({"content": "x"})], ["[DONE]"]])
def test_a_cut_stream_is_an_error(events: list[str]) -> None:
    with pytest.raises(Unavailable) as caught:
        stream(*events)
    assert str(caught.value) == "cut the stream before the reply was complete"


@pytest.mark.parametrize("event", ['{"choi', "[1]", "null"])
def test_an_event_that_is_no_object_is_an_error(event: str) -> None:
    with pytest.raises(Unavailable) as caught:
        stream(event)
    assert str(caught.value) == f"sent an event that is not JSON: {event}"
