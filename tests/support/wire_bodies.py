"""Bodies and chunks of OpenAI's protocol, and the dialect that reads them."""

from __future__ import annotations

import base64
import json
from typing import Any

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    Text,
    fold,
)
from flowrun.providers.base import Wire
from flowrun.providers.fake import image
from flowrun.providers.openai import OpenAIDialect

DIALECT = OpenAIDialect()
_DRAWN = image(ChatRequest("image", (), modalities=("image",)))
assert isinstance(_DRAWN, Image)
PICTURE = _DRAWN
DATA_URL = f"data:image/png;base64,{base64.b64encode(PICTURE.data).decode()}"
ASKED = ChatRequest("m", (Message("user", (Text("hello"),)),))


def body_of(wire: Wire) -> dict[str, Any]:
    assert wire.body is not None
    found: dict[str, Any] = json.loads(wire.body)
    return found


def unary(message: object, finish: object = "stop", **beside: object) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"id": "1", "model": "served", "choices": [choice], **beside}).encode()


def decode(body: bytes, content_type: str = "application/json") -> ChatReply:
    return DIALECT.decode(body, content_type=content_type)


def chunk(delta: object, finish: object = None, **beside: object) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "1", "model": "served", "choices": [choice], **beside})


def stream(*events: str) -> ChatReply:
    decoder = DIALECT.decoder()
    deltas = [delta for event in events for delta in decoder.feed(event)]
    return fold([*deltas, *decoder.finish()])
