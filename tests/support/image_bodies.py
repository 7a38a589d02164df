"""Bodies and events of OpenAI's images API, and a reader of forms that is not ours."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes
from email.message import Message as Part
from typing import Any

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.chat.usage import Usage
from flowrun.providers.fake import image
from tests.support.wire_bodies import PICTURE

_FRAME = image(ChatRequest("image", (Message("user", (Text("half"),)),), modalities=("image",)))
assert isinstance(_FRAME, Image)
FRAME = _FRAME
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"text_tokens": 4, "image_tokens": 5},
    "output_tokens": 100,
}
USED = Usage(9, output_tokens=100, image_input_tokens=5, image_output_tokens=100)


def event(kind: str, picture: Image = PICTURE, **beside: Any) -> str:
    """An event of that type with a picture."""
    encoded = base64.b64encode(picture.data).decode()
    return json.dumps({"type": kind, "b64_json": encoded, **beside})


def parts_of(body: bytes, content_type: str) -> list[Part]:
    """The parts, as another reader of forms has them."""
    whole = message_from_bytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    assert whole.is_multipart()
    assert whole.defects == []
    parts = whole.get_payload()
    assert isinstance(parts, list)
    return [each for each in parts if isinstance(each, Part)]


def held(part: Part) -> bytes:
    """What a part of a form holds."""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload
