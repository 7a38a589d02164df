"""Google's Gemini API (generateContent), without a socket.

    system, developer      one `systemInstruction`     tool results      one content, in order
    response_format        enforced                    signatures        sent back as they came
    finish_reason          of finishReason             usage             in disjoint buckets

Nothing of a request is dropped: it is mapped, holds anyway, or is refused by its name. Messages
of errors are predicates; whoever knows the endpoint names it.
Source: ai.google.dev, Gemini API, v1beta, models.generateContent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

from flowrun.chat.messages import ChatReply, ChatRequest, fold
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.anthropic_messages import system_text
from flowrun.providers.base import Wire
from flowrun.providers.gemini_errors import error_of_response, objects_of
from flowrun.providers.gemini_events import EventDecoder
from flowrun.providers.gemini_messages import wire_contents
from flowrun.providers.gemini_models import Facts, facts_of
from flowrun.providers.gemini_options import wire_image, wire_modalities, wire_options, wire_tier
from flowrun.providers.gemini_tools import wire_form, wire_tools
from flowrun.providers.reading import folded, parsed
from flowrun.providers.wording import brief_body

_WHERE = "models/"


class GeminiDialect:
    """Requests and replies of `:generateContent` and `:streamGenerateContent`.

    `mask` takes secrets out of what an error tells of a reply, before that is cut.
    """

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask

    def key_headers(self, key: str) -> Mapping[str, str]:
        """The header that carries the key; in an address it would be written into logs."""
        return {"x-goog-api-key": key}

    def listing(self) -> Wire:
        """Asks for the list of models, the whole of it."""
        return Wire("GET", "/models?pageSize=1000")

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request as its body. Raises: Unsupported for what the protocol cannot say."""
        if request.provider:
            raise Unsupported('cannot take "provider": it answers for itself', param="provider")
        facts = facts_of(request.model.removeprefix(_WHERE))
        tools = wire_tools(request, facts)
        config = _config(request, tools, facts)
        system = system_text(request.messages)
        body: dict[str, JsonValue] = {
            **({"systemInstruction": {"parts": [{"text": system}]}} if system else {}),
            "contents": wire_contents(request.messages, facts),
            **tools,
            **({"generationConfig": config} if config else {}),
            **wire_tier(request.options),
        }
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        name = quote(request.model.removeprefix(_WHERE), safe="")
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return Wire("POST", f"/models/{name}:{verb}", text.encode("utf-8", "replace"))

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A whole body as a reply. Raises: ProviderError if it is none or holds an error."""
        decoder = self.decoder()
        if "event-stream" in content_type or body.lstrip()[:6].startswith((b"event:", b"data:")):
            return folded(body, decoder)
        held = objects_of(body)
        if held is None:
            said = brief_body(body, content_type, mask=self._mask)
            raise Unavailable(f"gave a reply that is not JSON: {said}")
        # A stream that was not asked for as events comes as a list of them.
        is_whole = len(held) == 1
        deltas = [delta for each in held for delta in decoder.read(each, is_whole=is_whole)]
        if not decoder.has_answer:
            raise Unavailable(
                f"gave a reply without an answer: {brief_body(body, mask=self._mask)}"
            )
        return fold([*deltas, *decoder.finish()])

    def decoder(self) -> EventDecoder:
        """A reader for one stream."""
        return EventDecoder(self._mask)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response."""
        return error_of_response(status, headers, body, now=now, mask=self._mask)

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list; `id` is the name without `models/`, all else as it is."""
        data = parsed(body)
        rows = None if data is None else data.get("models")
        if not isinstance(rows, list):
            raise Unavailable(f"gave no list of models: {brief_body(body, mask=self._mask)}")
        return [
            {**row, "id": row["name"].removeprefix(_WHERE)}
            for row in rows
            if isinstance(row, dict) and isinstance(row.get("name"), str)
        ]


def _config(
    request: ChatRequest, tools: Mapping[str, JsonValue], facts: Facts
) -> dict[str, JsonValue]:
    """The `generationConfig`."""
    return {
        **wire_options(request.options, facts),
        **wire_modalities(request.modalities),
        **wire_image(request.image_config),
        **wire_form(request, tools, facts),
    }
