"""One answer as the bodies of chat completions: whole, or chunk by chunk.

    {"id", "object", "created", "model", "system_fingerprint": null, "choices": [...], "usage"}

The first chunk tells the role. The last frame of a picture goes with the chunk that ends the
stream, so that whoever takes every picture before it for progress is right. All is ASCII: some
clients take U+2028 for the end of a line.
Source: developers.openai.com, API reference, Chat and Chat streaming; docs.gumloop.com, Create
completion; openrouter.ai/docs, Image generation and Reasoning tokens.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Literal, TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, Delta, FinishReason, ToolCall, ToolCallPiece
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.gateway.codec_blocks import details_of, signatures_of
from flowrun.gateway.faults import Fault

UsageForm: TypeAlias = Literal["finish", "chunk", "none"]
"""Where a stream tells its use: with the chunk that ends it, in one of its own, or nowhere."""

DONE = b"data: [DONE]\n\n"
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_quote = json.encoder.encode_basestring_ascii


class Writer:
    """Writes one answer; what names it is fixed when it is made.

    `created` is in whole seconds since the epoch.
    """

    def __init__(self, id: str, created: int, model: str, usage_form: UsageForm) -> None:
        self._usage_form = usage_form
        named = (
            f'"created":{created:d},"model":{_quote(model)},"system_fingerprint":null,"choices":['
        )
        self._whole = f'{{"id":{_quote(id)},"object":"chat.completion",{named}'
        self._bare = f'data: {{"id":{_quote(id)},"object":"chat.completion.chunk",{named}'
        self._head = f'{self._bare}{{"index":0,"delta":'
        self._usage = ',"usage":null' if usage_form == "chunk" else ""
        self._tail = f',"logprobs":null,"finish_reason":null}}]{self._usage}}}\n\n'
        self._has_begun = False
        self._held: tuple[Image, ...] = ()
        self._calls: set[int] = set()
        self._blocks = 0

    def whole(self, reply: ChatReply) -> bytes:
        """The body of an answer that is given at once."""
        choice = _encode(
            {
                "index": 0,
                "message": _message(reply),
                "logprobs": None,
                "finish_reason": reply.finish_reason,
            }
        )
        usage = "" if reply.usage is None else f',"usage":{_encode(usage_json(reply.usage))}'
        return f"{self._whole}{choice}]{usage}}}".encode()

    def chunk(self, delta: Delta) -> bytes:
        """The event of a piece, b"" if it has nothing to show yet.

        Its finish reason and use are for `end`. Raises: Fault if the answer begins again although
        a part of it was passed on.
        """
        if delta.restart:
            self._begin_again()
        if delta.text and self._has_begun and not _has_more(delta):
            return f'{self._head}{{"content":{_quote(delta.text)}}}{self._tail}'.encode()
        found = self._delta(delta)
        return f"{self._head}{_encode(self._opened(found))}{self._tail}".encode() if found else b""

    def end(self, finish_reason: FinishReason | None, usage: Usage | None) -> bytes:
        """The events that end a stream; no reason counts as "stop"."""
        found: dict[str, JsonValue] = {"images": _pictures(self._held)} if self._held else {}
        reason = _quote(finish_reason or "stop")
        told = self._usage
        if usage is not None and self._usage_form == "finish":
            told = f',"usage":{_encode(usage_json(usage))}'
        ending = (
            f"{self._head}{_encode(self._opened(found))}"
            f',"logprobs":null,"finish_reason":{reason}}}]{told}}}\n\n'
        )
        if self._usage_form == "chunk" and usage is not None:
            ending += f'{self._bare}],"usage":{_encode(usage_json(usage))}}}\n\n'
        return ending.encode() + DONE

    def failure(self, fault: Fault) -> bytes:
        """The events that break a stream off."""
        error = _encode({"code": fault.status, "message": fault.message, "type": fault.kind})
        broken = (
            f"{self._head}{_encode(self._opened({}))}"
            f',"logprobs":null,"finish_reason":"error"}}]{self._usage},"error":{error}}}\n\n'
        )
        return broken.encode() + DONE

    def _begin_again(self) -> None:
        if self._has_begun:
            raise Fault(
                502,
                "the provider began its answer again after a part of it was passed on",
                code="provider_unavailable",
                kind="api_error",
            )
        self._held = ()

    def _opened(self, found: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """What a chunk tells, with the role if it is the first."""
        if self._has_begun:
            return found
        self._has_begun = True
        content = None if "tool_calls" in found else ""
        return {"role": "assistant", "content": content, **found}

    def _delta(self, delta: Delta) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        if delta.text:
            found["content"] = delta.text
        if delta.reasoning:
            found["reasoning"] = delta.reasoning
        if delta.refusal:
            found["refusal"] = delta.refusal
        if calls := self._pieces(delta):
            found["tool_calls"] = calls
        if delta.blocks:
            found["reasoning_details"] = details_of(delta.blocks, self._blocks)
            self._blocks += len(delta.blocks)
        if delta.images:
            if self._held:
                found["images"] = _pictures(self._held)
            self._held = delta.images
        return found

    def _pieces(self, delta: Delta) -> list[JsonValue]:
        """The pieces of calls; a signature that comes after its call makes one of its own."""
        carried = signatures_of(delta.blocks) if delta.blocks else {}
        found = [self._piece(each, carried.pop(each.index, None)) for each in delta.tool_calls]
        late = (ToolCallPiece(index) for index in carried if index in self._calls)
        return found + [self._piece(each, carried[each.index]) for each in late]

    def _piece(self, piece: ToolCallPiece, carried: JsonValue) -> JsonValue:
        """A piece of a call; only the first one names it."""
        extra: dict[str, JsonValue] = {} if carried is None else {"extra_content": carried}
        if piece.index in self._calls:
            return {"index": piece.index, "function": {"arguments": piece.arguments}, **extra}
        self._calls.add(piece.index)
        function: JsonValue = {"name": piece.name, "arguments": piece.arguments}
        return {
            "index": piece.index,
            "id": piece.id,
            "type": "function",
            "function": function,
            **extra,
        }


def usage_json(usage: Usage) -> dict[str, JsonValue]:
    """The use of an answer as the wire has it; what it cost only where the provider says so."""
    prompt: dict[str, JsonValue] = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
    }
    output: dict[str, JsonValue] = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.image_input_tokens:
        prompt["image_tokens"] = usage.image_input_tokens
    if usage.image_output_tokens:
        output["image_tokens"] = usage.image_output_tokens
    found: dict[str, JsonValue] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": output,
    }
    if usage.cost_usd is not None:
        found["cost"] = float(usage.cost_usd)
    return found


def _has_more(delta: Delta) -> bool:
    """Whether there is anything in it beside text."""
    return bool(
        delta.reasoning or delta.tool_calls or delta.images or delta.refusal or delta.blocks
    )


def _message(reply: ChatReply) -> dict[str, JsonValue]:
    stands_alone = reply.finish_reason == "content_filter" or bool(
        reply.tool_calls or reply.images or reply.refusal
    )
    found: dict[str, JsonValue] = {
        "role": "assistant",
        "content": reply.text or (None if stands_alone else ""),
        "refusal": reply.refusal or None,
    }
    if reply.reasoning:
        found["reasoning"] = reply.reasoning
    if reply.blocks:
        found["reasoning_details"] = details_of(reply.blocks)
    if reply.tool_calls:
        carried = signatures_of(reply.blocks)
        found["tool_calls"] = [
            _call(each, carried.get(at)) for at, each in enumerate(reply.tool_calls)
        ]
    if reply.images:
        found["images"] = _pictures(reply.images)
    return found


def _call(call: ToolCall, carried: JsonValue) -> JsonValue:
    function: JsonValue = {"name": call.name, "arguments": call.arguments}
    extra: dict[str, JsonValue] = {} if carried is None else {"extra_content": carried}
    return {"id": call.id, "type": "function", "function": function, **extra}


def _pictures(images: Iterable[Image]) -> list[JsonValue]:
    return [
        {"type": "image_url", "index": at, "image_url": {"url": _data_url(each)}}
        for at, each in enumerate(images)
    ]


def _data_url(image: Image) -> str:
    return f"data:{image.mime_type};base64,{base64.b64encode(image.data).decode()}"
