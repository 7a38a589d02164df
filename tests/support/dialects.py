"""What each dialect's provider would send for a reply: whole, in events, or an error instead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowrun.chat.messages import ChatReply, fold
from flowrun.providers.anthropic import AnthropicDialect
from flowrun.providers.base import Dialect
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.sse import EventParser
from tests.support.anthropic_types import valid_event, valid_message, valid_request

_PIECE = 3


@dataclass(frozen=True, slots=True)
class Speaker:
    """A dialect and the provider at its other end; bodies are built from the reply they mean.

    `valid` checks a request's body as the provider would. `failure` is an error's body, and what
    a stream breaks off with. `refused` are options that it cannot say, by the name of each.
    `ending` stands in the event that ends a plain reply.
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


def pieces(text: str) -> list[str]:
    """The text cut small."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _openai_usage(reply: ChatReply) -> dict[str, Any]:
    if (usage := reply.usage) is None:
        return {}
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    details = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": usage.output_tokens,
            "total_tokens": prompt + usage.output_tokens,
            "prompt_tokens_details": details,
        }
    }


def _openai_unary(reply: ChatReply) -> dict[str, Any]:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in reply.tool_calls
    ]
    message = {
        "role": "assistant",
        "content": reply.text or None,
        "refusal": reply.refusal or None,
        **({"reasoning": reply.reasoning} if reply.reasoning else {}),
        **({"tool_calls": calls} if calls else {}),
    }
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {
        "id": reply.id,
        "object": "chat.completion",
        "created": 1,
        "model": reply.model,
        "choices": [choice],
        **_openai_usage(reply),
    }


def _openai_events(reply: ChatReply) -> list[bytes]:
    head = {"id": reply.id, "object": "chat.completion.chunk", "created": 1, "model": reply.model}

    def chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**head, "choices": [choice]})

    found = [b": PROCESSING\n\n", chunk({"role": "assistant", "content": ""})]
    found += [chunk({"reasoning": each}) for each in pieces(reply.reasoning)]
    found += [chunk({"content": each}) for each in pieces(reply.text)]
    found += [chunk({"refusal": each}) for each in pieces(reply.refusal)]
    for index, call in enumerate(reply.tool_calls):
        begin = {"index": index, "id": call.id, "type": "function"}
        named = {**begin, "function": {"name": call.name, "arguments": ""}}
        found.append(chunk({"tool_calls": [named]}))
        for each in pieces(call.arguments):
            found.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": each}}]}))
    found.append(chunk({}, reply.finish_reason))
    if reply.usage is not None:
        found.append(_data({**head, "choices": [], **_openai_usage(reply)}))
    return [*found, b"data: [DONE]\n\n"]


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
    return f"event: {event['type']}\n".encode() + _data(event)


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


OPENAI = Speaker(
    name="openai",
    model="gpt-5-mini",
    dialect=OpenAIDialect(),
    unary=_openai_unary,
    events=_openai_events,
    failure=lambda kind, said: {"error": {"message": said, "type": kind, "code": kind}},
    valid=lambda body: body,
    refused={"n": 2, "messages": []},
    key_header=("authorization", "Bearer secret"),
    ending=b'"finish_reason": "stop"',
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
SPEAKERS = (OPENAI, ANTHROPIC)
