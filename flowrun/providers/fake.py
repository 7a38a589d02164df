"""Scripted answers, shipped so that pipelines can be tested without a model.

    fake/echo     says what the last user said; data that fits, where a schema is asked for
    fake/image    gives a small picture whose colour depends on the prompt
    fake/<name>   says what [fake.<name>] of flowrun.toml has for it

From Python, `Fake` takes any script: a list of answers in turn, or a function of the request.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Text, unfold
from flowrun.chat.usage import Usage
from flowrun.config import FakeSettings
from flowrun.digest import canonical
from flowrun.errors import ProviderError, Unsupported
from flowrun.providers.instance import instance


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that comes when the event is set, so that a test needs no sleep."""

    until: asyncio.Event
    answer: Answer


Answer: TypeAlias = str | Image | ChatReply | ProviderError | Held
"""Text, a picture, a whole reply, an error to raise, or any of them later."""

Script: TypeAlias = Callable[[ChatRequest], Answer]

_SIDE = 64


class Fake:
    """A Provider that answers by a script and remembers what it was asked.

    A list is said in turn, the last answer again and again. `requests` holds what was asked,
    `in_flight` how much of it waits for an answer now.
    """

    def __init__(self, script: Sequence[Answer] | Script) -> None:
        self._script = script if callable(script) else in_turn(script)
        self.requests: list[ChatRequest] = []
        self.in_flight = 0

    async def send(self, request: ChatRequest) -> ChatReply:
        """The script's answer as a whole reply."""
        self.requests.append(request)
        answer = self._script(request)
        self.in_flight += 1
        try:
            while isinstance(answer, Held):
                await answer.until.wait()
                answer = answer.answer
        finally:
            self.in_flight -= 1
        if isinstance(answer, ProviderError):
            raise answer
        return _reply(answer, request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The script's answer word by word."""
        reply = await self.send(request)
        for word in _words(reply.text):
            yield Delta(text=word)
        yield replace(unfold(reply), text="")

    async def aclose(self) -> None:
        """Nothing is held open."""


def in_turn(answers: Iterable[Answer]) -> Script:
    """A script that gives the answers in the order they are asked for, the last one for ever."""
    left = list(answers)
    if not left:
        raise ValueError("a script needs an answer at least")
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def scripted(settings: FakeSettings) -> Script:
    """The script of a table `[fake.<name>]`: the first rule that fits, else the replies."""
    replies = in_turn(settings.replies) if settings.replies else None

    def script(request: ChatRequest) -> Answer:
        asked = "\n".join(_text(each.parts) for each in request.messages)
        for contains, reply in settings.rules:
            if contains in asked:
                return reply
        if replies is None:
            return ProviderError(f"fake/{request.model} has no rule for this prompt")
        return replies(request)

    return script


def echo(request: ChatRequest) -> Answer:
    """What the last user said, or data that fits the schema asked for."""
    if request.wants_image:
        return Unsupported("fake/echo makes no pictures: use fake/image")
    if request.response_format.kind == "text":
        users = [each for each in request.messages if each.role == "user"]
        return _text(users[-1].parts) if users else ""
    try:
        return json.dumps(
            instance(request.response_format.schema or {"type": "object"}, _seed(request))
        )
    except Unsupported as error:
        return error


def image(request: ChatRequest) -> Answer:
    """A picture of one colour, which the prompt decides."""
    if not request.wants_image:
        return Unsupported("fake/image makes pictures only: ask for `modalities: [image]`")
    red, green, blue = bytes.fromhex(_seed(request)[:6])
    return Image.from_bytes(_png(red, green, blue))


def _reply(answer: str | Image | ChatReply, request: ChatRequest) -> ChatReply:
    if isinstance(answer, ChatReply):
        return answer
    text = answer if isinstance(answer, str) else ""
    asked = " ".join(_text(each.parts) for each in request.messages)
    usage = Usage(input_tokens=len(asked.split()), output_tokens=len(text.split()))
    images = (answer,) if isinstance(answer, Image) else ()
    return ChatReply(text, "stop", request.model, usage, images)


def _text(parts: Iterable[object]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _words(text: str) -> list[str]:
    """The text in pieces that end where a blank ends."""
    pieces = text.split(" ")
    return [f"{each} " for each in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def _seed(request: ChatRequest) -> str:
    return hashlib.sha256(canonical(request.as_json()["messages"])).hexdigest()


def _png(red: int, green: int, blue: int) -> bytes:
    """A square of one colour. Source: the PNG specification, sections 5 and 11."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes((red, green, blue)) * _SIDE) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )
