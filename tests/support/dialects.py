"""What each dialect's provider would send for a reply: whole, in events, or an error instead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowrun.chat.messages import ChatReply, fold
from flowrun.providers.anthropic import AnthropicDialect
from flowrun.providers.base import Dialect
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.gemini import GeminiDialect
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.sse import EventParser
from tests.support import gemini_types
from tests.support.anthropic_types import valid_event, valid_message, valid_request
from tests.support.openai_speaking import (
    data_event,
    gumloop_events,
    openai_events,
    openai_unary,
    openrouter_events,
    openrouter_unary,
    pieces,
    valid_openrouter,
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A dialect and the provider at its other end; bodies are built from the reply they mean.

    `valid` checks a request's body as the provider would. `failure` is an error's body, and what
    a stream breaks off with. `refused` are options that it cannot say, by the name of each.
    `ending` stands in the event that ends a plain reply. `turns` is the body's key of the
    conversation, `picture_url` the address of a picture that it fetches itself, and `listed` a
    list of the model `a`. `meant` is what is left of a reply where the protocol can say less, and
    `calls_alone` that it can be told to make one call at a time.
    """

    name: str
    model: str
    dialect: Dialect
    unary: Callable[[ChatReply], dict[str, Any]]
    events: Callable[[ChatReply], Sequence[bytes]]
    failure: Callable[[str, str], dict[str, Any]]
    valid: Callable[[dict[str, Any]], object]
    refused: Mapping[str, Any]
    key_header: tuple[str, str]
    ending: bytes
    turns: str = "messages"
    picture_url: str = "https://example.org/x.png"
    listed: bytes = b'{"data": [{"id": "a", "x": 1}, {"id": 7}, 3]}'
    meant: Callable[[ChatReply], ChatReply] = lambda reply: reply
    calls_alone: bool = True

    def whole(self, reply: ChatReply) -> ChatReply:
        """The reply as decoded from a whole body."""
        body = json.dumps(self.unary(reply)).encode()
        return self.dialect.decode(body, content_type="application/json")

    def streamed(self, chunks: Iterator[bytes] | Sequence[bytes]) -> ChatReply:
        """The reply as decoded from a stream that comes in those chunks."""
        parser, decoder = EventParser(), self.dialect.decoder()
        found = [event for chunk in chunks for event in parser.feed(chunk)]
        deltas = [each for event in (*found, *parser.finish()) for each in decoder.feed(event)]
        return fold([*deltas, *decoder.finish()])


_STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}


def _anthropic_end(reply: ChatReply) -> dict[str, Any]:
    told = {"type": "refusal", "category": None, "explanation": reply.refusal or None}
    stop = _STOPS.get(reply.finish_reason, "refusal")
    return {
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": told if stop == "refusal" else None,
    }


def _anthropic_content(reply: ChatReply) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if reply.reasoning:
        found.append({"type": "thinking", "thinking": reply.reasoning, "signature": "c2lnbmVk=="})
    if reply.text:
        found.append({"type": "text", "text": reply.text, "citations": None})
    for call in reply.tool_calls:
        given = json.loads(call.arguments)
        found.append({"type": "tool_use", "id": call.id, "name": call.name, "input": given})
    return found


def _anthropic_unary(reply: ChatReply) -> dict[str, Any]:
    usage = reply.usage
    assert usage is not None, "there is always one"
    message = {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": _anthropic_content(reply),
        **_anthropic_end(reply),
        "usage": {
            "input_tokens": usage.input_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.cache_write_tokens,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": usage.output_tokens,
        },
    }
    return valid_message(message)


def _anthropic_event(event: dict[str, Any]) -> bytes:
    if event["type"] != "ping":
        valid_event(event)
    return f"event: {event['type']}\n".encode() + data_event(event)


def _anthropic_deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "thinking":
            for each in pieces(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": each}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            for each in pieces(block["text"]):
                yield {"type": "text_delta", "text": each}
        case "tool_use" if block["input"]:
            yield {"type": "input_json_delta", "partial_json": ""}
            for each in pieces(json.dumps(block["input"], ensure_ascii=False)):
                yield {"type": "input_json_delta", "partial_json": each}


def _anthropic_events(reply: ChatReply) -> list[bytes]:
    whole = _anthropic_unary(reply)
    begun = {**whole, "content": [], "stop_reason": None, "stop_details": None}
    begun["usage"] = {**whole["usage"], "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        empty = {"thinking": "", "signature": "", "text": "", "input": {}}
        start = {**block, **{name: empty[name] for name in empty.keys() & block.keys()}}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += (
            {"type": "content_block_delta", "index": index, "delta": each}
            for each in _anthropic_deltas(block)
        )
        events.append({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": _anthropic_end(reply), "usage": usage})
    events.append({"type": "message_stop"})
    return [_anthropic_event(each) for each in events]


_GEMINI_ERRORS = {
    "overloaded_error": (503, "UNAVAILABLE"),
    "authentication_error": (401, "UNAUTHENTICATED"),
}


def _gemini_failure(kind: str, said: str) -> dict[str, Any]:
    code, status = _GEMINI_ERRORS.get(kind, (400, "INVALID_ARGUMENT"))
    return {"error": {"code": code, "message": said, "status": status, "details": []}}


def _gemini_meant(reply: ChatReply) -> ChatReply:
    """It does not tell what it writes to a cache."""
    usage = reply.usage
    assert usage is not None, "there is always one"
    fresh = usage.input_tokens + usage.cache_write_tokens
    return replace(reply, usage=replace(usage, input_tokens=fresh, cache_write_tokens=0))


def _gemini_parts(reply: ChatReply) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if reply.reasoning:
        found.append({"text": reply.reasoning, "thought": True})
    if reply.text:
        found.append({"text": reply.text})
    for index, call in enumerate(reply.tool_calls):
        given = json.loads(call.arguments)
        said = {"id": call.id, "name": call.name, **({"args": given} if given else {})}
        signed = {} if index else {"thoughtSignature": "c2lnbmVk+/8="}
        found.append({"functionCall": said, **signed})
    return found


def _gemini_body(
    reply: ChatReply, parts: Sequence[object], *, is_last: bool = True
) -> dict[str, Any]:
    usage = reply.usage
    assert usage is not None, "there is always one"
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if is_last:
        candidate["finishReason"] = _GEMINI_STOPS.get(reply.finish_reason, "STOP")
    if is_last and reply.refusal:
        candidate["finishMessage"] = reply.refusal
    counts = {
        "promptTokenCount": usage.prompt_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": usage.output_tokens if is_last else 1,
        "totalTokenCount": usage.total_tokens,
    }
    body = {
        "candidates": [candidate],
        "usageMetadata": {name: count for name, count in counts.items() if count},
        "modelVersion": reply.model,
        "responseId": reply.id,
    }
    return gemini_types.valid_reply(body)


_GEMINI_STOPS = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


def _gemini_events(reply: ChatReply) -> list[bytes]:
    parts: list[dict[str, Any]] = []
    for part in _gemini_parts(reply):
        texts = pieces(part["text"]) if "text" in part else []
        parts += [{**part, "text": each} for each in texts] or [part]
    found = [_gemini_body(reply, [each], is_last=False) for each in parts]
    return [*map(data_event, found), data_event(_gemini_body(reply, []))]


OPENAI = Speaker(
    name="openai",
    model="gpt-5-mini",
    dialect=OpenAIDialect(quirks=ENDPOINTS["openai"].quirks),
    unary=openai_unary,
    events=openai_events,
    failure=lambda kind, said: {"error": {"message": said, "type": kind, "code": kind}},
    valid=lambda body: body,
    refused={"n": 2, "messages": [], "top_k": 4, "plugins": [], "reasoning": {}},
    key_header=("authorization", "Bearer secret"),
    ending=b'"finish_reason": "stop"',
)
OPENROUTER = replace(
    OPENAI,
    name="openrouter",
    model="anthropic/claude-opus-5.5",
    dialect=OpenAIDialect(quirks=ENDPOINTS["openrouter"].quirks),
    unary=openrouter_unary,
    events=openrouter_events,
    valid=valid_openrouter,
    refused={"n": 2, "messages": []},
)
GUMLOOP = replace(
    OPENAI,
    name="gumloop",
    model="gpt-5-mini",
    dialect=OpenAIDialect(quirks=ENDPOINTS["gumloop"].quirks),
    events=gumloop_events,
    refused={"n": 2, "messages": [], "top_k": 4, "reasoning_effort": "low"},
)
ANTHROPIC = Speaker(
    name="anthropic",
    model="claude-opus-5-5",
    dialect=AnthropicDialect(),
    unary=_anthropic_unary,
    events=_anthropic_events,
    failure=lambda kind, said: {"type": "error", "error": {"type": kind, "message": said}},
    valid=valid_request,
    refused={"n": 2, "messages": [], "seed": 7, "frequency_penalty": 0.5, "logprobs": True},
    key_header=("x-api-key", "secret"),
    ending=b'"end_turn"',
)
GEMINI = Speaker(
    name="gemini",
    model="gemini-3.1-pro-preview",
    dialect=GeminiDialect(),
    unary=lambda reply: _gemini_body(reply, _gemini_parts(reply)),
    events=_gemini_events,
    failure=_gemini_failure,
    valid=gemini_types.valid_request,
    refused={"n": 2, "messages": [], "user": "u", "logprobs": True, "verbosity": "low"},
    key_header=("x-goog-api-key", "secret"),
    ending=b'"STOP"',
    turns="contents",
    picture_url="https://generativelanguage.googleapis.com/v1beta/files/abc-123",
    listed=b'{"models": [{"name": "models/a", "x": 1}, {"name": 7}, 3]}',
    meant=_gemini_meant,
    calls_alone=False,
)
SPEAKERS = (OPENAI, OPENROUTER, GUMLOOP, ANTHROPIC, GEMINI)
