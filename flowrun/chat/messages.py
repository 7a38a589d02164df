"""The neutral conversation: parts, messages, request, reply, delta; fold(deltas) == reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Literal, TypeAlias, assert_never, get_args

from flowrun.chat.images import Image
from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import Unavailable

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
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
class ToolCall:
    """A model's wish to have a tool called; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as a model is told of it; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]

    def as_json(self) -> dict[str, JsonValue]:
        """The wire's own object (OpenAI chat completions)."""
        function: dict[str, JsonValue] = {"name": self.name, "parameters": self.parameters}
        if self.description:
            function["description"] = self.description
        return {"type": "function", "function": function}


Block: TypeAlias = Mapping[str, JsonValue]
"""What a provider wants back as it came, such as signed thoughts; `by` names its dialect.

Only that dialect makes and reads it. It may say where the texts and calls of the same turn
stood, but never holds them again.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    An assistant's turn may call tools; a tool's turn answers the call named `tool_call_id`.
    `blocks` are those of the reply that an assistant's turn repeats.
    """

    role: Role
    parts: tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    blocks: tuple[Block, ...] = ()


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
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None

    @property
    def wants_image(self) -> bool:
        """Whether an image is asked for."""
        return "image" in self.modalities

    @property
    def forced_tools(self) -> tuple[ToolDefinition, ...]:
        """The tools one of which must be called: all, the one that is named, or none."""
        match self.tool_choice:
            case "required":
                return self.tools
            case {"type": "function", "function": {"name": name}}:
                return tuple(each for each in self.tools if each.name == name)
            case _:
                return ()

    @property
    def free_tools(self) -> tuple[ToolDefinition, ...]:
        """The tools that may be called, or not."""
        is_free = self.tool_choice is None or self.tool_choice == "auto"
        return self.tools if is_free else ()

    def images(self) -> tuple[Image, ...]:
        """The images among the messages, in order."""
        return tuple(
            part for message in self.messages for part in message.parts if isinstance(part, Image)
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Plain data with images by digest: what a key is made of and a record shows."""
        tools: dict[str, JsonValue] = {}
        if self.tools:
            tools = {
                "tools": [each.as_json() for each in self.tools],
                "tool_choice": self.tool_choice,
                "parallel_tool_calls": self.parallel_tool_calls,
            }
        return {
            **tools,
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
    found: dict[str, JsonValue] = {"role": message.role, "parts": parts}
    if message.tool_calls:
        found["tool_calls"] = [
            {"id": each.id, "name": each.name, "arguments": each.arguments}
            for each in message.tool_calls
        ]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    if message.blocks:
        found["blocks"] = list(message.blocks)
    return found


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a model answered; `model` is the name it was served under.

    `blocks` go into the assistant's turn that repeats the reply.
    """

    text: str
    finish_reason: FinishReason
    model: str
    usage: Usage | None = None
    images: tuple[Image, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    id: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """A piece of a tool call as it streams in; pieces with one `index` are one call.

    The id and the name come whole, the arguments bit by bit.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


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
    tool_calls: tuple[ToolCallPiece, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def has_content(self) -> bool:
        """Whether it brings something of the answer, and not only what the answer is called."""
        return bool(self.text or self.refusal or self.reasoning or self.images or self.tool_calls)


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
        tool_calls=_whole_calls(piece for each in seen for piece in each.tool_calls),
        blocks=tuple(block for each in seen for block in each.blocks),
    )


def _whole_calls(pieces: Iterable[ToolCallPiece]) -> tuple[ToolCall, ...]:
    found: dict[int, list[ToolCallPiece]] = {}
    for each in pieces:
        found.setdefault(each.index, []).append(each)
    return tuple(
        ToolCall(
            next((each.id for each in call if each.id), ""),
            next((each.name for each in call if each.name), ""),
            "".join(each.arguments for each in call),
        )
        for _, call in sorted(found.items())
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
        tool_calls=tuple(
            ToolCallPiece(index, each.id, each.name, each.arguments)
            for index, each in enumerate(reply.tool_calls)
        ),
        blocks=reply.blocks,
    )
