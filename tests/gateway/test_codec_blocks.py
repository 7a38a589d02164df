"""What a provider wants back makes the round through a client and comes back as it was."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flowrun.chat.messages import Block
from flowrun.gateway.codec_blocks import SEAL, blocks_of, details_of, signatures_of
from flowrun.gateway.faults import Fault

THOUGHT: Block = {
    "by": "anthropic",
    "block": {"type": "thinking", "thinking": "", "signature": "EqQB…/+=", "z": 1, "a": 2},
}
SIGNED: Block = {"by": "gemini", "call": 1, "signature": "c2ln"}
OPEN: Block = {"by": "openrouter", "block": {"type": "reasoning.text", "text": "hm", "index": 3}}


def sealed(text: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {"type": "reasoning.encrypted", "format": SEAL, "data": data, "index": 0}


def test_pitfall_08_a_block_comes_back_byte_for_byte() -> None:
    blocks: tuple[Block, ...] = (THOUGHT, {"by": "anthropic", "text": 3}, SIGNED, OPEN)
    back = json.loads(json.dumps({"reasoning_details": details_of(blocks)}))
    found = blocks_of(back, "messages[0]")
    assert [json.dumps(each) for each in found] == [json.dumps(each) for each in blocks]


def test_openrouters_own_are_as_they_came() -> None:
    assert details_of((OPEN,)) == [OPEN["block"]]
    foreign = {"type": "reasoning.summary", "summary": "hm"}
    assert blocks_of({"reasoning_details": [foreign]}, "m") == (
        {"by": "openrouter", "block": foreign},
    )


def test_what_another_gateway_sealed_is_sealed_again() -> None:
    block: Block = {"by": "openrouter", "block": sealed("{}")}
    details = details_of((block,))
    assert details != [block["block"]]
    assert blocks_of({"reasoning_details": details}, "m") == (block,)


def test_the_sealed_are_counted_on() -> None:
    found = details_of((THOUGHT, THOUGHT), 4)
    assert [each["index"] for each in found if isinstance(each, dict)] == [4, 5]


def test_pitfall_06_a_signature_stands_on_its_call_too() -> None:
    found = signatures_of((THOUGHT, SIGNED, {"by": "gemini", "call": 0}))
    assert found == {1: {"google": {"thought_signature": "c2ln"}}}


def carrying(*extras: object, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"id": "a", "extra_content": each} for each in extras], **fields}


def test_pitfall_07_signatures_come_back_where_they_stood() -> None:
    message = carrying(None, {"google": {"thought_signature": "c2ln"}}, {"google": {}}, {"x": 1})
    assert blocks_of(message, "m") == (SIGNED,)


def test_what_comes_back_both_ways_comes_once() -> None:
    message = carrying(None, {"google": {"thought_signature": "c2ln"}})
    assert blocks_of({**message, "reasoning_details": details_of((SIGNED,))}, "m") == (SIGNED,)
    assert blocks_of({**message, "reasoning_details": details_of((THOUGHT,))}, "m") == (
        THOUGHT,
        SIGNED,
    )


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"reasoning_details": {}}, "m.reasoning_details"),
        ({"reasoning_details": [OPEN] * 2001}, "m.reasoning_details"),
        ({"reasoning_details": [7]}, "m.reasoning_details[0]"),
        ({"reasoning_details": [{"format": SEAL}]}, "m.reasoning_details[0].data"),
        (
            {"reasoning_details": [{"format": SEAL, "data": "?"}]},
            "m.reasoning_details[0].data",
        ),
        (
            {"reasoning_details": [{"format": SEAL, "data": "/w=="}]},
            "m.reasoning_details[0].data",
        ),
        ({"reasoning_details": [sealed("[]")]}, "m.reasoning_details[0].data"),
        ({"reasoning_details": [sealed('{"by":7}')]}, "m.reasoning_details[0].data"),
        (
            {"reasoning_details": [sealed('{"by":"gemini","block":{"fileData":{}}}')]},
            "m.reasoning_details[0].data",
        ),
        (
            {"reasoning_details": [sealed('{"by":"anthropic","block":{"type":"document"}}')]},
            "m.reasoning_details[0].data",
        ),
        (
            {"reasoning_details": [sealed('{"by":"anthropic","block":{}}')]},
            "m.reasoning_details[0].data",
        ),
        (
            {"reasoning_details": [sealed('{"by":"gemini","a":' + "[" * 200 + "]" * 200 + "}")]},
            "m.reasoning_details[0].data",
        ),
        (
            carrying({"google": {"thought_signature": 7}}),
            "m.tool_calls[0].extra_content.google.thought_signature",
        ),
    ],
)
def test_what_a_client_makes_up_is_refused(message: dict[str, Any], param: str) -> None:
    with pytest.raises(Fault) as raised:
        blocks_of(message, "m")
    assert (raised.value.status, raised.value.param) == (400, param)


def test_a_message_may_carry_nothing() -> None:
    assert blocks_of({"reasoning_details": None, "tool_calls": None}, "m") == ()
