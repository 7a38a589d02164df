"""The events of OpenAI's images API as deltas: frames on the way, and the picture at the end.

Source: developers.openai.com, API reference, Images, Streaming.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from flowrun.chat.images import Image
from flowrun.chat.messages import Delta
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.openai_errors import error_of_body
from flowrun.providers.openai_usage import image_usage_of
from flowrun.providers.reading import event_of, text_of


class ImageEventDecoder:
    """Reads the events of one picture; `mask` as in OpenAIImagesDialect."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self.complete = False
        self.closed = False

    def feed(self, data: str) -> list[Delta]:
        """What one event says. Raises: ProviderError if it reports an error."""
        text = data.strip()
        if not text or self.closed:
            return []
        if text.startswith("[DONE]"):
            self.closed = True
            return []
        event = event_of(text, mask=self._mask)
        kind = text_of(event.get("type"))
        told = {"error": event} if kind == "error" and not event.get("error") else event
        if (error := error_of_body(told, mask=self._mask)) is not None:
            raise error
        if kind.endswith(".partial_image"):
            return [Delta(images=(picture_of(event),))]
        if kind.endswith(".completed"):
            self.complete = self.closed = True
            usage = image_usage_of(event.get("usage"))
            return [Delta(images=(picture_of(event),), finish_reason="stop", usage=usage)]
        return []

    def finish(self) -> list[Delta]:
        """Nothing is left at the end. Raises: Unavailable if the picture did not come."""
        if not self.complete:
            raise Unavailable("cut the stream before the reply was complete")
        return []


def picture_of(item: Mapping[str, object]) -> Image:
    """The picture of an item, with the prompt that it was drawn by, if that is another.

    Raises: ProviderError if it holds none.
    """
    try:
        data = base64.b64decode(text_of(item.get("b64_json")), validate=True)
        return Image.from_bytes(data, text=text_of(item.get("revised_prompt")))
    except (binascii.Error, ValueError) as error:
        raise ProviderError(f"gave a picture that cannot be read: {error}") from error
