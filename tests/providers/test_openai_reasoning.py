from __future__ import annotations

import json
from typing import Any

import pytest

from flowrun.chat.messages import Block, ChatReply, Message, Text, ToolCall, fold
from flowrun.errors import ProviderError
from flowrun.providers.base import Quirks
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.openai_messages import wire_messages
from flowrun.providers.openai_reasoning import ReasoningDetails
from tests.support.wire_bodies import chunk, unary

DIALECT = OpenAIDialect(quirks=Quirks(reasoning_by="openrouter"))
TEXT = {"type": "reasoning.text", "text": "Let me see.", "signature": "c2ln==", "index": 0}
SEALED = {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "id": "r_1", "index": 1, "x": None}


def streamed(*details: object) -> tuple[Block, ...]:
    """The blocks of a stream whose chunks hold these."""
    decoder = DIALECT.decoder()
    events = [*(chunk({"reasoning_details": each}) for each in details), chunk({}, "stop")]
    deltas = [delta for event in events for delta in decoder.feed(event)]
    return fold([*deltas, *decoder.finish()]).blocks


def whole(*details: object) -> ChatReply:
    body = unary({"content": "x", "reasoning_details": list(details)})
    return DIALECT.decode(body, content_type="application/json")


def blocks(*details: object) -> tuple[Block, ...]:
    found: list[Any] = [{"by": "openrouter", "block": each} for each in details]
    return tuple(found)


def test_those_of_a_whole_reply_are_kept_as_they_are() -> None:
    twice = [TEXT, SEALED, TEXT, {"strange": [1, None]}, {}]
    assert whole(*twice, 7).blocks == blocks(*twice)


def test_pieces_of_a_stream_are_joined() -> None:
    begun = {"type": "reasoning.text", "text": "Let", "format": "anthropic-claude-v1", "index": 0}
    found = streamed(
        [begun],
        [{**begun, "text": " me see.", "signature": None}],
        [{"type": "reasoning.text", "signature": "c2ln==", "index": 0}],
        [SEALED],
    )
    joined = {**begun, "text": "Let me see.", "signature": "c2ln=="}
    assert found == blocks(joined, SEALED)


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (
            [{"type": "reasoning.summary", "summary": "a"}, {"type": "reasoning.summary",
                                                              "summary": "b"}],
            [{"type": "reasoning.summary", "summary": "ab"}],
        ),
        (
            [{"type": "reasoning.text", "text": "a", "index": 0}, {"type": "reasoning.text",
             "text": "b", "index": 1}, {"type": "reasoning.text", "text": "c", "index": 0}],
            [{"type": "reasoning.text", "text": "ac", "index": 0}, {"type": "reasoning.text",
             "text": "b", "index": 1}],
        ),
        (
            [{"type": "reasoning.text", "text": None}, {"type": "reasoning.text", "text": "\ud83d"},
             {"type": "reasoning.text", "text": "\ude00"}],
            [{"type": "reasoning.text", "text": "😀"}],
        ),
    ],
    ids=["without an index", "between one another", "half a character"],
)  # fmt: skip
def test_pieces_of_one_are_one(pieces: list[object], joined: list[object]) -> None:
    assert streamed(*([each] for each in pieces)) == blocks(*joined)
    assert streamed(pieces) == blocks(*joined)


@pytest.mark.parametrize(
    "pieces",
    [
        [SEALED, SEALED],
        [TEXT, {"type": "reasoning.text", "text": "More.", "index": 0}],
        [{"type": "reasoning.text", "text": "a", "id": "1"}, {"type": "reasoning.text",
                                                              "text": "b", "id": "2"}],
        [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.summary", "summary": "b"}],
        [{"type": ["reasoning.text"]}, {"type": ["reasoning.text"]}],
    ],
    ids=["sealed", "after a signature", "of two ids", "of two kinds", "of no kind"],
)  # fmt: skip
def test_what_is_not_one_is_not_joined(pieces: list[object]) -> None:
    assert streamed(*([each] for each in pieces)) == blocks(*pieces)


def test_a_stream_of_many_pieces_folds_to_the_whole() -> None:
    text = "Thinking — 日本 😀 — aloud."
    pieces = [[{"type": "reasoning.text", "text": each, "index": 0}] for each in text]
    sealed = {"type": "reasoning.text", "signature": "c2ln==", "index": 0}
    of_stream = streamed(*pieces, [sealed])
    assert of_stream == whole({"type": "reasoning.text", "text": text, **sealed}).blocks


@pytest.mark.parametrize("said", [None, "text", {"type": "reasoning.text"}, [7, None]])
def test_what_is_no_list_of_them_is_passed_over(said: object) -> None:
    assert streamed(said) == ()


def test_a_call_comes_with_its_reasoning() -> None:
    decoder = DIALECT.decoder()
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    said = chunk({"reasoning_details": [TEXT], "tool_calls": [call]}, "tool_calls")
    reply = fold([*decoder.feed(said), *decoder.finish()])
    assert (reply.tool_calls, reply.blocks) == ((ToolCall("a", "f", "{}"),), blocks(TEXT))


def test_who_is_not_known_for_it_keeps_none() -> None:
    body = unary({"content": "x", "reasoning_details": [TEXT]})
    assert OpenAIDialect().decode(body, content_type="").blocks == ()


def test_they_go_back_with_the_turn_that_they_belong_to() -> None:
    reply = whole(TEXT, SEALED)
    other: Block = {"by": "anthropic", "block": {"type": "thinking"}}
    said = Message("assistant", (Text("x"),), blocks=(*reply.blocks, other))
    calling = Message("assistant", (), (ToolCall("a", "f", "{}"),), blocks=reply.blocks)
    found: Any = wire_messages([said, calling, Message("user", (Text("go on"),))], "openrouter")
    assert [each.get("reasoning_details") for each in found] == [[TEXT, SEALED]] * 2 + [None]
    assert "reasoning_details" not in str(wire_messages([said, calling]))


def test_what_was_kept_goes_back_byte_for_byte() -> None:
    reply = whole({**TEXT, "text": "naïve \u2028 \\ud83d 😀", "more": {"b": 1.0, "a": [None]}})
    kept = json.loads(json.dumps(reply.blocks))
    (turn,) = wire_messages([Message("assistant", (Text("x"),), blocks=tuple(kept))], "openrouter")
    assert isinstance(turn, dict)
    assert turn["reasoning_details"] == [reply.blocks[0]["block"]]


def test_what_cannot_be_sent_back_is_an_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for bad in (deep, float("nan")):
        details = ReasoningDetails("openrouter")
        details.feed([{"type": "x", "data": bad}], is_whole=True)
        with pytest.raises(ProviderError, match=r"^sent reasoning that cannot be sent back$"):
            details.blocks()
