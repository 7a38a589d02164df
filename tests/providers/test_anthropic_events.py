from __future__ import annotations

import json
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply, ToolCall, fold
from flowrun.chat.usage import Usage
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.anthropic_events import EventDecoder


def start(index: int, **block: object) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: int, kind: str, value: object) -> dict[str, Any]:
    name = {"input_json_delta": "partial_json"}.get(kind, kind.removesuffix("_delta"))
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


DONE = {"type": "message_stop"}
SAYING = (start(0, type="text", text=""), more(0, "text_delta", "hi"), stop(0))


def read(*events: dict[str, Any]) -> ChatReply:
    decoder = EventDecoder()
    deltas = [delta for event in events for delta in decoder.feed(json.dumps(event))]
    return fold([*deltas, *decoder.finish()])


def calling(index: int, id: str, *fragments: object) -> list[dict[str, Any]]:
    begin = start(index, type="tool_use", id=id, name="f", input={})
    return [begin, *(more(index, "input_json_delta", each) for each in fragments), stop(index)]


def test_pitfall_01_calls_are_counted_for_themselves_and_may_be_interleaved() -> None:
    one, two = calling(1, "a", '{"x": ', "1}"), calling(2, "b", '{"y"', ': "é"}')
    mixed = [one[0], two[0], one[1], two[1], two[2], one[2], one[3], two[3]]
    found = read(*SAYING, *mixed, end("tool_use"), DONE)
    assert found.tool_calls == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", '{"y":"é"}'))
    assert (found.text, found.finish_reason) == ("hi", "tool_calls")


@pytest.mark.parametrize("fragments", [(), ("",), ("", " ")])
def test_pitfall_09_a_call_without_a_fragment_has_an_empty_object(
    fragments: tuple[str, ...],
) -> None:
    found = read(*calling(0, "a", *fragments), end("tool_use"), DONE)
    assert found.tool_calls == (ToolCall("a", "f", "{}"),)


def test_pitfall_10_no_fragment_is_lost() -> None:
    found = read(*calling(0, "", "", '{"a":', "0", "}", None), end("tool_use"), DONE)
    assert found.tool_calls == (ToolCall("call_1", "f", '{"a":0}'),)


@pytest.mark.parametrize(
    "cut", [['{"a": [1'], ["[" * 100_000], ["[0," * 150_000] * 2], ids=["cut", "deep", "crowded"]
)
def test_arguments_that_are_no_json_stay_as_they_came(cut: list[str]) -> None:
    found = read(*calling(0, "a", *cut)[:-1], end("max_tokens"), DONE)
    assert found.tool_calls == (ToolCall("a", "f", "".join(cut)),)
    assert found.finish_reason == "length"


def test_pitfall_34_usage_is_replaced_and_not_added_up() -> None:
    begun = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}
    found = read(
        {"type": "message_start", "message": {"id": "m", "model": "s", "usage": begun}},
        *SAYING,
        end(None, output_tokens=3),
        end("end_turn", output_tokens=7, cache_read_input_tokens=5),
        DONE,
    )
    assert (found.usage, found.id, found.model) == (Usage(10, 5, 0, 7), "m", "s")


def test_what_a_caller_left_early_has_used_is_known_from_the_start() -> None:
    begun = {"type": "message_start", "message": {"usage": {"input_tokens": 10}}}
    (delta,) = EventDecoder().feed(json.dumps(begun))
    assert delta.usage == Usage(10)
    assert EventDecoder().feed('{"type": "message_start"}') == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "yet_to_come", "index": 0},
        {},
        more(0, "yet_to_come_delta", "x"),
        more(7, "text_delta", "lost"),
        more(0, "citations_delta", {"cited_text": "x"}),
        stop(7),
        {"type": "content_block_stop", "index": None},
        {"type": "message_delta", "delta": None},
        {"type": "content_block_delta", "index": 0, "delta": 3},
    ],
)
def test_what_is_not_known_says_nothing(event: dict[str, Any]) -> None:
    assert read(*SAYING[:2], event, SAYING[2], end(), DONE) == ChatReply("hi", "stop", "")


def test_a_block_of_a_kind_that_is_not_known_goes_back_as_it_came() -> None:
    found = read(
        *SAYING,
        start(1, type="redacted_thinking", data="x=="),
        stop(1),
        start(2, type="server_tool_use", id="s", name="web_search", input={}),
        more(2, "input_json_delta", '{"query": "x"}'),
        stop(2),
        end(),
        DONE,
    )
    used = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    assert found.blocks == (
        {"by": "anthropic", "text": 2},
        {"by": "anthropic", "block": {"type": "redacted_thinking", "data": "x=="}},
        {"by": "anthropic", "block": used},
    )


def test_a_thought_keeps_its_signature_byte_by_byte() -> None:
    found = read(
        start(0, type="thinking", thinking="", signature=""),
        more(0, "signature_delta", "Eq/+a=="),
        stop(0),
        *calling(1, "a", "{}"),
        end("tool_use"),
        DONE,
    )
    thought = {"type": "thinking", "thinking": "", "signature": "Eq/+a=="}
    assert found.blocks == ({"by": "anthropic", "block": thought}, {"by": "anthropic", "call": 0})


def test_a_thought_that_was_cut_before_its_signature_does_not_go_back() -> None:
    thought = start(1, type="thinking", thinking="", signature="")
    found = read(*SAYING, thought, more(1, "thinking_delta", "Hm"), end("max_tokens"), DONE)
    assert (found.reasoning, found.blocks, found.finish_reason) == ("Hm", (), "length")


def test_without_anything_to_carry_there_are_no_blocks() -> None:
    assert read(*SAYING, *calling(1, "a", "{}"), end("tool_use"), DONE).blocks == ()


def test_a_character_cut_into_two_pieces_is_put_together() -> None:
    halves = (more(0, "text_delta", "\ud83d"), more(0, "text_delta", "\ude00"))
    assert read(SAYING[0], *halves, stop(0), end(), DONE).text == "😀"
    assert read(SAYING[0], halves[0], stop(0), end(), DONE).text == "\ufffd"


def test_pitfall_22_a_stream_that_ends_without_a_reason_is_cut() -> None:
    for events in ([], SAYING, [DONE], [*SAYING[:2], DONE]):
        with pytest.raises(Unavailable, match="cut the stream before the reply was complete"):
            read(*events)


def test_a_stream_that_says_it_is_over_is_whole() -> None:
    assert read(*SAYING, DONE) == ChatReply("hi", "stop", "")
    assert read(*SAYING, end()) == ChatReply("hi", "stop", "")
    decoder = EventDecoder()
    assert (decoder.complete, decoder.feed(" "), decoder.feed("[DONE]")) == (False, [], [])
    assert (decoder.complete, decoder.closed, decoder.feed("{}")) == (True, True, [])


def test_a_refusal_says_why_if_it_is_told() -> None:
    why = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    told = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": why}}
    found = read(*SAYING, told, DONE)
    assert (found.text, found.refusal, found.finish_reason) == ("hi", "Not this.", "content_filter")
    assert read(*SAYING, end("refusal"), DONE).refusal == ""


def test_an_event_that_is_no_object_is_an_error() -> None:
    with pytest.raises(Unavailable, match="sent an event that is not JSON: oops"):
        EventDecoder().feed("oops")


@pytest.mark.parametrize(
    ("kind", "error"),
    [("overloaded_error", Unavailable), ("request_too_large", Unsupported),
     ("invalid_request_error", ProviderError)],
)  # fmt: skip
def test_pitfall_28_an_error_event_is_its_error(kind: str, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        read(*SAYING, {"type": "error", "error": {"type": kind, "message": "why"}})
    assert (type(caught.value), str(caught.value)) == (error, "reported an error: why")
