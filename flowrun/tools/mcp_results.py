"""What an MCP server answered to a call, as a value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import assert_never, cast

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from flowrun.chat.images import Image
from flowrun.digest import JsonValue, canonical
from flowrun.errors import ToolError

LARGEST_RESULT_BYTES = 10 * 2**20
_LARGEST_PROBLEM = 2000


def value(result: CallToolResult) -> object:
    """Structured data as it is; else text, an image, or a list where both stand.

    Pieces of text that follow each other are joined by a line break. What is neither text nor
    a picture is told in a few words.

    Raises: ToolError if the server says that the call failed, or what it gave is no value.
    """
    if result.is_error:
        told = "\n".join(each for each in _parts(result) if isinstance(each, str)).strip()
        raise ToolError(told[:_LARGEST_PROBLEM] or "the tool failed and did not say why")
    if result.structured_content is not None:
        return _plain(cast("JsonValue", result.structured_content))
    parts = list(_joined(_parts(result)))
    return parts if len(parts) > 1 else parts[0] if parts else ""


def _plain(data: JsonValue) -> JsonValue:
    try:
        size_bytes = len(canonical(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise ToolError(f"the tool gave what is no plain JSON: {error}") from error
    _bound(size_bytes)
    return data


def _bound(size_bytes: int) -> None:
    if size_bytes > LARGEST_RESULT_BYTES:
        raise ToolError(f"the tool gave more than {LARGEST_RESULT_BYTES // 2**20} MB")


def _joined(parts: Iterator[str | Image]) -> Iterator[str | Image]:
    """The parts with neighbouring texts as one."""
    texts: list[str] = []
    size_bytes = 0
    for part in parts:
        size_bytes += len(part) if isinstance(part, str) else len(part.data)
        _bound(size_bytes)
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield "\n".join(texts)
        texts = []
        yield part
    if texts:
        yield "\n".join(texts)


def _parts(result: CallToolResult) -> Iterator[str | Image]:
    for block in result.content:
        yield _part(block)


def _part(block: ContentBlock) -> str | Image:
    match block:
        case TextContent():
            return block.text
        case ImageContent():
            return _image(block.data)
        case AudioContent():
            return f"(a sound, {block.mime_type}, which cannot be shown)"
        case ResourceLink():
            return block.uri
        case EmbeddedResource():
            return _embedded(block.resource)
        case _ as never:
            assert_never(never)


def _embedded(resource: TextResourceContents | BlobResourceContents) -> str | Image:
    if isinstance(resource, TextResourceContents):
        return resource.text
    kind = resource.mime_type or "of an unknown kind"
    return _image(resource.blob) if kind.startswith("image/") else f"({resource.uri}, {kind})"


def _image(data: str) -> Image:
    try:
        return Image.from_bytes(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ToolError(f"the tool gave an image that cannot be read: {error}") from error
