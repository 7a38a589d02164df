"""Replies as OpenAI, OpenRouter and Gumloop would send them, whole and in chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowrun.chat.messages import ChatReply

_PIECE = 3


def pieces(text: str) -> list[str]:
    """The text cut small."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def data_event(value: object) -> bytes:
    """An event that holds the value as JSON."""
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


def openai_unary(reply: ChatReply) -> dict[str, Any]:
    """The body of a reply."""
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


def openai_events(reply: ChatReply) -> list[bytes]:
    """The same reply in chunks."""
    head = {"id": reply.id, "object": "chat.completion.chunk", "created": 1, "model": reply.model}

    def chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return data_event({**head, "choices": [choice]})

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
        found.append(data_event({**head, "choices": [], **_openai_usage(reply)}))
    return [*found, b"data: [DONE]\n\n"]


def _details(reply: ChatReply) -> list[dict[str, Any]]:
    """What OpenRouter tells of the thoughts beside their text; the signature comes last."""
    if not reply.reasoning:
        return []
    begun = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    return [{**begun, "text": reply.reasoning, "signature": "c2lnbmVk=="}, _SEALED]


_SEALED = {"type": "reasoning.encrypted", "data": "c2VhbGVk==", "id": "rs_1", "index": 1}


def openrouter_unary(reply: ChatReply) -> dict[str, Any]:
    """The same body with what OpenRouter adds."""
    body = openai_unary(reply)
    message = body["choices"][0]["message"]
    message |= {"reasoning_details": found} if (found := _details(reply)) else {}
    return {**body, "provider": "Anthropic"}


def openrouter_events(reply: ChatReply) -> list[bytes]:
    """The same reply in chunks, with what OpenRouter adds."""
    head, *rest = openai_events(replace(reply, reasoning=""))
    found = [b": OPENROUTER PROCESSING\n\n", head]
    for signed in _details(reply)[:1]:
        begun = {name: value for name, value in signed.items() if name not in ("text", "signature")}
        told = [{**begun, "text": each} for each in pieces(reply.reasoning)]
        for each in [*told, {**begun, "signature": signed["signature"]}, _SEALED]:
            said = {"reasoning": each.get("text"), "reasoning_details": [each]}
            choice = {"index": 0, "delta": said, "finish_reason": None}
            found.append(data_event({"id": reply.id, "model": reply.model, "choices": [choice]}))
    return [*found, *rest]


def valid_openrouter(body: dict[str, Any]) -> object:
    """A signature holds for its whole text alone, in the turn that it was given in."""
    for turn in body["messages"]:
        for each in turn.get("reasoning_details", []):
            assert turn["role"] == "assistant"
            assert each == _SEALED or (each["text"] and each["signature"])
    return body


def gumloop_events(reply: ChatReply) -> list[bytes]:
    """The usage stands on the chunk that ends the reply, unasked."""
    *events, done = openai_events(replace(reply, usage=None))
    last = json.loads(events[-1].removeprefix(b"data: "))
    return [*events[:-1], data_event({**last, **_openai_usage(reply)}), done]
