"""OpenAI's images API, as answers to a chat: a picture for a prompt, or for pictures and one.

A reply is one picture and no words; the prompt as the model rewrote it stands on the picture.
Source: developers.openai.com, API reference, Images; guides, Image generation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.base import Wire
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.openai_errors import error_of_body
from flowrun.providers.openai_images_events import ImageEventDecoder, picture_of
from flowrun.providers.openai_images_form import form
from flowrun.providers.openai_images_request import drawing_of
from flowrun.providers.openai_usage import image_usage_of
from flowrun.providers.reading import folded, items_of, parsed
from flowrun.providers.wording import brief_body


class OpenAIImagesDialect:
    """Requests and replies of `/images/generations` and `/images/edits`.

    `mask` takes secrets out of what an error tells of a reply, before that is cut.
    """

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self._completions = OpenAIDialect(mask)

    def key_headers(self, key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return self._completions.key_headers(key)

    def listing(self) -> Wire:
        """Asks for the list of models."""
        return self._completions.listing()

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request as its body. Raises: Unsupported for what the API cannot say."""
        # The oldest models answer with an address unless told otherwise, and never in a stream.
        is_old = request.model.startswith("dall-e-")
        drawing = drawing_of(request, stream=stream and not is_old)
        beside: dict[str, JsonValue] = {"response_format": "b64_json"} if is_old else {}
        if stream and not is_old:
            beside["stream"] = True
        if drawing.pictures:
            texts = {name: _spelled(value) for name, value in (drawing.fields | beside).items()}
            body, content_type = form(texts, [("image[]", each) for each in drawing.pictures])
            return Wire("POST", "/images/edits", body, {"content-type": content_type})
        text = json.dumps(drawing.fields | beside, separators=(",", ":"), ensure_ascii=False)
        return Wire("POST", "/images/generations", text.encode("utf-8", "replace"))

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A whole body as a reply. Raises: ProviderError if it is none or holds an error."""
        if "event-stream" in content_type or body.lstrip()[:6].startswith(
            (b"event:", b"data:", b":")
        ):
            return folded(body, self.decoder())
        data = parsed(body)
        if data is None:
            said = brief_body(body, content_type, mask=self._mask)
            raise Unavailable(f"gave a reply that is not JSON: {said}")
        if (error := error_of_body(data, mask=self._mask)) is not None:
            raise error
        for item in items_of(data.get("data")):
            if isinstance(item, Mapping):
                usage = image_usage_of(data.get("usage"))
                return ChatReply("", "stop", "", usage, (picture_of(item),))
        raise Unavailable(f"gave a reply without an answer: {brief_body(body, mask=self._mask)}")

    def decoder(self) -> ImageEventDecoder:
        """A reader for one stream."""
        return ImageEventDecoder(self._mask)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response."""
        return self._completions.error(status, headers, body, now=now)

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list; each has at least `id`."""
        return self._completions.models(body)


def _spelled(value: JsonValue) -> str:
    return "true" if value is True else str(value)
