"""Anthropic's Messages API, without a socket.

    system, developer      one `system` text        tool results      first in the user's turn
    response_format        enforced, or forced      thoughts          sent back as they came
    finish_reason          of stop_reason           usage             in disjoint buckets

Nothing of a request is dropped: it is mapped, holds anyway, or is refused by its name. Messages
of errors are predicates; whoever knows the endpoint names it.
Source: platform.claude.com/docs, Messages API, version 2023-06-01, which is the newest that
takes temperature.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flowrun.chat.messages import ChatReply, ChatRequest, fold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.anthropic_errors import error_of_response
from flowrun.providers.anthropic_events import EventDecoder
from flowrun.providers.anthropic_messages import system_text, wire_turns
from flowrun.providers.anthropic_models import facts_of
from flowrun.providers.anthropic_options import wire_options
from flowrun.providers.anthropic_tools import is_forced, wire_tools
from flowrun.providers.base import Wire
from flowrun.providers.reading import folded, parsed
from flowrun.providers.wording import brief_body

_VERSION: Mapping[str, str] = {"anthropic-version": "2023-06-01"}


class AnthropicDialect:
    """Requests and replies of `/messages`.

    `mask` takes secrets out of what an error tells of a reply, before that is cut.
    """

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask

    def key_headers(self, key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"x-api-key": key}

    def listing(self) -> Wire:
        """Asks for the list of models, the whole of it."""
        return Wire("GET", "/models?limit=1000", headers=_VERSION)

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request as its body. Raises: Unsupported for what the protocol cannot say."""
        _refuse_foreign(request)
        facts = facts_of(request.model)
        tools = wire_tools(request, facts)
        options = wire_options(request.options, facts, is_forced=is_forced(tools))
        system = system_text(request.messages)
        body: dict[str, JsonValue] = {
            "model": request.model,
            **({"system": system} if system else {}),
            "messages": wire_turns(request.messages),
            **options,
            **tools,
            **_output(options, tools),
            **({"stream": True} if stream else {}),
        }
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return Wire("POST", "/messages", text.encode("utf-8", "replace"), _VERSION)

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A whole body as a reply. Raises: ProviderError if it is none or holds an error."""
        decoder = self.decoder()
        if "event-stream" in content_type or body.lstrip()[:6].startswith((b"event:", b"data:")):
            return folded(body, decoder)
        data = parsed(body)
        if data is None:
            said = brief_body(body, content_type, mask=self._mask)
            raise Unavailable(f"gave a reply that is not JSON: {said}")
        if "content" not in data and "error" not in data:
            raise Unavailable(
                f"gave a reply without an answer: {brief_body(body, mask=self._mask)}"
            )
        return fold(decoder.read_whole(data))

    def decoder(self) -> EventDecoder:
        """A reader for one stream."""
        return EventDecoder(self._mask)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response."""
        return error_of_response(status, headers, body, now=now, mask=self._mask)

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list; each has at least `id`."""
        data = parsed(body)
        rows = None if data is None else data.get("data")
        if not isinstance(rows, list):
            raise Unavailable(f"gave no list of models: {brief_body(body, mask=self._mask)}")
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _refuse_foreign(request: ChatRequest) -> None:
    """Refuses what other providers take beside the options."""
    for name, is_said in (
        ("modalities", request.modalities != ("text",)),
        ("image_config", bool(request.image_config)),
        ("provider", bool(request.provider)),
    ):
        if is_said:
            raise Unsupported(f'cannot take "{name}": it answers for itself, in text', param=name)


def _output(*parts: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The `output_config` of several parts of a body as one."""
    found: dict[str, JsonValue] = {}
    for each in parts:
        config = each.get("output_config")
        found |= config if isinstance(config, Mapping) else {}
    return {"output_config": found} if found else {}
