"""Scripted answers, shipped so that pipelines can be tested without a model.

    fake/echo     says what the last user said; data that fits, where a schema is asked for;
                  calls a tool only where it must, with arguments that fit
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
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    FinishReason,
    Text,
    ToolCall,
    unfold,
)
from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, canonical
from flowrun.errors import ProviderError, Unsupported
from flowrun.providers.instance import instance
from flowrun.scripted import FakeSettings, ScriptedReply


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that comes when the event is set, so that a test needs no sleep."""

    until: asyncio.Event
    answer: Answer


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of tools, made at once: `Calls([("search", {"query": "lamps"})], "Let me look.")`.

    Arguments that are text stand for whatever a model writes instead of JSON. The ids count
    the calls of a conversation from `call_1` on.
    """

    calls: Sequence[tuple[str, Mapping[str, JsonValue] | str]]
    text: str = ""


Answer: TypeAlias = str | Image | Calls | ChatReply | ProviderError | Held
"""Text, a picture, calls of tools, a whole reply, an error to raise, or any of them later."""

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
    replies = in_turn([_said(each) for each in settings.replies]) if settings.replies else None

    def script(request: ChatRequest) -> Answer:
        asked = "\n".join(_text(each.parts) for each in request.messages)
        answered = _answered(request)
        for rule in settings.rules:
            is_time = rule.after in answered if rule.after else not answered
            if is_time and rule.contains in asked:
                return _said(rule.reply)
        if replies is None:
            after = f" after the result of {' and '.join(answered)}" if answered else ""
            return ProviderError(f"fake/{request.model} has no rule for this prompt{after}")
        return replies(request)

    return script


def _said(reply: ScriptedReply) -> Answer:
    return reply if isinstance(reply, str) else Calls([(c.tool, c.arguments) for c in reply])


def _answered(request: ChatRequest) -> list[str]:
    """The tools whose results end the conversation."""
    names = {each.id: each.name for message in request.messages for each in message.tool_calls}
    results = takewhile(lambda each: each.role == "tool", reversed(request.messages))
    return list(dict.fromkeys(names.get(each.tool_call_id, "") for each in results))[::-1]


def echo(request: ChatRequest) -> Answer:
    """A call where one is forced, data that fits the schema, or what the last user said."""
    if request.wants_image:
        return Unsupported("fake/echo makes no pictures: use fake/image")
    try:
        if request.forced_tools:
            tool = request.forced_tools[0]
            made = instance({"type": "object", **tool.parameters}, _seed(request))
            return Calls([(tool.name, made if isinstance(made, Mapping) else json.dumps(made))])
        if request.response_format.kind == "text":
            users = [each for each in request.messages if each.role == "user"]
            return _text(users[-1].parts) if users else ""
        schema = request.response_format.schema or {"type": "object"}
        return json.dumps(instance(schema, _seed(request)))
    except Unsupported as error:
        return error


def image(request: ChatRequest) -> Answer:
    """A picture of one colour, which the prompt decides."""
    if not request.wants_image:
        return Unsupported("fake/image makes pictures only: ask for `modalities: [image]`")
    if request.tools:
        return Unsupported("fake/image cannot call tools: use fake/echo")
    red, green, blue = bytes.fromhex(_seed(request)[:6])
    return Image.from_bytes(_png(red, green, blue))


def _reply(answer: str | Image | Calls | ChatReply, request: ChatRequest) -> ChatReply:
    if isinstance(answer, ChatReply):
        return answer
    calls = _calls(answer, request) if isinstance(answer, Calls) else ()
    text = answer.text if isinstance(answer, Calls) else answer if isinstance(answer, str) else ""
    said = [text, *(each.arguments for each in calls)]
    asked = " ".join(_text(each.parts) for each in request.messages)
    usage = Usage(
        input_tokens=len(asked.split()), output_tokens=sum(len(each.split()) for each in said)
    )
    images = (answer,) if isinstance(answer, Image) else ()
    finish: FinishReason = "tool_calls" if calls else "stop"
    return ChatReply(text, finish, request.model, usage, images, tool_calls=calls)


def _calls(answer: Calls, request: ChatRequest) -> tuple[ToolCall, ...]:
    before = sum(len(each.tool_calls) for each in request.messages)
    return tuple(
        ToolCall(
            f"call_{before + number}",
            name,
            arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
        )
        for number, (name, arguments) in enumerate(answer.calls, 1)
    )


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
