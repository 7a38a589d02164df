"""OpenAI's chat completions, as most providers speak them, without a socket.

Read leniently, for the dialect has many speakers: `reasoning` or `reasoning_content`, usage on
any chunk, content as text or as parts, a stream where a body was asked for. What would make a
broken reply look like a good one is an error: a cut stream, a picture that is none, an error
inside a 200. Messages are predicates; whoever knows the endpoint names it.
Source: developers.openai.com, API reference, Chat; docs.gumloop.com and openrouter.ai for
`modalities`, `image_config`, `provider` and the `images` of a reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flowrun.chat.messages import ChatReply, ChatRequest, fold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.base import Quirks, Wire
from flowrun.providers.openai_chunks import ChunkDecoder
from flowrun.providers.openai_errors import error_of_response
from flowrun.providers.openai_messages import wire_messages
from flowrun.providers.openai_quirks import wire_options, wire_routing
from flowrun.providers.reading import folded, items_of, parsed, refuse_crowd, text_of
from flowrun.providers.wording import brief_body

_PLAIN = Quirks()


class OpenAIDialect:
    """Requests and replies of `/chat/completions`, as the speaker with those `quirks` has them.

    `mask` takes secrets out of what an error tells of a reply, before that is cut.
    """

    def __init__(self, mask: Callable[[str], str] = str, quirks: Quirks = _PLAIN) -> None:
        self._mask = mask
        self._quirks = quirks

    def key_headers(self, key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"authorization": f"Bearer {key}"}

    def listing(self) -> Wire:
        """Asks for the list of models."""
        return Wire("GET", "/models")

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request as its body. Raises: Unsupported for an option that is not one."""
        quirks = self._quirks
        body: dict[str, JsonValue] = {
            "model": request.model,
            "messages": wire_messages(request.messages, quirks.reasoning_by),
            **wire_options(request.options, quirks),
        }
        if request.response_format.kind != "text":
            body["response_format"] = request.response_format.as_json()
        if request.wants_image or request.image_config or request.provider:
            body |= wire_routing(request, quirks)
        if request.tools:
            body |= _tools(request)
        if stream:
            body["stream"] = True
            if quirks.has_stream_options:
                body["stream_options"] = {"include_usage": True}
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return Wire("POST", "/chat/completions", text.encode("utf-8", "replace"))

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A whole body as a reply. Raises: ProviderError if it is none or holds an error."""
        if "event-stream" in content_type or body.lstrip()[:6].startswith((b"data:", b":")):
            return folded(body, self.decoder())
        data = parsed(body)
        if data is None:
            said = brief_body(body, content_type, mask=self._mask)
            raise Unavailable(f"gave a reply that is not JSON: {said}")
        decoder = self.decoder()
        deltas = decoder.read(data, is_whole=True)
        if not decoder.has_choice:
            raise Unavailable(
                f"gave a reply without an answer: {brief_body(body, mask=self._mask)}"
            )
        return fold([*deltas, *decoder.finish()])

    def decoder(self) -> ChunkDecoder:
        """A reader for one stream."""
        return ChunkDecoder(self._mask, self._quirks.reasoning_by)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response."""
        return error_of_response(status, headers, body, now=now, mask=self._mask)

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list, OpenAI's or Gumloop's; each has at least `id`."""
        refuse_crowd(body)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise Unavailable(
                f"gave no list of models: {brief_body(body, mask=self._mask)}"
            ) from None
        if isinstance(data, dict) and "model_groups" in data:
            return _grouped(data["model_groups"])
        rows = data.get("data") if isinstance(data, dict) else data
        if not isinstance(rows, list):
            raise Unavailable(f"gave no list of models: {brief_body(body, mask=self._mask)}")
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _tools(request: ChatRequest) -> dict[str, JsonValue]:
    """Only with tools: many servers refuse an empty list, or a choice without one."""
    found: dict[str, JsonValue] = {"tools": [each.as_json() for each in request.tools]}
    if request.tool_choice is not None:
        found["tool_choice"] = request.tool_choice
    if request.parallel_tool_calls is not None:
        found["parallel_tool_calls"] = request.parallel_tool_calls
    return found


def _grouped(groups: object) -> list[Mapping[str, JsonValue]]:
    """Gumloop's list: groups of options, whose `value` is what a request names."""
    rows: list[Mapping[str, JsonValue]] = []
    for group in items_of(groups):
        if not isinstance(group, Mapping):
            continue
        for option in items_of(group.get("options")):
            if isinstance(option, dict) and (identity := text_of(option.get("value"))):
                rows.append({**option, "id": identity, "group": text_of(group.get("groupLabel"))})
    return rows
