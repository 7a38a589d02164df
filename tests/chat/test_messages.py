from __future__ import annotations

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    fold,
    unfold,
)
from flowrun.chat.usage import Usage
from flowrun.errors import Unavailable

PICTURE = Image(b"bytes", "image/png", 1, 2, "ab" * 32)


def test_fold_joins_what_comes_in_pieces() -> None:
    deltas = [
        Delta(text="Hel", id="1", model="small"),
        Delta(text="lo", reasoning="hm", images=(PICTURE,)),
        Delta(refusal="no", finish_reason="stop", model="large"),
        Delta(usage=Usage(1, output_tokens=2), id="2"),
    ]
    assert fold(deltas) == ChatReply(
        text="Hello",
        finish_reason="stop",
        model="large",
        usage=Usage(1, output_tokens=2),
        images=(PICTURE,),
        refusal="no",
        reasoning="hm",
        id="1",
    )


def test_fold_takes_the_last_usage_not_the_sum() -> None:
    deltas = [Delta(usage=Usage(1)), Delta(usage=Usage(5), finish_reason="stop")]
    assert fold(deltas).usage == Usage(5)


def test_fold_forgets_what_came_before_a_restart() -> None:
    deltas = [
        Delta(text="wrong", finish_reason="length", usage=Usage(9), model="a"),
        Delta(restart=True),
        Delta(text="right", finish_reason="stop"),
    ]
    assert fold(deltas) == ChatReply("right", "stop", "")


def test_fold_of_a_cut_stream_is_an_error() -> None:
    with pytest.raises(Unavailable) as caught:
        fold([Delta(text="Hel", finish_reason="stop"), Delta(restart=True), Delta(text="Hel")])
    assert str(caught.value) == "the stream ended before the reply was complete"


def test_unfold_is_the_inverse_of_fold() -> None:
    reply = ChatReply("text", "stop", "m", Usage(1), (PICTURE,), "refusal", "reasoning", "id")
    assert fold([unfold(reply)]) == reply


def test_a_request_is_plain_data_with_images_by_digest() -> None:
    request = ChatRequest(
        model="m",
        messages=(Message("user", (Text("see"), PICTURE, ImageUrl("https://example.org/x.png"))),),
        options={"seed": 1},
        response_format=ResponseFormat("json_schema", "answer", {"type": "object"}),
        modalities=("image",),
        image_config={"aspect_ratio": "1:1"},
        provider={"sort": "price"},
    )
    assert request.as_json() == {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "parts": [
                    {"text": "see"},
                    {"image": "ab" * 32},
                    {"image_url": "https://example.org/x.png"},
                ],
            }
        ],
        "options": {"seed": 1},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
        },
        "modalities": ["image"],
        "image_config": {"aspect_ratio": "1:1"},
        "provider": {"sort": "price"},
    }
    assert request.images() == (PICTURE,)
    assert request.wants_image


def test_a_request_asks_for_text_where_nothing_is_said() -> None:
    request = ChatRequest("m", ())
    assert not request.wants_image
    assert request.response_format.as_json() == {"type": "text"}
