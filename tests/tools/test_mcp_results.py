"""Answers of servers as values."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from mcp_types import CallToolResult

from flowrun.chat.images import Image
from flowrun.errors import ToolError
from flowrun.tools.mcp_results import value
from tests.support.mcp_raw import PIXEL

PICTURE = Image.from_bytes(base64.b64decode(PIXEL))
TEXT = {"type": "text", "text": "a text"}
IMAGE = {"type": "image", "data": PIXEL, "mimeType": "image/png"}


def result(*content: dict[str, Any], **more: Any) -> CallToolResult:
    return CallToolResult.model_validate({"content": content, **more})


def resource(**said: str) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "notes://1", **said}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (result(), ""),
        (result(TEXT), "a text"),
        (result(TEXT, TEXT), "a text\na text"),
        (result({"type": "text", "text": '{"a": 1}'}), '{"a": 1}'),
        (result(IMAGE), PICTURE),
        (result(TEXT, IMAGE, TEXT, TEXT), ["a text", PICTURE, "a text\na text"]),
        (result(TEXT, structuredContent={"a": [1]}), {"a": [1]}),
        (result(TEXT, structuredContent=[]), []),
        (result(resource(text="inside")), "inside"),
        (result(resource(blob=PIXEL, mimeType="image/png")), PICTURE),
        (result(resource(blob="AAAA", mimeType="application/pdf")), "(notes://1, application/pdf)"),
        (result(resource(blob="AAAA")), "(notes://1, of an unknown kind)"),
        (result({"type": "resource_link", "uri": "notes://1", "name": "one"}), "notes://1"),
        (result({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}),
         "(a sound, audio/wav, which cannot be shown)"),
    ],
    ids=["nothing", "text", "texts", "json text", "image", "mixed", "data", "empty data",
         "resource", "picture", "file", "no kind", "link", "sound"],
)  # fmt: skip
def test_an_answer_becomes_a_value(given: CallToolResult, expected: object) -> None:
    assert value(given) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (result(TEXT, isError=True), "a text"),
        (result(isError=True), "the tool failed and did not say why"),
        (result({"type": "text", "text": "x" * 5000}, isError=True), "x" * 2000),
        (result({"type": "image", "data": "?", "mimeType": "image/png"}),
         "the tool gave an image that cannot be read: Only base64 data is allowed"),
        (result({"type": "image", "data": "AAAA", "mimeType": "image/png"}),
         "the tool gave an image that cannot be read: "
         "the bytes are no PNG, JPEG, GIF or WebP picture"),
        (result(structuredContent={"a": math.nan}),
         "the tool gave what is no plain JSON: Out of range float values are not JSON compliant"),
        (result(structuredContent={"a": "x" * 10 * 2**20}), "the tool gave more than 10 MB"),
        (result(*[{"type": "text", "text": "x" * 2**20}] * 11), "the tool gave more than 10 MB"),
    ],
    ids=["error", "mute", "long error", "no base64", "no image", "nan", "large", "long"],
)  # fmt: skip
def test_what_is_no_value_is_refused(given: CallToolResult, told: str) -> None:
    with pytest.raises(ToolError) as caught:
        value(given)
    assert str(caught.value).partition(": nan")[0] == told
