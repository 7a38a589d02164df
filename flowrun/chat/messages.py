"""The neutral conversation: parts, messages, request, reply, delta; fold(deltas) == reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never, get_args

from flowrun.chat.images import Image
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.errors import Unavailable

Role: TypeAlias = Literal["system", "user", "assistant"]
FinishReason: TypeAlias = Literal["stop", "length", "content_filter", "tool_calls"]
FINISH_REASONS: frozenset[str] = frozenset(get_args(FinishReason))


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text inside a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """An image that the provider itself fetches."""

    url: str


Part: TypeAlias = Text | Image | ImageUrl


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form that a reply is to have.

    `schema` stands only with `json_schema`; `strict` asks the provider to enforce it.
    """

    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str = ""
    schema: Mapping[str, JsonValue] | None = None
    strict: bool = True

    def as_json(self) -> dict[str, JsonValue]:
        """The wire's own object (OpenAI chat completions)."""
        if self.kind != "json_schema":
            return {"type": self.kind}
        return {
            "type": "json_schema",
            "json_schema": {"name": self.name, "strict": self.strict, "schema": self.schema},
        }


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of a model.

    `model` is the name that the endpoint itself uses. `options` holds sampling options under
    their wire names (`temperature`, `top_p`, `seed`, `max_completion_tokens`, `stop`, ...); a
    dialect maps each of them or refuses the request.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    modalities: tuple[str, ...] = ("text",)
    image_config: Mapping[str, JsonValue] = field(default_factory=dict)
    provider: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def wants_image(self) -> bool:
        """Whether an image is asked for."""
        return "image" in self.modalities

    def images(self) -> tuple[Image, ...]:
        """The images among the messages, in order."""
        return tuple(
            part for message in self.messages for part in message.parts if isinstance(part, Image)
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Plain data with images by digest: what a key is made of and a record shows."""
        return {
            "model": self.model,
            "messages": [_message_json(message) for message in self.messages],
            "options": dict(self.options),
            "response_format": self.response_format.as_json(),
            "modalities": list(self.modalities),
            "image_config": dict(self.image_config),
            "provider": dict(self.provider),
        }


def _message_json(message: Message) -> dict[str, JsonValue]:
    parts: list[JsonValue] = []
    for part in message.parts:
        match part:
            case Text(text):
                parts.append({"text": text})
            case Image():
                parts.append({"image": part.sha256})
            case ImageUrl(url):
                parts.append({"image_url": url})
            case _ as never:
                assert_never(never)
    return {"role": message.role, "parts": parts}


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a model answered; `model` is the name it was served under."""

    text: str
    finish_reason: FinishReason
    model: str
    usage: Usage | None = None
    images: tuple[Image, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it streams in; whatever it does not bring is empty.

    `images` are whole frames; an earlier frame is progress, the last one is the picture.
    `restart` says that the reply begins again: what came before it is void.
    """

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    images: tuple[Image, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str = ""
    id: str = ""
    restart: bool = False


def fold(deltas: Iterable[Delta]) -> ChatReply:
    """The reply that the deltas add up to, from the last restart on.

    Raises: Unavailable if the stream ended without a finish reason: it was cut.
    """
    seen: list[Delta] = []
    for each in deltas:
        if each.restart:
            seen.clear()
        seen.append(each)
    finish = next((each.finish_reason for each in reversed(seen) if each.finish_reason), None)
    if finish is None:
        raise Unavailable("the stream ended before the reply was complete")
    return ChatReply(
        text="".join(each.text for each in seen),
        finish_reason=finish,
        model=next((each.model for each in reversed(seen) if each.model), ""),
        usage=next((each.usage for each in reversed(seen) if each.usage), None),
        images=tuple(image for each in seen for image in each.images),
        refusal="".join(each.refusal for each in seen),
        reasoning="".join(each.reasoning for each in seen),
        id=next((each.id for each in seen if each.id), ""),
    )


def unfold(reply: ChatReply) -> Delta:
    """A whole reply as the only delta of its stream: `fold([unfold(reply)]) == reply`."""
    return Delta(
        text=reply.text,
        refusal=reply.refusal,
        reasoning=reply.reasoning,
        images=reply.images,
        finish_reason=reply.finish_reason,
        usage=reply.usage,
        model=reply.model,
        id=reply.id,
    )
