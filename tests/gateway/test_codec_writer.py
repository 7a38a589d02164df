"""What is written is what both families of clients read, and what the dialect reads back."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from gumloop.spec import ChatResult, ChatStreamChunk
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from flowrun.chat.messages import (
    Block,
    ChatReply,
    Delta,
    ToolCall,
    ToolCallPiece,
)
from flowrun.chat.usage import Usage
from flowrun.gateway.codec import UsageForm, Writer, read
from flowrun.gateway.faults import Fault
from flowrun.providers.sse import EventParser
from tests.gateway.test_codec import HELLO, drawn

RED, BLUE = drawn("red"), drawn("blue")
CALLS = (ToolCall("call_a", "search", '{"q":"é"}'), ToolCall("call_b", "now", "{}"))
SIGNED: Block = {"by": "gemini", "call": 0, "signature": "c2ln"}
FAULT = Fault(503, "no provider answers", code="overloaded", kind="overloaded_error")


def writer(form: UsageForm = "finish") -> Writer:
    return Writer("chatcmpl-1", 1_700_000_000, "openai/m", form)


def whole(reply: ChatReply) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(writer().whole(reply))
    ChatCompletion.model_validate(body, strict=True)
    ChatResult.model_validate(body)
    return body


def chunks(sent: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, each as both clients take it; [DONE] comes last, once."""
    parser = EventParser()
    events = [*parser.feed(sent), *parser.finish()]
    assert events[-1] == "[DONE]"
    found: list[dict[str, Any]] = [json.loads(each) for each in events[:-1]]
    for each in found:
        ChatStreamChunk.model_validate(each)
        assert each["system_fingerprint"] is None
        for choice in each["choices"]:
            assert choice["finish_reason"] != ""
            if choice["finish_reason"] != "error":
                ChatCompletionChunk.model_validate(each, strict=True)
    return found


def streamed(*deltas: Delta, form: UsageForm = "finish", usage: Usage | None = None) -> list[Any]:
    one = writer(form)
    return chunks(b"".join([*(one.chunk(each) for each in deltas), one.end("stop", usage)]))


def told(found: list[Any]) -> list[dict[str, Any]]:
    return [each["choices"][0]["delta"] for each in found]


def test_a_whole_answer() -> None:
    usage = Usage(10, 1000, 100, 7, Decimal("0.25"), 5, 3, 4, 6)
    assert whole(ChatReply("Hello.", "stop", "m", usage)) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "openai/m",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1115,
            "completion_tokens": 7,
            "total_tokens": 1122,
            "prompt_tokens_details": {
                "cached_tokens": 1000,
                "cache_write_tokens": 105,
                "image_tokens": 4,
            },
            "completion_tokens_details": {"reasoning_tokens": 3, "image_tokens": 6},
            "cost": 0.25,
        },
    }


def test_pitfall_55_the_fingerprint_is_there_without_use() -> None:
    body = whole(ChatReply("Hello.", "stop", "m"))
    assert body["system_fingerprint"] is None
    assert "usage" not in body


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        (ChatReply("", "stop", "m"), ""),
        (ChatReply("", "length", "m"), ""),
        (ChatReply("", "tool_calls", "m", tool_calls=CALLS), None),
        (ChatReply("", "content_filter", "m"), None),
        (ChatReply("", "stop", "m", refusal="no"), None),
        (ChatReply("", "stop", "m", images=(RED,)), None),
        (ChatReply("so", "tool_calls", "m", tool_calls=CALLS), "so"),
    ],
)
def test_content_is_null_where_something_else_is_said(reply: ChatReply, content: object) -> None:
    message = whole(reply)["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (content, reply.refusal or None)


def test_calls_thoughts_and_signatures() -> None:
    reply = ChatReply("", "tool_calls", "m", reasoning="hm", tool_calls=CALLS, blocks=(SIGNED,))
    message = whole(reply)["choices"][0]["message"]
    assert message["reasoning"] == "hm"
    assert [each["type"] for each in message["reasoning_details"]] == ["reasoning.encrypted"]
    assert message["tool_calls"] == [
        {
            "id": "call_a",
            "type": "function",
            "function": {"name": "search", "arguments": '{"q":"é"}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        },
        {"id": "call_b", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]


def shown(*images: Any) -> list[Any]:
    urls = [f"data:image/png;base64,{base64.b64encode(each.data).decode()}" for each in images]
    return [
        {"type": "image_url", "index": at, "image_url": {"url": url}} for at, url in enumerate(urls)
    ]


def test_pitfall_48_pictures_are_data_urls() -> None:
    message = whole(ChatReply("", "stop", "m", images=(RED, BLUE)))["choices"][0]["message"]
    assert message["images"] == shown(RED, BLUE)
    assert told(streamed(Delta(images=(RED,)))) == [
        {"role": "assistant", "content": "", "images": shown(RED)}
    ]


def test_the_last_frame_goes_with_the_end() -> None:
    found = streamed(Delta(images=(RED,)), Delta(text="so"), Delta(images=(BLUE, RED)))
    assert told(found) == [
        {"role": "assistant", "content": "so"},
        {"images": shown(RED)},
        {"images": shown(BLUE, RED)},
    ]
    assert [each["choices"][0]["finish_reason"] for each in found] == [None, None, "stop"]


def test_a_stream() -> None:
    found = streamed(
        Delta(id="x", model="y"),
        Delta(reasoning="hm"),
        Delta(text="Hel"),
        Delta(text="lo\u2028😀"),
        Delta(refusal="no"),
        Delta(text="!", finish_reason="stop", usage=Usage(1)),
    )
    assert told(found) == [
        {"role": "assistant", "content": "", "reasoning": "hm"},
        {"content": "Hel"},
        {"content": "lo\u2028😀"},
        {"refusal": "no"},
        {"content": "!"},
        {},
    ]
    assert {(each["id"], each["created"], each["model"], each["object"]) for each in found} == {
        ("chatcmpl-1", 1_700_000_000, "openai/m", "chat.completion.chunk")
    }


def test_a_piece_with_nothing_to_show_is_no_event() -> None:
    assert writer().chunk(Delta(id="x", model="y", finish_reason="stop", usage=Usage(1))) == b""


def test_events_are_of_ascii_alone() -> None:
    assert writer().chunk(Delta(text="\u2028\u0085\r\n😀\ud800")).isascii()


def test_pitfall_18_finish_reason_is_null_until_the_end() -> None:
    found = streamed(Delta(text="a"), Delta(text="b"))
    assert [each["choices"][0]["finish_reason"] for each in found] == [None, None, "stop"]
    sent = chunks(writer().end(None, None))
    assert [each["choices"][0] for each in sent] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


USED = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def test_pitfall_29_use_in_a_chunk_of_its_own() -> None:
    found = streamed(Delta(text="a"), form="chunk", usage=Usage(9, output_tokens=4))
    assert [each["usage"] for each in found] == [None, None, USED]
    assert [len(each["choices"]) for each in found] == [1, 1, 0]


def test_pitfall_29_use_with_the_end_or_nowhere() -> None:
    found = streamed(Delta(text="a"), usage=Usage(9, output_tokens=4))
    assert [each.get("usage") for each in found] == [None, USED]
    assert "usage" not in found[0]
    found = streamed(Delta(text="a"), form="none", usage=Usage(9, output_tokens=4))
    assert all("usage" not in each for each in found)


@pytest.mark.parametrize("form", ["finish", "chunk", "none"])
def test_use_that_nobody_told_is_not_told(form: UsageForm) -> None:
    assert all(not each.get("usage") for each in streamed(Delta(text="a"), form=form))


def test_pitfall_13_only_the_first_piece_of_a_call_names_it() -> None:
    found = streamed(
        Delta(tool_calls=(ToolCallPiece(0, "call_a", "search", '{"q'),)),
        Delta(
            tool_calls=(ToolCallPiece(0, "call_a", "search", '":1}'), ToolCallPiece(1, "b", "now"))
        ),
    )
    first = {"index": 0, "id": "call_a", "type": "function"}
    second = {"index": 1, "id": "b", "type": "function"}
    assert told(found) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**first, "function": {"name": "search", "arguments": '{"q'}}],
        },
        {
            "tool_calls": [
                {"index": 0, "function": {"arguments": '":1}'}},
                {**second, "function": {"name": "now", "arguments": ""}},
            ]
        },
        {},
    ]


def test_a_signature_may_come_with_its_call_or_after_it() -> None:
    piece = ToolCallPiece(0, "call_a", "now", "{}")
    carried = {"google": {"thought_signature": "c2ln"}}
    together = told(streamed(Delta(tool_calls=(piece,), blocks=(SIGNED,))))
    assert together[0]["tool_calls"][0]["extra_content"] == carried
    apart = told(streamed(Delta(tool_calls=(piece,)), Delta(blocks=(SIGNED,))))
    assert apart[1]["tool_calls"] == [
        {"index": 0, "function": {"arguments": ""}, "extra_content": carried}
    ]
    alone = told(streamed(Delta(blocks=(SIGNED,)), Delta(blocks=(SIGNED,))))
    assert "tool_calls" not in alone[0]
    assert [each["reasoning_details"][0]["index"] for each in alone[:2]] == [0, 1]


def test_pitfall_28_an_error_breaks_the_stream_off() -> None:
    one = writer()
    found = chunks(one.chunk(Delta(text="a")) + one.failure(FAULT))
    assert found[-1] == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "openai/m",
        "system_fingerprint": None,
        "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "error"}],
        "error": {"code": 503, "message": "no provider answers", "type": "overloaded_error"},
    }


@pytest.mark.parametrize("form", ["finish", "chunk", "none"])
def test_pitfall_56_an_error_has_the_envelope_and_a_number(form: UsageForm) -> None:
    (found,) = chunks(writer(form).failure(FAULT))
    read_back = ChatStreamChunk.model_validate(found)
    assert read_back.error is not None
    assert read_back.error.code == 503


def test_an_answer_begins_again_only_before_anything_was_passed_on() -> None:
    one = writer()
    one.chunk(Delta(images=(RED,)))
    sent = one.chunk(Delta(restart=True)) + one.chunk(Delta(text="a")) + one.end("stop", None)
    assert told(chunks(sent)) == [{"role": "assistant", "content": "a"}, {}]
    with pytest.raises(Fault, match="began its answer again") as raised:
        one.chunk(Delta(restart=True))
    assert raised.value.status == 502


def test_pitfall_08_signed_thoughts_make_the_round_through_a_client() -> None:
    thought: Block = {"by": "anthropic", "block": {"type": "thinking", "signature": "S="}}
    reply = ChatReply("", "tool_calls", "m", tool_calls=CALLS, blocks=(thought, SIGNED))
    message = whole(reply)["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": each.id, "content": "x"} for each in CALLS]
    body = {"model": "m", "messages": [*HELLO, message, *results]}
    found = read(json.dumps(body).encode()).request.messages[1]
    assert (found.blocks, found.tool_calls) == (reply.blocks, CALLS)
