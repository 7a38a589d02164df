from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
)
from flowrun.chat.usage import Usage
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from tests.support.wire_bodies import (
    ASKED,
    DATA_URL,
    DIALECT,
    PICTURE,
    body_of,
    chunk,
    decode,
    stream,
    unary,
)


def test_a_plain_request() -> None:
    wire = DIALECT.encode(ASKED, stream=False)
    assert (wire.method, wire.path) == ("POST", "/chat/completions")
    assert body_of(wire) == {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_everything_has_its_wire_name() -> None:
    request = ChatRequest(
        model="m",
        messages=(
            Message("system", (Text("be "), Text("brief"))),
            Message("user", (Text("see"), PICTURE, ImageUrl("https://example.org/x.png"))),
        ),
        options={"temperature": 0, "seed": 7, "max_completion_tokens": 9, "n": 1},
        response_format=ResponseFormat("json_schema", "answer", {"type": "object"}, strict=False),
        modalities=("image", "text"),
        image_config={"aspect_ratio": "16:9"},
        provider={"sort": "price"},
    )
    assert body_of(DIALECT.encode(request, stream=True)) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image_url", "image_url": {"url": DATA_URL}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
                ],
            },
        ],
        "temperature": 0,
        "seed": 7,
        "max_completion_tokens": 9,
        "n": 1,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": False, "schema": {"type": "object"}},
        },
        "modalities": ["image", "text"],
        "image_config": {"aspect_ratio": "16:9"},
        "provider": {"sort": "price"},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_text_goes_over_the_wire_as_utf8_and_never_fails_to() -> None:
    request = ChatRequest("m", (Message("user", (Text("日本 \ud83d"),)),))
    wire = DIALECT.encode(request, stream=False)
    assert wire.body is not None
    assert "日本 ?" in wire.body.decode()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"messages": []}, 'cannot take "messages" as an option'),
        ({"tools": [], "stream": True}, 'cannot take "stream" as an option'),
        ({"n": 2}, 'cannot take "n": one request has one answer'),
    ],
)
def test_what_is_no_option_is_refused(options: Mapping[str, Any], said: str) -> None:
    with pytest.raises(Unsupported) as caught:
        DIALECT.encode(ChatRequest("m", (), options=options), stream=False)
    assert str(caught.value) == said


def test_a_plain_reply() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    assert decode(unary({"role": "assistant", "content": "hi"}, usage=usage)) == ChatReply(
        "hi", "stop", "served", Usage(3, output_tokens=2), id="1"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        ([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}, 7], "in parts"),
        ({"type": "text"}, ""),
    ],
)
def test_content_comes_as_text_or_in_parts(content: object, text: str) -> None:
    assert decode(unary({"content": content})).text == text


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({"refusal": "no"}, {"refusal": "no"}),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, {"refusal": "no"}),
        ({"content": "a", "reasoning": "why"}, {"text": "a", "reasoning": "why"}),
        ({"content": "a", "reasoning_content": "why"}, {"text": "a", "reasoning": "why"}),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]},
            {"reasoning": "why"},
        ),
    ],
)
def test_refusal_and_reasoning_stand_beside_the_text(
    message: object, reply: Mapping[str, str]
) -> None:
    found = decode(unary(message))
    assert {
        name: getattr(found, name)
        for name in ("text", "refusal", "reasoning")
        if getattr(found, name)
    } == reply


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        (None, "stop"),
        ("", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
    ],
)
def test_finish_reasons_of_many_speakers(reported: object, reason: str) -> None:
    assert decode(unary({"content": "x"}, reported)).finish_reason == reason


@pytest.mark.parametrize(("reported", "reason"), [("stop", "tool_calls"), ("length", "length")])
def test_calls_that_nobody_asked_for_are_told(reported: str, reason: str) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert decode(unary({"content": None, "tool_calls": calls}, reported)).finish_reason == reason
    assert stream(chunk({"tool_calls": calls}), chunk({}, reported)).finish_reason == reason


def test_an_unknown_finish_reason_is_not_taken_for_a_good_end() -> None:
    with pytest.raises(ProviderError) as caught:
        decode(unary({"content": "x"}, "phase_of_the_moon"))
    assert str(caught.value) == 'ended its reply for an unknown reason: "phase_of_the_moon"'
    assert type(caught.value) is ProviderError


def test_the_finish_reason_error_is_one() -> None:
    with pytest.raises(Unavailable, match=r"^ended its reply with an error$"):
        stream(chunk({"content": "x"}), chunk({}, "error"))


@pytest.mark.parametrize("end", [None, "error"])
def test_an_error_in_the_stream_is_raised(end: str | None) -> None:
    error = {"code": 502, "message": "the upstream went away"}
    with pytest.raises(Unavailable) as caught:
        stream(chunk({"content": "x"}), chunk({}, end, error=error), "[DONE]")
    assert str(caught.value) == "reported an error: the upstream went away"
    assert caught.value.status == 502


def test_an_error_in_a_whole_body_is_raised() -> None:
    with pytest.raises(AccessDenied):
        decode(b'{"error": {"code": 402, "message": "no credit"}}')


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"<html>", "text/html", "gave a reply that is not JSON: an HTML page"),
        (b'{"choices": [{"mess', "application/json",
         'gave a reply that is not JSON: {"choices": [{"mess'),
        (b"[1]", "application/json", "gave a reply that is not JSON: [1]"),
        (b'{"a": "\xff"}', "application/json", 'gave a reply that is not JSON: {"a": "\ufffd"}'),
        (b"", "", "gave a reply that is not JSON: an empty body"),
        (b"{}", "", "gave a reply without an answer: {}"),
        (b'{"choices": []}', "", 'gave a reply without an answer: {"choices": []}'),
        (b'{"choices": "x"}', "", 'gave a reply without an answer: {"choices": "x"}'),
    ],
)  # fmt: skip
def test_a_body_that_is_no_reply_may_be_asked_for_again(
    body: bytes, content_type: str, said: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        decode(body, content_type)
    assert str(caught.value) == said


@pytest.mark.parametrize("content_type", ["text/event-stream", "text/plain"])
def test_a_stream_where_a_body_was_asked_for(content_type: str) -> None:
    body = f"data: {chunk({'content': 'x'})}\n\ndata: {chunk({}, 'stop')}\n\ndata: [DONE]\n\n"
    assert decode(body.encode(), content_type).text == "x"


def test_the_error_of_a_response_is_the_dialects() -> None:
    assert str(DIALECT.error(500, {}, b"", now=0.0)) == "answered 500: an empty body"


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (
            {"object": "list", "data": [{"id": "a", "owned_by": "x"}, {"name": "b"}, 7]},
            [{"id": "a", "owned_by": "x"}],
        ),
        ([{"id": "a"}], [{"id": "a"}]),
        (
            {
                "model_groups": [
                    {"groupLabel": "Fast", "options": [{"value": "a", "label": "A"}, {}, 7]},
                    7,
                ]
            },
            [{"id": "a", "value": "a", "label": "A", "group": "Fast"}],
        ),
        ({"model_groups": None}, []),
    ],
)
def test_lists_of_models(body: object, rows: object) -> None:
    assert DIALECT.models(json.dumps(body).encode()) == rows


@pytest.mark.parametrize("body", [b"<html>", b'{"data": 1}', b"7"])
def test_what_is_no_list_of_models(body: bytes) -> None:
    with pytest.raises(Unavailable, match=r"^gave no list of models: "):
        DIALECT.models(body)


CROWD = b'{"choices":[' + b"[]," * 300_000 + b"[]]}"


@pytest.mark.parametrize("body", [CROWD, b"data: " + CROWD + b"\n\n"], ids=["whole", "stream"])
def test_a_body_of_too_many_values_is_refused_unread(body: bytes) -> None:
    with pytest.raises(ProviderError, match="more than 500,000 values"):
        DIALECT.decode(body, content_type="application/json")
    with pytest.raises(ProviderError, match="more than 500,000 values"):
        DIALECT.models(body)
