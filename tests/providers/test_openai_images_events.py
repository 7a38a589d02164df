from __future__ import annotations

import base64
import json

import pytest

from flowrun.chat.messages import Delta
from flowrun.errors import AccessDenied, ProviderError, Unavailable
from flowrun.providers.openai_images_events import ImageEventDecoder, picture_of
from tests.support.image_bodies import FRAME, USAGE, USED, event
from tests.support.wire_bodies import PICTURE


@pytest.mark.parametrize("of", ["image_generation", "image_edit"])
def test_frames_come_before_the_picture(of: str) -> None:
    decoder = ImageEventDecoder()
    first = decoder.feed(event(f"{of}.partial_image", FRAME, partial_image_index=0))
    assert (first, decoder.complete) == ([Delta(images=(FRAME,))], False)
    last = decoder.feed(event(f"{of}.completed", usage=USAGE))
    assert last == [Delta(images=(PICTURE,), finish_reason="stop", usage=USED)]
    assert (decoder.complete, decoder.closed) == (True, True)
    assert decoder.feed(event(f"{of}.completed")) == []
    assert decoder.finish() == []


def test_other_events_say_nothing() -> None:
    decoder = ImageEventDecoder()
    for data in ("", " ", '{"type": "keepalive"}', "{}"):
        assert decoder.feed(data) == []


@pytest.mark.parametrize("events", [[], [event("image_edit.partial_image")], ["[DONE]"]])
def test_pitfall_22_a_cut_stream_is_an_error(events: list[str]) -> None:
    decoder = ImageEventDecoder()
    for each in events:
        decoder.feed(each)
    with pytest.raises(Unavailable, match=r"^cut the stream before the reply was complete$"):
        decoder.finish()


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (
            {"error": {"message": "too busy", "type": "server_error"}},
            Unavailable,
            "reported an error: too busy",
        ),
        (
            {"type": "error", "error": {"code": "invalid_api_key", "message": "who?"}},
            AccessDenied,
            "reported an error: who?",
        ),
        (
            {"type": "error", "code": "moderation_blocked", "message": "not this"},
            ProviderError,
            "reported an error: not this",
        ),
    ],
)
def test_pitfall_28_an_error_in_the_stream_is_one(
    data: object, kind: type[ProviderError], said: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        ImageEventDecoder().feed(json.dumps(data))
    assert (type(caught.value), str(caught.value)) == (kind, said)


def test_an_event_that_is_no_object_is_an_error() -> None:
    with pytest.raises(Unavailable, match=r"^sent an event that is not JSON: \[1\]$"):
        ImageEventDecoder().feed("[1]")


def test_pitfall_48_the_bytes_say_what_a_picture_is() -> None:
    encoded = base64.b64encode(PICTURE.data).decode()
    found = picture_of({"b64_json": encoded, "output_format": "jpeg", "revised_prompt": "a cat"})
    assert (found.mime_type, found.text, found.data) == ("image/png", "a cat", PICTURE.data)


@pytest.mark.parametrize("held", [None, "", "@@", "eA==", 7])
def test_a_picture_that_is_none_is_an_error(held: object) -> None:
    with pytest.raises(ProviderError, match=r"^gave a picture that cannot be read: "):
        picture_of({"b64_json": held})
