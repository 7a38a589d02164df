from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, fold
from flowrun.chat.usage import Usage
from flowrun.errors import AccessDenied, Unavailable, Unsupported
from flowrun.providers.openai_images import OpenAIImagesDialect
from flowrun.providers.sse import EventParser
from tests.support.image_bodies import FRAME, USAGE, USED, event, held, parts_of
from tests.support.wire_bodies import PICTURE, body_of

DIALECT = OpenAIImagesDialect()
ASKED = ChatRequest("gpt-image-2", (Message("user", (Text("a lamp"),)),), modalities=("image",))
EDIT = replace(ASKED, messages=(Message("user", (Text("brighter"), PICTURE)),))


def unary(**beside: object) -> bytes:
    item = {"b64_json": base64.b64encode(PICTURE.data).decode(), **beside}
    return json.dumps({"created": 1, "data": [item], "usage": USAGE}).encode()


def events(*frames: Image) -> bytes:
    found = [event("image_generation.partial_image", each) for each in frames]
    found.append(event("image_generation.completed", usage=USAGE, revised_prompt="a cat"))
    return b"".join(
        f"event: {json.loads(each)['type']}\ndata: {each}\n\n".encode() for each in found
    )


def decode(body: bytes, content_type: str = "application/json") -> ChatReply:
    return DIALECT.decode(body, content_type=content_type)


def test_a_picture_of_a_prompt() -> None:
    wire = DIALECT.encode(replace(ASKED, image_config={"size": "auto"}), stream=False)
    assert (wire.method, wire.path, wire.headers) == ("POST", "/images/generations", {})
    assert body_of(wire) == {"model": "gpt-image-2", "prompt": "a lamp", "size": "auto"}


def test_a_stream_may_have_frames() -> None:
    asked = replace(ASKED, image_config={"partial_images": 2.0})
    body = body_of(DIALECT.encode(asked, stream=True))
    assert body == {
        "model": "gpt-image-2",
        "prompt": "a lamp",
        "partial_images": 2,
        "stream": True,
    }
    assert "partial_images" not in body_of(DIALECT.encode(asked, stream=False))


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_of_pictures(stream: bool) -> None:
    asked = replace(EDIT, image_config={"input_fidelity": "high", "partial_images": 1})
    wire = DIALECT.encode(asked, stream=stream)
    assert (wire.method, wire.path) == ("POST", "/images/edits")
    assert wire.body is not None
    parts = parts_of(wire.body, wire.headers["content-type"])
    found = {str(each.get_param("name", header="content-disposition")): held(each)
             for each in parts}  # fmt: skip
    streaming = {"partial_images": b"1", "stream": b"true"} if stream else {}
    assert found == {
        "model": b"gpt-image-2",
        "prompt": b"brighter",
        "input_fidelity": b"high",
        "image[]": PICTURE.data,
        **streaming,
    }


def test_the_oldest_models_are_told_to_send_the_picture_and_never_stream() -> None:
    for stream in (False, True):
        body = body_of(DIALECT.encode(replace(ASKED, model="dall-e-3"), stream=stream))
        assert body == {"model": "dall-e-3", "prompt": "a lamp", "response_format": "b64_json"}


def test_what_it_cannot_say_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        DIALECT.encode(replace(ASKED, image_config={"image_size": "2K"}), stream=False)
    assert caught.value.param == "image_config.image_size"


def test_pitfall_48_a_reply_is_one_picture_with_its_prompt() -> None:
    reply = decode(unary(revised_prompt="a cat"))
    assert reply == ChatReply("", "stop", "", USED, (replace(PICTURE, text="a cat"),))


def test_pitfall_37_a_streamed_picture_tells_the_same_usage_as_a_whole_one() -> None:
    whole, streamed = decode(unary()), decode(events(FRAME), "text/event-stream")
    assert whole.usage == streamed.usage == USED
    assert isinstance(whole.usage, Usage)
    assert (whole.usage.image_input_tokens, whole.usage.image_output_tokens) == (5, 100)


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_a_stream_in_place_of_a_body_is_read(content_type: str) -> None:
    assert decode(events(), content_type) == decode(unary(revised_prompt="a cat"))
    assert decode(events(), content_type) == decode(b": ping\n\n" + events(), content_type)


def test_pitfall_59_the_last_frame_is_the_picture() -> None:
    parser, decoder = EventParser(), DIALECT.decoder()
    deltas = [
        delta
        for byte in events(FRAME, FRAME)
        for data in parser.feed(bytes([byte]))
        for delta in decoder.feed(data)
    ]
    reply = fold([*deltas, *decoder.finish()])
    assert [len(each.images) for each in deltas] == [1, 1, 1]
    assert reply.images[-1] == replace(PICTURE, text="a cat")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "gave a reply that is not JSON: an empty body"),
        (b"<html>", "gave a reply that is not JSON: an HTML page"),
        (b"{}", "gave a reply without an answer: {}"),
        (b'{"data": []}', 'gave a reply without an answer: {"data": []}'),
        (b'{"data": [7]}', 'gave a reply without an answer: {"data": [7]}'),
    ],
)
def test_a_body_that_is_no_picture_is_an_error(body: bytes, said: str) -> None:
    with pytest.raises(Unavailable) as caught:
        decode(body)
    assert str(caught.value) == said


def test_an_error_in_a_body_is_one() -> None:
    fault: dict[str, Any] = {"error": {"message": "who?", "code": "invalid_api_key"}}
    with pytest.raises(AccessDenied, match=r"^reported an error: who\?$"):
        decode(json.dumps(fault).encode())


def test_the_rest_is_as_in_a_chat() -> None:
    assert DIALECT.key_headers("secret") == {"authorization": "Bearer secret"}
    assert DIALECT.listing().path == "/models"
    assert DIALECT.models(b'{"data": [{"id": "a"}]}') == [{"id": "a"}]
    assert str(DIALECT.error(500, {}, b"", now=0.0)) == "answered 500: an empty body"
