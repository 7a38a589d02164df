"""The chunks of one reply on OpenAI's wire as deltas; a whole reply is read as the only one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import unquote_to_bytes

from flowrun.chat.images import Image
from flowrun.chat.messages import Delta, FinishReason
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.openai_errors import error_of_body
from flowrun.providers.openai_reasoning import ReasoningDetails
from flowrun.providers.openai_tools import CallPieces
from flowrun.providers.openai_usage import usage_of
from flowrun.providers.reading import event_of, items_of, text_of, without_halves
from flowrun.providers.wording import brief

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}


class ChunkDecoder:
    """Reads the chunks of one reply, whole replies among them; `mask` as in OpenAIDialect.

    `reasoning_by` is the mark of the blocks that `reasoning_details` become, if it has one.
    """

    def __init__(self, mask: Callable[[str], str] = str, reasoning_by: str = "") -> None:
        self._mask = mask
        self.closed = False
        self.has_choice = False
        self._reason: FinishReason | None = None
        self._calls = CallPieces()
        self._half = ""
        self._details = ReasoningDetails(reasoning_by) if reasoning_by else None

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end, though usage may follow."""
        return self._reason is not None or self.closed

    def feed(self, data: str) -> list[Delta]:
        """What one event says. Raises: ProviderError if it reports an error."""
        text = data.strip()
        if not text or self.closed:
            return []
        if text.startswith("[DONE]"):
            self.closed = True
            return []
        chunk = event_of(text, mask=self._mask)
        return self.read(chunk, is_whole=False)

    def finish(self) -> list[Delta]:
        """What is left at the end: calls of tools. Raises: Unavailable if the stream was cut."""
        if self._reason is None and not (self.closed and self.has_choice):
            raise Unavailable("cut the stream before the reply was complete")
        blocks = self._details.blocks() if self._details else ()
        if self._reason is not None and not self._calls and not blocks:
            return []
        reason = self._end(self._reason or "stop")
        text, calls = without_halves(self._half), self._calls.whole()
        return [Delta(text=text, finish_reason=reason, tool_calls=calls, blocks=blocks)]

    def read(self, chunk: Mapping[str, object], *, is_whole: bool) -> list[Delta]:
        """What one object says; a whole reply ends even where it does not say why."""
        if (error := error_of_body(chunk, mask=self._mask)) is not None:
            raise error
        usage = usage_of(chunk.get("usage"))
        model, identity = text_of(chunk.get("model")), text_of(chunk.get("id"))
        delta = Delta(usage=usage, model=model, id=identity)
        for choice in items_of(chunk.get("choices")):
            if isinstance(choice, Mapping) and choice.get("index") in (None, 0):
                self.has_choice = True
                delta = self._with_choice(delta, choice, is_whole=is_whole)
                break
        return [] if delta == Delta() else [delta]

    def _with_choice(self, delta: Delta, choice: Mapping[str, object], *, is_whole: bool) -> Delta:
        said = choice.get("delta") or choice.get("message")
        message = said if isinstance(said, Mapping) else {}
        content = _content(message.get("content"))
        self._calls.feed(message, is_whole=is_whole)
        if self._details is not None and "reasoning_details" in message:
            self._details.feed(message["reasoning_details"], is_whole=is_whole)
        finish = text_of(choice.get("finish_reason")) or ("stop" if is_whole else "")
        reason = self._end(finish) if finish else None
        return Delta(
            text=self._joined(content.text, is_last=reason is not None),
            refusal=without_halves(text_of(message.get("refusal")) or content.refusal),
            reasoning=without_halves(
                text_of(message.get("reasoning"))
                or text_of(message.get("reasoning_content"))
                or content.reasoning
            ),
            images=tuple(
                _image(each, self._mask)
                for each in (*content.images, *items_of(message.get("images")))
            ),
            finish_reason=reason,
            usage=delta.usage,
            model=delta.model,
            id=delta.id,
        )

    def _end(self, reason: str) -> FinishReason:
        """Raises: Unavailable for "error"; ProviderError for a reason that nobody knows."""
        if reason.lower() == "error":
            raise Unavailable("ended its reply with an error")
        known = _FINISH.get(reason.lower())
        if known is None:
            said = brief(reason, mask=self._mask)
            raise ProviderError(f'ended its reply for an unknown reason: "{said}"')
        # Some say "stop" of a reply that calls tools; a cut one has cut calls, and stays cut.
        self._reason = "tool_calls" if known == "stop" and self._calls else known
        return self._reason

    def _joined(self, text: str, *, is_last: bool) -> str:
        """The text with a character that was cut into two chunks put together."""
        if text.isascii() and not self._half:
            return text
        text, self._half = self._half + text, ""
        if not is_last and text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return without_halves(text)


class _Content:
    """What the `content` of a message holds, as text or in parts."""

    __slots__ = ("images", "reasoning", "refusal", "text")

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.refusal = ""
        self.images: list[object] = []

    def add(self, part: Mapping[str, object]) -> None:
        self.text += text_of(part.get("text"))
        self.refusal += text_of(part.get("refusal"))
        self.reasoning += _content(part.get("thinking")).text
        if "image_url" in part:
            self.images.append(part)


def _content(value: object) -> _Content:
    found = _Content()
    if isinstance(value, str):
        found.text = value
    for part in items_of(value):
        if isinstance(part, Mapping):
            found.add(part)
    return found


def _image(item: object, mask: Callable[[str], str]) -> Image:
    """The picture of one item of `images`. Raises: ProviderError if it is none."""
    held = item.get("image_url") if isinstance(item, Mapping) else None
    url = text_of(held.get("url") if isinstance(held, Mapping) else held)
    head, comma, encoded = url.partition(",")
    if not (head.startswith("data:") and comma):
        said = brief(url, limit=60, mask=mask)
        raise ProviderError(f'gave a picture that is no data URL: "{said}"')
    try:
        if head.endswith(";base64"):
            data = base64.b64decode("".join(encoded.split()), validate=True)
        else:
            data = unquote_to_bytes(encoded)
        return Image.from_bytes(data)
    except (binascii.Error, ValueError) as error:
        raise ProviderError(f"gave a picture that cannot be read: {error}") from error
