"""OpenAI's chat completions, as most providers speak them, without a socket.

Read leniently, for the dialect has many speakers: `reasoning` or `reasoning_content`, usage on
any chunk, content as text or as parts, a stream where a body was asked for. What would make a
broken reply look like a good one is an error: a cut stream, a picture that is none, an error
inside a 200. Messages are predicates; whoever knows the endpoint names it.
Source: developers.openai.com, API reference, Chat; docs.gumloop.com and openrouter.ai for
`modalities`, `image_config`, `provider` and the `images` of a reply.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import assert_never
from urllib.parse import unquote_to_bytes

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    FinishReason,
    ImageUrl,
    Message,
    Part,
    Text,
    fold,
)
from flowrun.digest import MOST_VALUES, JsonValue, is_crowded
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.base import Wire
from flowrun.providers.openai_errors import error_of_body, error_of_response
from flowrun.providers.openai_usage import usage_of
from flowrun.providers.sse import EventParser
from flowrun.providers.wording import brief, brief_body

_OURS = frozenset(
    {"model", "messages", "stream", "stream_options", "response_format", "modalities"}
    | {"image_config", "provider", "tools", "tool_choice"}
)
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


class OpenAIDialect:
    """Requests and replies of `/chat/completions`.

    `mask` takes secrets out of what an error tells of a reply, before that is cut.
    """

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request as its body. Raises: Unsupported for an option that is not one."""
        _refuse_options(request.options)
        body: dict[str, JsonValue] = {
            "model": request.model,
            "messages": [_message(each) for each in request.messages],
            **request.options,
        }
        if request.response_format.kind != "text":
            body["response_format"] = request.response_format.as_json()
        if request.wants_image:
            body["modalities"] = list(request.modalities)
        if request.image_config:
            body["image_config"] = request.image_config
        if request.provider:
            body["provider"] = request.provider
        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return Wire("POST", "/chat/completions", text.encode("utf-8", "replace"))

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A whole body as a reply. Raises: ProviderError if it is none or holds an error."""
        if "event-stream" in content_type or body.lstrip()[:6].startswith((b"data:", b":")):
            return self._decode_stream(body)
        data = _parsed(body)
        if data is None:
            said = brief_body(body, content_type, mask=self._mask)
            raise Unavailable(f"gave a reply that is not JSON: {said}")
        decoder = self.decoder()
        deltas = decoder.read(data, is_whole=True)
        if not decoder.has_choice:
            raise Unavailable(
                f"gave a reply without an answer: {brief_body(body, mask=self._mask)}"
            )
        return fold(deltas)

    def _decode_stream(self, body: bytes) -> ChatReply:
        parser, decoder = EventParser(), self.decoder()
        events = [*parser.feed(body), *parser.finish()]
        deltas = [delta for event in events for delta in decoder.feed(event)]
        return fold([*deltas, *decoder.finish()])

    def decoder(self) -> ChunkDecoder:
        """A reader for one stream."""
        return ChunkDecoder(self._mask)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response."""
        return error_of_response(status, headers, body, now=now, mask=self._mask)

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list, OpenAI's or Gumloop's; each has at least `id`."""
        _refuse_crowd(body)
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


class ChunkDecoder:
    """Reads the chunks of one reply, whole replies among them; `mask` as in OpenAIDialect."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self.closed = False
        self.has_choice = False
        self._has_finish = False
        self._has_calls = False
        self._half = ""

    @property
    def complete(self) -> bool:
        """Whether the reply came to its end, though usage may follow."""
        return self._has_finish or self.closed

    def feed(self, data: str) -> list[Delta]:
        """What one event says. Raises: ProviderError if it reports an error."""
        text = data.strip()
        if not text or self.closed:
            return []
        if text.startswith("[DONE]"):
            self.closed = True
            return []
        chunk = _parsed(text)
        if chunk is None:
            said = brief(text, limit=80, mask=self._mask)
            raise Unavailable(f"sent an event that is not JSON: {said}")
        return self.read(chunk, is_whole=False)

    def finish(self) -> list[Delta]:
        """What is left at the end. Raises: Unavailable if the stream was cut."""
        if self._has_finish:
            return []
        if not (self.closed and self.has_choice):
            raise Unavailable("cut the stream before the reply was complete")
        return [Delta(text=_without_halves(self._half), finish_reason=self._end("stop"))]

    def read(self, chunk: Mapping[str, object], *, is_whole: bool) -> list[Delta]:
        """What one object says; a whole reply ends even where it does not say why."""
        if (error := error_of_body(chunk, mask=self._mask)) is not None:
            raise error
        usage = usage_of(chunk.get("usage"))
        model, identity = _text(chunk.get("model")), _text(chunk.get("id"))
        delta = Delta(usage=usage, model=model, id=identity)
        for choice in _items(chunk.get("choices")):
            if isinstance(choice, Mapping) and choice.get("index") in (None, 0):
                self.has_choice = True
                delta = self._with_choice(delta, choice, is_whole=is_whole)
                break
        return [] if delta == Delta() else [delta]

    def _with_choice(self, delta: Delta, choice: Mapping[str, object], *, is_whole: bool) -> Delta:
        said = choice.get("delta") or choice.get("message")
        message = said if isinstance(said, Mapping) else {}
        content = _content(message.get("content"))
        self._has_calls = self._has_calls or bool(
            message.get("tool_calls") or message.get("function_call")
        )
        finish = _text(choice.get("finish_reason")) or ("stop" if is_whole else "")
        reason = self._end(finish) if finish else None
        return Delta(
            text=self._joined(content.text, is_last=reason is not None),
            refusal=_without_halves(_text(message.get("refusal")) or content.refusal),
            reasoning=_without_halves(
                _text(message.get("reasoning"))
                or _text(message.get("reasoning_content"))
                or content.reasoning
            ),
            images=tuple(
                _image(each, self._mask)
                for each in (*content.images, *_items(message.get("images")))
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
        self._has_finish = True
        # Some say "stop" of a reply that calls tools; a cut one has cut calls, and stays cut.
        return "tool_calls" if known == "stop" and self._has_calls else known

    def _joined(self, text: str, *, is_last: bool) -> str:
        """The text with a character that was cut into two chunks put together."""
        if text.isascii() and not self._half:
            return text
        text, self._half = self._half + text, ""
        if not is_last and text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _without_halves(text)


class _Content:
    """What the `content` of a message holds, as text or in parts."""

    __slots__ = ("images", "reasoning", "refusal", "text")

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.refusal = ""
        self.images: list[object] = []

    def add(self, part: Mapping[str, object]) -> None:
        self.text += _text(part.get("text"))
        self.refusal += _text(part.get("refusal"))
        self.reasoning += _content(part.get("thinking")).text
        if "image_url" in part:
            self.images.append(part)


def _content(value: object) -> _Content:
    found = _Content()
    if isinstance(value, str):
        found.text = value
    for part in _items(value):
        if isinstance(part, Mapping):
            found.add(part)
    return found


def _refuse_options(options: Mapping[str, JsonValue]) -> None:
    ours = sorted(_OURS & options.keys())
    if ours:
        raise Unsupported(f'cannot take "{ours[0]}" as an option')
    if options.get("n", 1) != 1:
        raise Unsupported('cannot take "n": one request has one answer')


def _message(message: Message) -> dict[str, JsonValue]:
    if all(isinstance(part, Text) for part in message.parts):
        text = "".join(part.text for part in message.parts if isinstance(part, Text))
        return {"role": message.role, "content": text}
    return {"role": message.role, "content": [_part(part) for part in message.parts]}


def _part(part: Part) -> dict[str, JsonValue]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case ImageUrl(url):
            return {"type": "image_url", "image_url": {"url": url}}
        case Image():
            encoded = base64.b64encode(part.data).decode()
            url = f"data:{part.mime_type};base64,{encoded}"
            return {"type": "image_url", "image_url": {"url": url}}
        case _ as never:
            assert_never(never)


def _image(item: object, mask: Callable[[str], str]) -> Image:
    """The picture of one item of `images`. Raises: ProviderError if it is none."""
    held = item.get("image_url") if isinstance(item, Mapping) else None
    url = _text(held.get("url") if isinstance(held, Mapping) else held)
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


def _grouped(groups: object) -> list[Mapping[str, JsonValue]]:
    """Gumloop's list: groups of options, whose `value` is what a request names."""
    rows: list[Mapping[str, JsonValue]] = []
    for group in _items(groups):
        if not isinstance(group, Mapping):
            continue
        for option in _items(group.get("options")):
            if isinstance(option, dict) and (identity := _text(option.get("value"))):
                rows.append({**option, "id": identity, "group": _text(group.get("groupLabel"))})
    return rows


def _parsed(text: str | bytes) -> Mapping[str, object] | None:
    """The JSON object, None if it is none. Raises: ProviderError for too many values."""
    _refuse_crowd(text)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _refuse_crowd(text: str | bytes) -> None:
    if is_crowded(text):
        raise ProviderError(f"sent JSON with more than {MOST_VALUES:,} values")


def _without_halves(text: str) -> str:
    """The text with pairs of surrogates joined, and U+FFFD for a half that stands alone."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
