"""Ways in which an endpoint fails below the protocol: status, connection, size and time."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Iterator
from email.utils import formatdate

from tests.support.replies import (
    DONE,
    JSON,
    SSE,
    STREAM_HEAD,
    completion,
    error,
    event,
    piece,
    pieces,
    text,
    unary,
)
from tests.support.wire import LAST_CHUNK, Action, Answer, End, Seen, Wait, chunk, head, whole

_SOON_S = 0.02
_MEGABYTE = b"a" * (1 << 20)


def status(code: int, **headers: str) -> Answer:
    """Always this status, with the protocol's own error body."""
    return lambda _: iter([error(code, f"status {code} was asked for", **headers)])


def retry_after(value: str) -> Answer:
    """429 with this `retry-after`."""
    return status(429, retry_after=value)


def dated(seconds: float) -> Answer:
    """429 with a `retry-after` that is a date so many seconds from now."""
    return lambda _: iter(
        [
            error(
                429, "too many requests", retry_after=formatdate(time.time() + seconds, usegmt=True)
            )
        ]
    )


def reset_early(_: Seen) -> Iterator[Action]:
    """A reset instead of an answer."""
    yield End.RESET


def close_early(_: Seen) -> Iterator[Action]:
    """The connection is closed instead of an answer."""
    yield End.CLOSE


def begun(seen: Seen) -> bytes:
    """The head and the first part of a good answer."""
    if seen.stream:
        events = [event(each) for each in pieces(seen, {"content": seen.prompt})]
        return STREAM_HEAD + chunk(events[0]) + chunk(events[1])
    body = json.dumps(completion(seen, {"content": seen.prompt})).encode()
    return head(200, {"content-type": JSON}, length=len(body)) + body[: len(body) // 2]


def headed(seen: Seen) -> bytes:
    """The head of a good answer."""
    return STREAM_HEAD if seen.stream else head(200, {"content-type": JSON}, length=200)


def reset_headers(seen: Seen) -> Iterator[Action]:
    """A reset after the headers."""
    yield headed(seen)
    yield Wait(_SOON_S)
    yield End.RESET


def reset_body(seen: Seen) -> Iterator[Action]:
    """A reset in the middle of the body."""
    yield begun(seen)
    yield Wait(_SOON_S)
    yield End.RESET


def cut(seen: Seen) -> Iterator[Action]:
    """The connection is closed in the middle of the body."""
    yield begun(seen)
    yield End.CLOSE


def cut_clean(seen: Seen) -> Iterator[Action]:
    """The body ends in good order, but the answer is only half there."""
    if seen.stream:
        yield begun(seen)
        yield LAST_CHUNK
    else:
        body = json.dumps(completion(seen, {"content": seen.prompt})).encode()
        yield whole(200, body[: len(body) // 2], JSON)


def html(code: int) -> Answer:
    """A page for people."""
    page = b"<!doctype html><html><head><title>Bad gateway</title></head><body>Oops</body></html>"
    return lambda _: iter([whole(code, page, "text/html; charset=utf-8")])


def redirect(seen: Seen) -> Iterator[Action]:
    """A redirect to another host name of this machine."""
    there = seen.base_url.replace("127.0.0.1", "localhost") + "/elsewhere"
    yield whole(307, b"", "text/plain", location=there)


def hang(_: Seen) -> Iterator[Action]:
    """Not a byte, ever."""
    yield End.HANG


def hang_headers(seen: Seen) -> Iterator[Action]:
    """Nothing after the headers."""
    yield headed(seen)
    yield End.HANG


def hang_body(seen: Seen) -> Iterator[Action]:
    """Nothing after half of the body."""
    yield begun(seen)
    yield End.HANG


def drip(seen: Seen) -> Iterator[Action]:
    """One byte for each quarter of a second."""
    answer = b"".join(each for each in text(seen, seen.prompt) if isinstance(each, bytes))
    for at in range(len(answer)):
        yield answer[at : at + 1]
        yield Wait(0.25)


def slow(seen: Seen) -> Iterator[Action]:
    """A good answer after a third of a second."""
    yield Wait(0.3)
    yield from text(seen, seen.prompt)


def huge(seen: Seen) -> Iterator[Action]:
    """A well-formed answer of 100 MB."""
    if seen.stream:
        yield STREAM_HEAD
        for _ in range(100 * 16):
            yield chunk(event(piece(seen, {"content": "a" * (1 << 16)})))
        yield chunk(event(piece(seen, {}, "stop")) + DONE)
        yield LAST_CHUNK
        return
    before, after = json.dumps(completion(seen, {"content": "@"})).encode().split(b"@")
    size = len(before) + len(after) + 100 * len(_MEGABYTE)
    yield head(200, {"content-type": JSON}, length=size) + before
    for _ in range(100):
        yield _MEGABYTE
    yield after


def endless(seen: Seen) -> Iterator[Action]:
    """A well-formed answer that never ends."""
    if seen.stream:
        yield STREAM_HEAD
        again = chunk(event(piece(seen, {"content": "a" * 4096})))
    else:
        yield head(200, {"content-type": JSON}) + chunk(b'{"id": "')
        again = chunk(_MEGABYTE)
    while True:
        yield again


def endless_comments(_: Seen) -> Iterator[Action]:
    """Signs of life for ever, ten a second."""
    yield STREAM_HEAD
    while True:
        yield chunk(b": working\n\n")
        yield Wait(0.1)


def gzip_bomb(seen: Seen) -> Iterator[Action]:
    """A gigabyte of the letter a, in a megabyte of gzip."""
    squeeze = zlib.compressobj(9, wbits=31)
    start = b'data: {"id": "' if seen.stream else b'{"id": "'
    first = squeeze.compress(start) + squeeze.flush(zlib.Z_FULL_FLUSH)
    # After a full flush equal text gives equal bytes, so a megabyte is compressed but once.
    again = squeeze.compress(_MEGABYTE) + squeeze.flush(zlib.Z_FULL_FLUSH)
    size = len(first) + 1024 * len(again)
    kind = SSE if seen.stream else JSON
    yield head(200, {"content-type": kind, "content-encoding": "gzip"}, length=size)
    yield first + again * 1024


def gzipped(seen: Seen) -> Iterator[Action]:
    """A good answer, compressed."""
    parts = [each for each in text(seen, seen.prompt) if isinstance(each, bytes)]
    plain = (
        b"".join(each.split(b"\r\n", 1)[1][:-2] for each in parts[1:-1])
        if seen.stream
        else parts[0].split(b"\r\n\r\n", 1)[1]
    )
    kind = SSE if seen.stream else JSON
    yield whole(200, gzip.compress(plain), kind, content_encoding="gzip")


def huge_header(seen: Seen) -> Iterator[Action]:
    """A good answer behind a header of 10 MB."""
    yield unary(completion(seen, {"content": seen.prompt}), x_padding="a" * 10_000_000)


def huge_line(seen: Seen) -> Iterator[Action]:
    """One event of 100 MB; the unary answer is one string of that size."""
    if not seen.stream:
        yield from huge(seen)
        return
    yield STREAM_HEAD
    before, after = event(piece(seen, {"content": "@"})).split(b"@")
    yield chunk(before)
    for _ in range(100):
        yield chunk(_MEGABYTE)
    yield chunk(after)
    yield chunk(event(piece(seen, {}, "stop")) + DONE)
    yield LAST_CHUNK


def echo_key(code: int) -> Answer:
    """An error that repeats the key it was sent."""

    def answer(seen: Seen) -> Iterator[Action]:
        key = seen.headers.get("authorization", "")
        yield error(code, f"the key {key} ({key.removeprefix('Bearer ')}) was of no use")

    return answer


FAULTS: dict[str, Answer] = {
    "slow": slow,
    **{str(code): status(code) for code in (400, 401, 402, 403, 404, 408, 409, 413, 422, 429)},
    **{str(code): status(code) for code in (500, 501, 502, 503, 504, 529)},
    "429-seconds": retry_after("1"),
    "429-zero": retry_after("0"),
    "429-float": retry_after("0.3"),
    "429-date": dated(2),
    "429-past": dated(-3600),
    "429-negative": retry_after("-5"),
    "429-ms": status(429, retry_after_ms="300"),
    "429-huge": retry_after("86400"),
    "429-garbage": retry_after("when it suits us"),
    "429-quota": lambda _: iter([error(429, "no credit left", code="insufficient_quota")]),
    "503-seconds": status(503, retry_after="1"),
    "503-final": status(503, x_should_retry="false"),
    "reset-early": reset_early,
    "close-early": close_early,
    "reset-headers": reset_headers,
    "reset-body": reset_body,
    "cut": cut,
    "cut-clean": cut_clean,
    "html": html(200),
    "html-502": html(502),
    "redirect": redirect,
    "hang": hang,
    "hang-headers": hang_headers,
    "hang-body": hang_body,
    "drip": drip,
    "huge": huge,
    "endless": endless,
    "endless-comments": endless_comments,
    "gzip": gzipped,
    "gzip-bomb": gzip_bomb,
    "huge-header": huge_header,
    "huge-line": huge_line,
    "echo-key": echo_key(401),
    "echo-key-500": echo_key(500),
}
