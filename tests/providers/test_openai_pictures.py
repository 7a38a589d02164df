from __future__ import annotations

import base64

import pytest

from flowrun.errors import ProviderError
from tests.support.image_bodies import FRAME
from tests.support.wire_bodies import (
    DATA_URL,
    PICTURE,
    chunk,
    decode,
    stream,
    unary,
)

FRAME_URL = f"data:image/png;base64,{base64.b64encode(FRAME.data).decode()}"


@pytest.mark.parametrize(
    "items",
    [
        [{"type": "image_url", "image_url": {"url": DATA_URL}}],
        [{"image_url": DATA_URL}],
        [{"image_url": {"url": DATA_URL.replace(",", ",\n", 1)}, "index": 0}],
    ],
)
def test_pictures_come_beside_the_text(items: object) -> None:
    assert decode(unary({"content": "here", "images": items})).images == (PICTURE,)
    assert stream(chunk({"images": items}), chunk({}, "stop")).images == (PICTURE,)


def test_pictures_may_come_among_the_content() -> None:
    content = [{"type": "image_url", "image_url": {"url": DATA_URL}}]
    assert decode(unary({"content": content})).images == (PICTURE,)


def test_a_picture_may_be_quoted_instead_of_encoded() -> None:
    quoted = "".join(f"%{byte:02X}" for byte in PICTURE.data)
    items = [{"image_url": {"url": f"data:image/png,{quoted}"}}]
    assert decode(unary({"images": items})).images == (PICTURE,)


def test_the_bytes_decide_what_a_picture_is() -> None:
    items = [{"image_url": {"url": DATA_URL.replace("image/png", "image/jpeg")}}]
    assert decode(unary({"images": items})).images[0].mime_type == "image/png"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, 'gave a picture that is no data URL: ""'),
        (
            "https://example.org/x.png",
            'gave a picture that is no data URL: "https://example.org/x.png"',
        ),
        ("data:image/png;base64", 'gave a picture that is no data URL: "data:image/png;base64"'),
    ],
)
def test_a_picture_that_is_elsewhere_is_an_error(url: object, said: str) -> None:
    with pytest.raises(ProviderError) as caught:
        decode(unary({"images": [{"image_url": {"url": url}}]}))
    assert str(caught.value) == said


@pytest.mark.parametrize("encoded", ["@@@@", "AAA", base64.b64encode(b"not a picture").decode()])
def test_a_picture_that_is_none_is_an_error(encoded: str) -> None:
    items = [{"image_url": {"url": f"data:image/png;base64,{encoded}"}}]
    with pytest.raises(ProviderError, match=r"^gave a picture that cannot be read: "):
        decode(unary({"images": items}))


@pytest.mark.parametrize("items", ["no list", [7]])
def test_images_of_the_wrong_kind(items: object) -> None:
    if isinstance(items, list):
        with pytest.raises(ProviderError, match="no data URL"):
            decode(unary({"images": items}))
    else:
        assert decode(unary({"images": items})).images == ()


def test_pitfall_59_of_the_frames_of_a_stream_the_last_is_the_picture() -> None:
    """Nothing but their order tells them apart, and the last may come with the end."""
    frame, last = ([{"image_url": {"url": url}}] for url in (FRAME_URL, DATA_URL))
    reply = stream(
        chunk({"role": "assistant", "images": frame}),
        chunk({"images": frame}),
        chunk({"images": last}, "stop"),
        "[DONE]",
    )
    assert (reply.images[-1], reply.finish_reason) == (PICTURE, "stop")
