"""Data URLs become pictures, whatever type they state; addresses stay as they are."""

from __future__ import annotations

import base64

import pytest

from flowrun.chat.messages import ImageUrl
from flowrun.gateway.codec_images import LARGEST_BYTES, picture_of
from flowrun.gateway.faults import Fault
from tests.gateway.test_codec import PICTURE

ENCODED = base64.b64encode(PICTURE.data).decode()
SHORT = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{ENCODED}",
        f"data:image/jpeg;base64,{ENCODED}",
        f"DATA:;BASE64,{ENCODED}",
        f"data:image/png;base64,{ENCODED[:10]}\n {ENCODED[10:]}",
    ],
)
def test_bytes_tell_the_type(url: str) -> None:
    assert picture_of(url, "p") == PICTURE


@pytest.mark.parametrize("url", ["https://example.org/a.png", "HTTP://example.org/"])
def test_addresses_are_left_to_be_fetched(url: str) -> None:
    assert picture_of(url, "p") == ImageUrl(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "a picture is given as a data URL, or by its http or https address"),
        ("file:///etc/passwd", "a picture is given as a data URL, or by its http or https address"),
        ("https://example.org/\n", "the address of a picture cannot be read"),
        ("https://" + "a" * 9_000, "the address of a picture cannot be read"),
        ("data:image/png,abc", "a data URL must hold its picture in base64"),
        ("data:image/png;base64", "a data URL must hold its picture in base64"),
        ("data:image/png;base64,?", "the data URL is not base64"),
        (
            "data:image/png;base64,aGVsbG8=",
            "the picture cannot be read: the bytes are no PNG, JPEG, GIF or WebP picture",
        ),
        (
            f"data:image/png;base64,{SHORT}",
            "the picture cannot be read: the image/png picture is cut short",
        ),
        (
            "data:image/png;base64," + "A" * (LARGEST_BYTES * 4 // 3 + 8),
            "a picture may have at most 20 MB",
        ),
    ],
    ids=lambda each: each[:30],
)
def test_what_is_no_picture_is_refused(url: str, message: str) -> None:
    with pytest.raises(Fault) as raised:
        picture_of(url, "messages[0].content[1].image_url.url")
    assert raised.value.message == message
    assert raised.value.param == "messages[0].content[1].image_url.url"
