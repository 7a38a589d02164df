"""A scripted engine behind the embedded provider, for tests without weights."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from flowrun.chat.messages import ChatReply, ChatRequest, Message, ResponseFormat, Text
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError
from flowrun.providers.engine import Engine, OnChunk
from flowrun.providers.local import Embedded
from flowrun.providers.local_request import MODEL

LABEL: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}},
    "required": ["label"],
    "additionalProperties": False,
}


def asked(text: str = "Say hello.", /, *, schema: Any = None, **options: JsonValue) -> ChatRequest:
    form = ResponseFormat("json_schema", "label", schema) if schema else ResponseFormat()
    messages = (Message("user", (Text(text),)),)
    return ChatRequest(MODEL, messages, options=options, response_format=form)


def chunk(content: str = "", finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content or None}, "finish_reason": finish}
    return {"id": "c1", "model": MODEL, "choices": [choice]}


USAGE: dict[str, Any] = {
    "id": "c1",
    "model": MODEL,
    "choices": [],
    "usage": {"prompt_tokens": 20, "completion_tokens": 2},
}


class Scripted:
    """An engine that plays chunks, keeps what it was asked, and knows how many play at once."""

    def __init__(self, *chunks: dict[str, Any]) -> None:
        self.chunks = chunks or (chunk("Hel"), chunk("lo"), chunk(finish="stop"), USAGE)
        self.bodies: list[Mapping[str, JsonValue]] = []
        self.playing = 0
        self.most_playing = 0
        self.was_stopped = threading.Event()
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.lock = threading.Lock()

    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        with self.lock:
            self.bodies.append(body)
            self.playing += 1
            self.most_playing = max(self.most_playing, self.playing)
        self.begun.release()
        for each in self.chunks:
            if on_chunk(each):
                self.was_stopped.set()
                break
            self.may_go_on.wait(10)
        with self.lock:
            self.playing -= 1

    def grammar(self, schema: Mapping[str, JsonValue]) -> str:
        return f"grammar of {schema.get('type', 'anyOf')}"


class Broken(Scripted):
    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        raise ProviderError("cannot read the request: no")


def sent(engine: Engine, *requests: ChatRequest, slots: int = 2) -> list[ChatReply]:
    async def run() -> list[ChatReply]:
        provider = Embedded(lambda progress: engine, slots=slots)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(provider.send(each)) for each in requests]
            return [task.result() for task in tasks]
        finally:
            await provider.aclose()

    try:
        return asyncio.run(run())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def body_of(request: ChatRequest) -> Mapping[str, JsonValue]:
    engine = Scripted(chunk('{"label":"bad"}'), chunk(finish="stop"))
    sent(engine, request)
    return engine.bodies[0]
