"""The pictures of a body: data URLs decoded, addresses left to be fetched."""

from __future__ import annotations

import base64
import binascii
import re

from flowrun.chat.images import Image
from flowrun.chat.messages import ImageUrl
from flowrun.gateway.codec_fields import refused

LARGEST_BYTES = 20 * 2**20
_LONGEST_URL = 8_192
_BLANK = re.compile(r"\s+")


def picture_of(url: str, param: str) -> Image | ImageUrl:
    """The picture of an address; whatever type it states, its bytes tell the true one.

    Raises: Fault for an address that is not taken, and for bytes that are no picture.
    """
    if url[:5].lower() == "data:":
        return _decoded(url, param)
    if url[:8].lower() == "https://" or url[:7].lower() == "http://":
        if len(url) > _LONGEST_URL or not url.isprintable():
            raise refused(param, "the address of a picture cannot be read")
        return ImageUrl(url)
    raise refused(param, "a picture is given as a data URL, or by its http or https address")


def _decoded(url: str, param: str) -> Image:
    head, comma, encoded = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise refused(param, "a data URL must hold its picture in base64")
    if len(encoded) * 3 // 4 > LARGEST_BYTES + 2:
        raise refused(param, f"a picture may have at most {LARGEST_BYTES // 2**20} MB")
    try:
        data = base64.b64decode(_BLANK.sub("", encoded), validate=True)
        return Image.from_bytes(data)
    except binascii.Error:
        raise refused(param, "the data URL is not base64") from None
    except ValueError as error:
        raise refused(param, f"the picture cannot be read: {error}") from None
