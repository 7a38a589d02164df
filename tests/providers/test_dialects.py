"""The laws that every dialect over HTTP keeps."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.fake import image
from tests.support.dialects import SPEAKERS, Speaker
from tests.support.wire_bodies import PICTURE, body_of

SEARCH = ToolDefinition("search", "Finds pages.", {"type": "object", "properties": {"q": {}}})
NOW = ToolDefinition("now", "Tells the time.", {})
PLAIN = ChatReply("Hello there.", "stop", "m-1", Usage(9, output_tokens=4), id="r-1")
TWO_CALLS = replace(
    PLAIN,
    text="Let me see.",
    finish_reason="tool_calls",
    tool_calls=(
        ToolCall("call_a", "search", '{"q":"lamps — 日本","n":[1,2.5,null,true]}'),
        ToolCall("call_b", "now", "{}"),
    ),
)
REPLIES = {
    "text": PLAIN,
    "no words": replace(PLAIN, text=""),
    "characters of four bytes": replace(PLAIN, text="日本 😀 e\u0301 \u2028 \\u0041"),
    "two calls": TWO_CALLS,
    "a call without arguments": replace(
        TWO_CALLS, text="", tool_calls=(ToolCall("call_a", "now", "{}"),)
    ),
    "thoughts": replace(PLAIN, reasoning="First, think 😀."),
    "thoughts and calls": replace(TWO_CALLS, reasoning="First, look."),
    "cut": replace(PLAIN, finish_reason="length"),
    "refused": replace(PLAIN, text="", finish_reason="content_filter", refusal="Not this."),
    "filtered half-way": replace(PLAIN, finish_reason="content_filter"),
    "cached": replace(PLAIN, usage=Usage(10, 1000, 100, 7)),
}
every_speaker = pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda each: each.name)
every_reply = pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())


def request(speaker: Speaker, *messages: Message) -> ChatRequest:
    return ChatRequest(speaker.model, messages or (Message("user", (Text("hello"),)),))


@every_speaker
@every_reply
def test_a_whole_reply_says_what_was_meant(speaker: Speaker, reply: ChatReply) -> None:
    assert replace(speaker.whole(reply), blocks=()) == speaker.meant(reply)


@every_speaker
@every_reply
def test_a_stream_folds_to_the_whole_reply(speaker: Speaker, reply: ChatReply) -> None:
    assert speaker.streamed(speaker.events(reply)) == speaker.whole(reply)


@every_speaker
@every_reply
def test_a_stream_may_come_byte_by_byte(speaker: Speaker, reply: ChatReply) -> None:
    sent = b"".join(speaker.events(reply))
    assert speaker.streamed([bytes([each]) for each in sent]) == speaker.whole(reply)


@every_speaker
@pytest.mark.parametrize("name", ["characters of four bytes", "a call without arguments"])
def test_a_stream_may_be_split_at_any_byte(speaker: Speaker, name: str) -> None:
    sent, whole = b"".join(speaker.events(REPLIES[name])), speaker.whole(REPLIES[name])
    for place in range(len(sent)):
        assert speaker.streamed([sent[:place], sent[place:]]) == whole


@every_speaker
def test_a_stream_in_place_of_a_body_is_read(speaker: Speaker) -> None:
    sent = b"".join(speaker.events(TWO_CALLS))
    for kind in ("text/event-stream", "application/json"):
        assert speaker.dialect.decode(sent, content_type=kind) == speaker.whole(TWO_CALLS)


@every_speaker
def test_a_cut_stream_is_an_error(speaker: Speaker) -> None:
    events = [each for each in speaker.events(PLAIN) if b"DONE" not in each]
    ends = next(n for n, each in enumerate(events) if speaker.ending in each)
    for count in range(ends):
        with pytest.raises(Unavailable, match="cut the stream before the reply was complete"):
            speaker.streamed(events[:count])


@every_speaker
def test_an_error_in_the_midst_of_a_stream_is_one(speaker: Speaker) -> None:
    failure = json.dumps(speaker.failure("overloaded_error", "too busy"))
    sent = [*speaker.events(PLAIN)[:4], f"event: error\ndata: {failure}\n\n".encode()]
    with pytest.raises(Unavailable, match="reported an error: too busy") as caught:
        speaker.streamed(sent)
    assert caught.value.is_overload


@every_speaker
def test_an_error_in_a_body_is_one(speaker: Speaker) -> None:
    body = json.dumps(speaker.failure("authentication_error", "who?")).encode()
    with pytest.raises(AccessDenied, match=r"reported an error: who\?"):
        speaker.dialect.decode(body, content_type="application/json")


@every_speaker
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON: an empty body"),
        (b"<html>", "not JSON: an HTML page"),
        (b"[1]", "not JSON: "),
        (b"{}", "without an answer: {}"),
    ],
)
def test_a_body_that_is_no_reply_is_an_error(speaker: Speaker, body: bytes, said: str) -> None:
    with pytest.raises(Unavailable) as caught:
        speaker.dialect.decode(body, content_type="application/json")
    assert said in str(caught.value)


@every_speaker
@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "invalid_request_error", ProviderError),
        (401, "authentication_error", AccessDenied),
        (402, "billing_error", AccessDenied),
        (403, "permission_error", AccessDenied),
        (404, "not_found_error", Unsupported),
        (409, "conflict_error", Unavailable),
        (429, "rate_limit_error", Unavailable),
        (500, "api_error", Unavailable),
        (504, "timeout_error", Unavailable),
        (529, "overloaded_error", Unavailable),
    ],
)
def test_errors_are_told_apart_by_status_and_type(
    speaker: Speaker, status: int, word: str, kind: type[ProviderError]
) -> None:
    body = json.dumps(speaker.failure(word, "why")).encode()
    error = speaker.dialect.error(status, {"retry-after": "12"}, body, now=0.0)
    assert (type(error), str(error), error.status) == (kind, f"answered {status}: why", status)
    if isinstance(error, Unavailable):
        assert error.retry_after_s == 12


@every_speaker
def test_a_page_of_a_proxy_is_an_error_too(speaker: Speaker) -> None:
    error = speaker.dialect.error(502, {"content-type": "text/html"}, b"<html>", now=0.0)
    assert (type(error), str(error)) == (Unavailable, "answered 502: an HTML page")


def second_turn(speaker: Speaker, *result: Part) -> ChatRequest:
    reply = speaker.whole(REPLIES["thoughts and calls"])
    said = Message("assistant", (Text(reply.text),), reply.tool_calls, blocks=reply.blocks)
    results = [Message("tool", result, tool_call_id=each.id) for each in reply.tool_calls]
    asked = request(speaker, Message("user", (Text("which?"),)), said, *results)
    return replace(asked, tools=(SEARCH, NOW))


@every_speaker
def test_calls_and_their_results_go_back_in_their_order(speaker: Speaker) -> None:
    wire = speaker.dialect.encode(second_turn(speaker, Text("three lamps")), stream=True)
    speaker.valid(body_of(wire))
    sent = json.dumps(body_of(wire)[speaker.turns])
    order = ["which?", "Let me see.", "call_a", "search", "call_b", "now", "call_a", "three lamps"]
    place = 0
    for each in [*order, "call_b", "three lamps"]:
        place = sent.index(each, place) + 1


@every_speaker
def test_pictures_reach_the_model_wherever_they_stand(speaker: Speaker) -> None:
    other = image(ChatRequest("image", (Message("user", (Text("x"),)),), modalities=("image",)))
    assert isinstance(other, Image)
    asked = second_turn(speaker, Text("see"), other)
    shown = Message("user", (Text("and"), PICTURE, ImageUrl(speaker.picture_url)))
    body = body_of(
        speaker.dialect.encode(replace(asked, messages=(*asked.messages, shown)), stream=False)
    )
    speaker.valid(body)
    sent = json.dumps(body)
    assert sent.count(base64.b64encode(other.data).decode()) >= 2
    assert base64.b64encode(PICTURE.data).decode() in sent
    assert speaker.picture_url in sent


@every_speaker
@pytest.mark.parametrize("choice", [None, "auto", "none", "required", "search"])
@pytest.mark.parametrize("parallel", [None, True, False])
def test_any_choice_of_tools_is_a_valid_request(
    speaker: Speaker, choice: str | None, parallel: bool | None
) -> None:
    named: JsonValue = {"type": "function", "function": {"name": choice}}
    asked = replace(
        second_turn(speaker, Text("x")),
        tool_choice=named if choice == "search" else choice,
        parallel_tool_calls=parallel,
        response_format=ResponseFormat("json_object"),
    )
    if parallel is False and choice != "none" and not speaker.calls_alone:
        with pytest.raises(Unsupported, match='cannot take "parallel_tool_calls"'):
            speaker.dialect.encode(asked, stream=False)
        return
    speaker.valid(body_of(speaker.dialect.encode(asked, stream=False)))


@every_speaker
def test_what_cannot_be_said_is_refused_by_its_name(speaker: Speaker) -> None:
    for name, value in speaker.refused.items():
        with pytest.raises(Unsupported) as caught:
            speaker.dialect.encode(replace(request(speaker), options={name: value}), stream=False)
        assert (caught.value.param, f'"{name}"' in str(caught.value)) == (name, True)


@every_speaker
def test_the_key_has_its_header_and_models_are_listed(speaker: Speaker) -> None:
    assert dict([speaker.key_header]) == speaker.dialect.key_headers("secret")
    wire = speaker.dialect.listing()
    assert (wire.method, wire.path.partition("?")[0], wire.body) == ("GET", "/models", None)
    (row,) = speaker.dialect.models(speaker.listed)
    assert (row["id"], row["x"]) == ("a", 1)
    for body in (b"no", b"{}", b"[" * 10):
        with pytest.raises(Unavailable, match="gave no list of models"):
            speaker.dialect.models(body)
