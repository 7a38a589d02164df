"""Ways in which an endpoint that answers answers oddly: events, contents, pictures, usage."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tests.support.replies import (
    DONE,
    JSON,
    SSE,
    STREAM_HEAD,
    Body,
    completion,
    echo,
    event,
    image_item,
    instance,
    piece,
    pieces,
    png,
    png_block,
    says,
    sse,
    text,
    unary,
)
from tests.support.wire import LAST_CHUNK, Action, Answer, Seen, Wait, chunk, whole

CURIOUS = "naïve 日本 😀 \u2028 line \u0085 separators \x0b\x0c within"
"""Text that careless readers of streams tear apart."""


def events_as(write: Callable[[bytes], bytes]) -> Answer:
    """A good answer, each of its events rewritten; the unary one is plain."""

    def answer(seen: Seen) -> Iterator[Action]:
        if not seen.stream:
            return text(seen, CURIOUS)
        events = [_unescaped(each) for each in pieces(seen, {"content": CURIOUS})]
        return sse(write(each) for each in [*events, DONE])

    return answer


def _unescaped(body: Body) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def multiline(each: bytes) -> bytes:
    """An event whose JSON is spread over several `data:` lines."""
    data = each.removeprefix(b"data: ").rstrip(b"\n")
    if not data.startswith(b"{"):
        return each
    return b"data: {\ndata:" + data[1:-1] + b"\ndata: }\n\n"


def byte_by_byte(seen: Seen) -> Iterator[Action]:
    """Every byte of the body in a write of its own."""
    if not seen.stream:
        yield from text(seen, CURIOUS)
        return
    yield STREAM_HEAD
    events = [_unescaped(each) for each in pieces(seen, {"content": CURIOUS})]
    data = b"".join([*events, DONE])
    for at in range(len(data)):
        yield chunk(data[at : at + 1])
        if at % 16 == 0:
            yield Wait(0)
    yield LAST_CHUNK


def byte_order_mark(seen: Seen) -> Iterator[Action]:
    """A stream that begins with a byte order mark."""
    if not seen.stream:
        return text(seen, CURIOUS)
    events = [_unescaped(each) for each in pieces(seen, {"content": CURIOUS})]
    return sse([b"\xef\xbb\xbf" + events[0], *events[1:], DONE])


def without_done(seen: Seen) -> Iterator[Action]:
    """A whole stream that lacks only the last mark."""
    if not seen.stream:
        return text(seen, seen.prompt)
    return sse(event(each) for each in pieces(seen, {"content": seen.prompt}))


def error_chunk(seen: Seen) -> Iterator[Action]:
    """A stream that turns into an error, in a chunk's envelope; unary: an error under 200."""
    fault = {"error": {"code": 502, "message": "the upstream model went away"}}
    if not seen.stream:
        return iter([unary(fault)])
    last = {**piece(seen, {}, "error"), "id": "chunk-error-1", **fault}
    return sse([event(piece(seen, {"content": "Half an"})), event(last), DONE])


def bare_error(seen: Seen) -> Iterator[Action]:
    """A stream that turns into a bare error object; unary: an error under 200."""
    fault = {"error": {"message": "the server had an error", "type": "server_error"}}
    if not seen.stream:
        return iter([unary({**fault, "choices": None})])
    return sse([event(piece(seen, {"content": "Half an"})), event(fault)])


def finishes(reason: str | None, content: str | None = "Half of an ans") -> Answer:
    """An answer that ends with this finish reason."""
    return lambda seen: says(seen, {"content": content}, reason)


def without_finish(seen: Seen) -> Iterator[Action]:
    """An answer that has no finish reason at all, though it ends in good order."""
    if not seen.stream:
        body = completion(seen, {"content": seen.prompt})
        del body["choices"][0]["finish_reason"]
        return iter([unary(body)])
    return sse([event(piece(seen, {"content": seen.prompt})), DONE])


def shaped(shape: Callable[[str], str]) -> Answer:
    """JSON that fits the schema, after `shape` has had its way with it."""

    def answer(seen: Seen) -> Iterator[Action]:
        asked = seen.json.get("response_format", {}).get("json_schema", {})
        value = instance(asked.get("schema") or {"type": "object"}, seen.opening)
        return text(seen, shape(json.dumps(value)))

    return answer


def message(**fields: Any) -> Answer:
    """Always this message."""
    return lambda seen: says(seen, fields)


def body(make: Callable[[Seen], Body | list[Any]]) -> Answer:
    """This body, sent as one event when a stream was asked for."""

    def answer(seen: Seen) -> Iterator[Action]:
        made = json.dumps(make(seen)).encode()
        if seen.stream:
            return sse([b"data: " + made + b"\n\n", DONE])
        return iter([whole(200, made, JSON)])

    return answer


def raw(data: bytes) -> Answer:
    """These bytes under the right content type."""

    def answer(seen: Seen) -> Iterator[Action]:
        if seen.stream:
            return sse([b"data: " + data + b"\n\n", DONE])
        return iter([whole(200, data, JSON)])

    return answer


def with_usage(**fields: Any) -> Answer:
    """An answer whose usage says this."""

    def answer(seen: Seen) -> Iterator[Action]:
        if not seen.stream:
            return iter([unary({**completion(seen, {"content": seen.prompt}), "usage": fields})])
        chunks = [each for each in pieces(seen, {"content": seen.prompt}) if "usage" not in each]
        last = {**piece(seen, {}), "choices": [], "usage": fields}
        return sse([event(each) for each in [*chunks, last]] + [DONE])

    return answer


def without_usage(seen: Seen) -> Iterator[Action]:
    """An answer that does not say what it cost."""
    if not seen.stream:
        found = completion(seen, {"content": seen.prompt})
        del found["usage"]
        return iter([unary(found)])
    chunks = [each for each in pieces(seen, {"content": seen.prompt}) if "usage" not in each]
    return sse([event(each) for each in chunks] + [DONE])


def mislabelled(seen: Seen) -> Iterator[Action]:
    """A good answer under `text/plain`."""
    parts: Iterable[Action] = text(seen, seen.prompt)
    for part in parts:
        if isinstance(part, bytes):
            yield part.replace(SSE.encode(), b"text/plain").replace(JSON.encode(), b"text/plain")


def unary_always(seen: Seen) -> Iterator[Action]:
    """One JSON body, even if a stream was asked for."""
    yield unary(completion(seen, {"content": seen.prompt}))


def stream_always(seen: Seen) -> Iterator[Action]:
    """A stream, even if none was asked for."""
    return sse([event(each) for each in pieces(seen, {"content": seen.prompt})] + [DONE])


def pictures(*items: Mapping[str, Any]) -> Answer:
    """One message with these pictures, a chunk for each."""

    def answer(seen: Seen) -> Iterator[Action]:
        if not seen.stream:
            return says(seen, {"content": "Here it is.", "images": list(items)})
        frames = [event(piece(seen, {"images": [each]})) for each in items]
        rest = [event(each) for each in pieces(seen, {"content": "Here it is."})]
        return sse([*frames, *rest, DONE])

    return answer


def bomb_png() -> bytes:
    """A tiny file that says it is 60,000 pixels in square."""
    shape = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_block(b"IHDR", shape) + png_block(b"IEND", b"")


PARTIAL, FINAL = png("partial"), png("final", 32, 32)
_SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"

ODDITIES: dict[str, Answer] = {
    "ok": echo,
    "crlf": events_as(lambda each: each.replace(b"\n", b"\r\n")),
    "cr": events_as(lambda each: each.replace(b"\n", b"\r")),
    "comments": events_as(lambda each: b": still here\n\n:\n" + each),
    "fields": events_as(lambda each: b"event: message\nid: 7\nretry: 10\n" + each),
    "no-space": events_as(lambda each: each.replace(b"data: ", b"data:", 1)),
    "u2028": events_as(lambda each: each),
    "multiline": events_as(multiline),
    "utf8-split": byte_by_byte,
    "bom": byte_order_mark,
    "no-done": without_done,
    "error-chunk": error_chunk,
    "error-bare": bare_error,
    "length": finishes("length"),
    "content-filter": finishes("content_filter", None),
    "finish-unknown": finishes("phase_of_the_moon"),
    "finish-error": finishes("error"),
    "finish-missing": without_finish,
    "finish-null": finishes(None),
    "refusal": message(content=None, refusal="I cannot help with that."),
    "tool-calls": finishes("tool_calls", None),
    "fences": shaped(lambda data: f"```json\n{data}\n```"),
    "prose": shaped(lambda data: f"Sure! Here it is:\n\n{data}\n\nAnything else?"),
    "schema-broken": shaped(lambda _: '{"unexpected": [1, 2'),
    "schema-wrong": shaped(lambda _: '{"unexpected": true}'),
    "empty": message(content=""),
    "null": message(content=None),
    "list": message(content=[{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]),
    "escape-codes": message(content="\x1b]0;owned\x07\x1b[31mred\x1b[0m\r over"),
    "surrogate": raw(
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant",'
        b' "content": "half \\ud83d"}, "delta": {"content": "half \\ud83d"}}], "model": "m"}'
    ),
    "no-choices": body(lambda seen: {**completion(seen, {}), "choices": []}),
    "array": body(lambda _: [1, 2, 3]),
    "not-json": raw(b'{"choices": [{"mess'),
    "bad-utf8": raw(b'{"choices": "\xff\xfe"}'),
    "deep": raw(b"[" * 200_000 + b"]" * 200_000),
    "nothing": lambda _: iter([whole(200, b"", JSON)]),
    "no-usage": without_usage,
    "usage-negative": with_usage(prompt_tokens=-5, completion_tokens=-7, total_tokens=-12),
    "usage-text": with_usage(prompt_tokens="many", completion_tokens=None, total_tokens=[]),
    "wrong-type": mislabelled,
    "unary-always": unary_always,
    "stream-always": stream_always,
    "image": pictures(image_item(FINAL)),
    "image-partial": pictures(image_item(PARTIAL), image_item(FINAL)),
    "image-mislabelled": pictures(image_item(FINAL, "image/jpeg")),
    "image-bad": pictures({"image_url": {"url": "data:image/png;base64,@@@@"}}),
    "image-text": pictures(image_item(b"not a picture at all")),
    "image-svg": pictures(image_item(_SVG, "image/svg+xml")),
    "image-cut": pictures(image_item(FINAL[:20])),
    "image-bomb": pictures(image_item(bomb_png())),
    "image-url": pictures({"image_url": {"url": "http://127.0.0.1:9/picture.png"}}),
    "image-none": message(content="I made no picture."),
}
