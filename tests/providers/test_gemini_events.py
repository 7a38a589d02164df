from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply, Delta, ToolCall, fold
from flowrun.chat.usage import Usage
from flowrun.errors import AccessDenied, ProviderError, Unavailable
from flowrun.providers.gemini import GeminiDialect
from flowrun.providers.gemini_events import EventDecoder
from tests.support.gemini_types import valid_reply
from tests.support.wire_bodies import PICTURE

DIALECT = GeminiDialect()
PNG = base64.b64encode(PICTURE.data).decode()
DRAWN: dict[str, Any] = {"inlineData": {"mimeType": "image/jpeg", "data": PNG}}


def event(*parts: object, finish: str | None = None, **beside: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    return valid_reply({"candidates": [candidate], "responseId": "r", **beside})


def call(name: str, **args: object) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({"args": args} if args else {})}}


def deltas(*events: object) -> list[Delta]:
    decoder = DIALECT.decoder()
    found = [delta for each in events for delta in decoder.feed(json.dumps(each))]
    assert decoder.complete
    return [*found, *decoder.finish()]


def stream(*events: object) -> ChatReply:
    return fold(deltas(*events))


def whole(body: object) -> ChatReply:
    return DIALECT.decode(json.dumps(body).encode(), content_type="application/json")


def test_pitfall_02_one_counter_runs_over_the_whole_stream() -> None:
    found = stream(event(call("f", a=1)), event(call("f", a=2)), event(finish="STOP"))
    assert [each.arguments for each in found.tool_calls] == ['{"a":1}', '{"a":2}']
    assert len({each.id for each in found.tool_calls}) == 2


def test_calls_without_an_id_get_one_that_no_other_reply_has() -> None:
    both = event(call("f"), call("f"), finish="STOP")
    first = whole(both).tool_calls
    assert first == whole(both).tool_calls == stream(both).tool_calls
    other = whole({**both, "responseId": "other"}).tool_calls
    assert len({each.id for each in (*first, *other)}) == 4
    assert all(each.id.startswith("call_") for each in first)


def test_an_id_that_is_told_twice_is_one_calls_alone() -> None:
    same = {"functionCall": {"id": "a", "name": "f"}}
    first, second = whole(event(same, same, finish="STOP")).tool_calls
    assert first == ToolCall("a", "f", "{}")
    assert second.id not in ("", "a")


@pytest.mark.parametrize("is_call_first", [True, False])
def test_pitfall_15_a_reply_that_calls_says_so_whenever_it_stops(is_call_first: bool) -> None:
    events = [event(call("f")), event(finish="STOP")]
    assert stream(*(events if is_call_first else reversed(events))).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "finish"), [("MAX_TOKENS", "length"), ("SPII", "content_filter")]
)
def test_pitfall_16_calls_of_a_cut_reply_are_not_made(reason: str, finish: str) -> None:
    assert whole(event(call("f"), finish=reason)).finish_reason == finish
    assert stream(event(call("f")), event(finish=reason)).finish_reason == finish


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        (None, "stop"),
        ("FINISH_REASON_UNSPECIFIED", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *(
            (each, "content_filter")
            for each in (
                *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
                *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION"),
                "MODEL_ARMOR",
            )
        ),
    ],
)
def test_every_reason_to_stop_is_known(reason: str | None, finish: str) -> None:
    assert whole(event({"text": "x"}, finish=reason)).finish_reason == finish


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        ("MALFORMED_FUNCTION_CALL", Unavailable, "wrote a call of a tool that cannot be read"),
        ("UNEXPECTED_TOOL_CALL", Unavailable, "called a tool that it was not given"),
        ("MALFORMED_RESPONSE", Unavailable, "wrote a reply that cannot be read"),
        ("NO_IMAGE", Unavailable, "drew no picture"),
        ("IMAGE_OTHER", Unavailable, "drew no picture, for a reason that it does not tell"),
        ("OTHER", Unavailable, "ended its reply for a reason that it does not tell"),
        ("TOO_MANY_TOOL_CALLS", ProviderError, "called too many tools"),
        ("MISSING_THOUGHT_SIGNATURE", ProviderError, "misses a signature in the conversation"),
        (
            "PUP_LIMITED_DISABLED",
            AccessDenied,
            "ended its reply: the account is limited or disabled",
        ),
    ],
)
def test_an_end_that_no_reply_has_is_an_error(
    reason: str, kind: type[ProviderError], said: str
) -> None:
    for read in (whole, stream):
        with pytest.raises(ProviderError) as caught:
            read(event({"text": "x"}, finish=reason))
        assert (type(caught.value), str(caught.value)) == (kind, said)


def test_a_reason_that_nobody_knows_is_an_error() -> None:
    body = {"candidates": [{"finishReason": "WHIM"}]}
    with pytest.raises(ProviderError, match='ended its reply for an unknown reason: "WHIM"'):
        whole(body)


def test_pitfall_19_text_of_the_last_event_is_told() -> None:
    assert stream(event({"text": "a"}), event({"text": "b"}, finish="STOP")).text == "ab"


def test_pitfall_20_a_blocked_prompt_is_a_filtered_reply() -> None:
    blocked = valid_reply(
        {
            "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Not this."},
            "usageMetadata": {"promptTokenCount": 3},
        }
    )
    for found in (whole(blocked), stream(blocked)):
        assert (found.text, found.finish_reason) == ("", "content_filter")
        assert (found.refusal, found.usage) == ("Not this.", Usage(3))


@pytest.mark.parametrize("candidate", [{}, {"content": {}}, {"content": {"parts": [7, None]}}])
def test_pitfall_20_a_candidate_may_lack_everything(candidate: dict[str, Any]) -> None:
    found = whole({"candidates": [candidate], "promptFeedback": {}})
    assert (found.text, found.finish_reason) == ("", "stop")


def test_without_a_candidate_there_is_no_answer() -> None:
    bodies: list[dict[str, Any]] = [
        {"candidates": []},
        {"candidates": [{"index": 1}]},
        {"usageMetadata": {}},
    ]
    for body in bodies:
        with pytest.raises(Unavailable, match="gave a reply without an answer"):
            whole(body)


def test_a_stream_without_a_reason_to_stop_was_cut() -> None:
    decoder = DIALECT.decoder()
    decoder.feed(json.dumps(event({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED")))
    assert (decoder.complete, decoder.closed) == (False, False)
    for last in ("", "[DONE]", json.dumps(event())):
        decoder.feed(last)
        with pytest.raises(Unavailable, match="cut the stream before the reply was complete"):
            decoder.finish()
    assert decoder.closed


def test_an_event_that_is_none_is_an_error() -> None:
    for said in ("oops", "7", "[]", "[1]"):
        with pytest.raises(Unavailable, match="sent an event that is not JSON"):
            DIALECT.decoder().feed(said)


def test_pitfall_31_cached_tokens_are_counted_once() -> None:
    told = {"promptTokenCount": 1000, "cachedContentTokenCount": 800, "candidatesTokenCount": 5}
    assert whole(event(finish="STOP", usageMetadata=told)).usage == Usage(200, 800, 0, 5)
    odd = {"promptTokenCount": 10, "cachedContentTokenCount": 800}
    assert whole(event(finish="STOP", usageMetadata=odd)).usage == Usage(0, 10)


def test_pitfall_33_thoughts_are_output() -> None:
    told = {
        "promptTokenCount": 7,
        "candidatesTokenCount": 10,
        "thoughtsTokenCount": 90,
        "toolUsePromptTokenCount": 3,
        "totalTokenCount": 110,
    }
    usage = whole(event(finish="STOP", usageMetadata=told)).usage
    assert usage == Usage(10, output_tokens=100, reasoning_tokens=90)
    assert usage.total_tokens == 110


def test_pitfall_34_usage_of_a_stream_is_the_last_that_was_told() -> None:
    told = [{"promptTokenCount": 9, "candidatesTokenCount": count} for count in (1, 5, 8)]
    events = [event({"text": "x"}, usageMetadata=each) for each in told]
    last = {"usageMetadata": {"candidatesTokenCount": 12, "thoughtsTokenCount": None}}
    found = deltas(*events, event(finish="STOP"), last)
    assert [each.usage for each in found if each.usage] == [
        Usage(9, output_tokens=count) for count in (1, 5, 8, 12)
    ]
    assert fold(found).usage == Usage(9, output_tokens=12)


def test_tokens_of_pictures_are_told_apart() -> None:
    told = {
        "promptTokenCount": 300,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 42},
            {"modality": "IMAGE", "tokenCount": 258},
        ],
        "candidatesTokenCount": 1310,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    usage = whole(event(finish="STOP", usageMetadata=told)).usage
    assert usage == Usage(300, output_tokens=1310, image_input_tokens=258, image_output_tokens=1290)


def test_a_reply_says_nothing_of_usage_where_none_is_told() -> None:
    assert whole({"candidates": [{}], "usageMetadata": {}}).usage is None
    odd = {"promptTokenCount": "x", "promptTokensDetails": [7, {"modality": "IMAGE"}]}
    assert whole({"candidates": [{}], "usageMetadata": odd}).usage == Usage()


def test_pitfall_48_a_drawn_picture_is_one() -> None:
    body = event({"text": "Here."}, DRAWN, finish="STOP")
    for found in (
        whole(body),
        stream(event({"text": "Here."}), event(DRAWN), event(finish="STOP")),
    ):
        assert (found.text, found.images) == ("Here.", (PICTURE,))
        assert found.images[0].mime_type == "image/png"


def test_drafts_of_a_picture_are_left_among_the_thoughts() -> None:
    draft = {**DRAWN, "thought": True, "thoughtSignature": "c2ln"}
    thought = {"text": "Brighter.", "thought": True}
    found = whole(event(thought, draft, DRAWN, finish="STOP"))
    assert (found.images, found.reasoning, found.blocks) == ((PICTURE,), "Brighter.", ())


@pytest.mark.parametrize("data", ["", "%%%", "AAAA"])
def test_a_picture_that_cannot_be_read_is_an_error(data: str) -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": data}}
    with pytest.raises(ProviderError, match="gave a picture that cannot be read"):
        whole({"candidates": [{"content": {"parts": [part]}}]})


def test_pitfall_06_signatures_are_kept_with_their_places() -> None:
    parts = (
        {"text": "Hm", "thought": True, "thoughtSignature": "dA=="},
        {"text": "a"},
        {"text": "b"},
        {**call("f"), "thoughtSignature": "Uy/+"},
        call("g"),
        {"text": "", "thoughtSignature": "ZQ=="},
        {**DRAWN, "thoughtSignature": "aQ=="},
    )
    found = stream(*(event(each) for each in parts), event(finish="STOP"))
    assert found.blocks == whole(event(*parts, finish="STOP")).blocks
    assert found.blocks == (
        {"by": "gemini", "block": {"thought": True, "text": "Hm", "thoughtSignature": "dA=="}},
        {"by": "gemini", "text": 2},
        {"by": "gemini", "call": 0, "signature": "Uy/+"},
        {"by": "gemini", "call": 1},
        {"by": "gemini", "text": 0, "signature": "ZQ=="},
        {"by": "gemini", "image": 0, "signature": "aQ=="},
    )


def test_a_text_after_a_signed_one_stands_for_itself() -> None:
    signed = {"text": "ab", "thoughtSignature": "ZQ=="}
    found = whole(event(signed, {"text": "c"}, {"text": ""}, {"text": "d"}, finish="STOP"))
    assert [each["text"] for each in found.blocks] == [2, 2]


def test_an_answer_that_was_forced_is_text_and_no_call() -> None:
    body = event(call("flowrun_answer", a=1), finish="STOP")
    for found in (whole(body), stream(body)):
        assert (found.text, found.finish_reason, found.tool_calls) == ('{"a":1}', "stop", ())


def test_parts_that_nobody_asked_for_say_nothing() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert whole(event(code, {"text": "x"}, finish="STOP")) == whole(
        event({"text": "x"}, finish="STOP")
    )


def test_halves_of_characters_reach_nobody() -> None:
    body = (
        '{"candidates":[{"content":{"parts":[{"text":"\\ud83d"},{"functionCall":{"name":"\\ud83d"'
    )
    found = DIALECT.decode((body + "}}]}}]}").encode(), content_type="application/json")
    assert (found.text, found.tool_calls[0].name) == ("\ufffd", "\ufffd")


def test_a_list_of_events_is_a_stream() -> None:
    found = whole([event({"text": "a"}), event({"text": "b"}, finish="STOP")])
    assert (found.text, found.finish_reason) == ("ab", "stop")
    with pytest.raises(Unavailable, match="cut the stream before the reply was complete"):
        whole([event({"text": "a"}), event({"text": "b"})])


def test_an_error_may_stand_in_a_list_of_one() -> None:
    failed = [{"error": {"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED"}}]
    for read in (whole, stream):
        with pytest.raises(Unavailable, match="reported an error: later") as caught:
            read(failed)
        assert caught.value.is_overload


def test_nothing_is_read_after_a_stand_in_said_that_it_is_over() -> None:
    decoder = EventDecoder()
    decoder.feed(json.dumps(event({"text": "a"}, finish="STOP")))
    assert decoder.feed("[DONE]") == decoder.feed("oops") == []
    assert fold([Delta(text="a"), *decoder.finish()]).finish_reason == "stop"
