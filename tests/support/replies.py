"""Bodies of the OpenAI chat protocol, and well-behaved answers made of them."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from tests.support.wire import LAST_CHUNK, Action, Seen, chunk, head, whole

JSON = "application/json"
SSE = "text/event-stream"
Body: TypeAlias = dict[str, Any]


def completion(seen: Seen, message: Mapping[str, Any], finish: str | None = "stop") -> Body:
    """A unary body round `message`."""
    return {
        "id": f"chatcmpl-{seen.sequence}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": seen.model,
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": finish,
            }
        ],
        "usage": usage(seen, str(message.get("content") or "")),
    }


def piece(seen: Seen, delta: Mapping[str, Any], finish: str | None = None) -> Body:
    """One chunk of a stream."""
    return {
        "id": f"chatcmpl-{seen.sequence}",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": seen.model,
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish}],
    }


def pieces(seen: Seen, message: Mapping[str, Any], finish: str | None = "stop") -> Iterator[Body]:
    """The chunks that add up to `message`, usage last."""
    text = message.get("content")
    rest = {name: value for name, value in message.items() if name != "content"}
    yield piece(seen, {"role": "assistant", "content": ""})
    for part in split(text) if isinstance(text, str) else [text] if text else ():
        yield piece(seen, {"content": part})
    if rest:
        yield piece(seen, rest)
    yield piece(seen, {}, finish)
    yield {**piece(seen, {}), "choices": [], "usage": usage(seen, str(text or ""))}


def split(text: str, size: int = 12) -> Iterator[str]:
    """The text in pieces of `size` characters."""
    return (text[at : at + size] for at in range(0, len(text), size))


def usage(seen: Seen, text: str) -> Body:
    """Tokens counted as four bytes each."""
    asked, answered = max(1, len(seen.body) // 4), max(1, len(text) // 4)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def unary(body: Body, status: int = 200, **headers: str) -> bytes:
    """A JSON response in one write."""
    return whole(status, json.dumps(body).encode(), JSON, **headers)


def event(body: Body) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM_HEAD = head(200, {"content-type": SSE, "cache-control": "no-cache"})


def sse(events: Iterable[bytes]) -> Iterator[Action]:
    """A stream of events, each a chunk of its own, ended in good order."""
    yield STREAM_HEAD
    for each in events:
        yield chunk(each)
    yield LAST_CHUNK


def says(seen: Seen, message: Mapping[str, Any], finish: str | None = "stop") -> Iterator[Action]:
    """`message` as the request wants it: whole or streamed."""
    if not seen.stream:
        yield unary(completion(seen, message, finish))
        return
    events = [event(each) for each in pieces(seen, message, finish)]
    yield from sse([*events, DONE])


def text(seen: Seen, content: str) -> Iterator[Action]:
    """A plain answer."""
    return says(seen, {"content": content})


def error(status: int, message: str, *, code: str | None = None, **headers: str) -> bytes:
    """A failed response in the protocol's own shape."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return unary(body, status, **headers)


def data_url(data: bytes, mime_type: str = "image/png") -> str:
    """The bytes as a data URL."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def image_item(data: bytes, mime_type: str = "image/png") -> Body:
    """One entry of `images`."""
    return {"type": "image_url", "image_url": {"url": data_url(data, mime_type)}}


def png(seed: str, width: int = 16, height: int = 16) -> bytes:
    """A real picture of one colour, which the seed decides."""
    colour = hashlib.sha256(seed.encode()).digest()[:3]
    rows = (b"\0" + colour * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_block(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + png_block(b"IDAT", zlib.compress(rows))
        + png_block(b"IEND", b"")
    )


def png_block(kind: bytes, data: bytes) -> bytes:
    """One block of a PNG file with its check sum."""
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def echo(seen: Seen) -> Iterator[Action]:
    """What a sane model answers: data by the schema, a picture if asked for one, else an echo."""
    body = seen.json
    if "image" in body.get("modalities", ()):
        return says(seen, {"content": "A picture.", "images": [image_item(png(seen.prompt))]})
    asked = body.get("response_format", {})
    if asked.get("type") == "json_schema":
        value = instance(asked["json_schema"].get("schema") or {}, seen.prompt)
        return text(seen, json.dumps(value))
    if asked.get("type") == "json_object":
        return text(seen, json.dumps({"echo": seen.prompt}))
    return text(seen, seen.prompt)


def word(seen: Seen) -> Iterator[Action]:
    """A short answer that the prompt decides."""
    return text(seen, hashlib.sha256(seen.prompt.encode()).hexdigest()[:12])


def instance(schema: Mapping[str, Any], seed: str, root: Mapping[str, Any] | None = None) -> Any:
    """A value that a plain schema takes: required and other properties, fewest items."""
    root = schema if root is None else root
    if "$ref" in schema:
        return instance(_resolve(str(schema["$ref"]), root), seed, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][len(seed) % len(schema["enum"])]
    for many in ("anyOf", "oneOf", "allOf"):
        if many in schema:
            return instance(schema[many][0], seed, root)
    return _of_type(schema, seed, root)


def _of_type(schema: Mapping[str, Any], seed: str, root: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            found = schema.get("properties", {})
            return {name: instance(each, f"{name} {seed}", root) for name, each in found.items()}
        case "array":
            count = max(1, schema.get("minItems", 1))
            items = schema.get("items", {})
            return [instance(items, f"{index} {seed}", root) for index in range(count)]
        case "integer" | "number":
            return schema.get("minimum", min(3, schema.get("maximum", 3)))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            wanted = seed.ljust(schema.get("minLength", 0), ".")
            return wanted[: schema.get("maxLength", 40)]


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        found = found[name] if name else found
    return dict(found)
