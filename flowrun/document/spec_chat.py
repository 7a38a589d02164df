"""What goes to a model, as pydantic models: messages, formats, options and how it is asked.

Source: the language reference, sections 2 to 5; OpenAI's chat completions for names and shapes.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from flowrun.document.spec_values import (
    Data,
    Duration,
    Filled,
    Literally,
    Model,
    NumberText,
    Prose,
    TemplateText,
    pattern,
)
from flowrun.document.vocabulary import WIRE_NAME


def _wire_name(text: str) -> str:
    if not WIRE_NAME.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, _ or -")
    return text


def _once(names: list[str]) -> list[str]:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PydanticCustomError("twice", "names {name} twice", {"name": name})
    return names


class TextPart(Model):
    """Text inside a message."""

    type: Literal["text"] = Field(description="What kind of part it is.")
    text: TemplateText = Field(
        description="The text; images in it become parts of their own.",
        examples=["Is {{ hero }} the right picture?"],
    )


class ImageReference(Model):
    """Where an image is, as on the wire."""

    url: TemplateText = Field(
        description="An address, or a template that gives an image.", examples=["{{ hero }}"]
    )


class ImagePart(Model):
    """An image inside a message: an address, or a template that gives an image."""

    type: Literal["image_url"] = Field(description="What kind of part it is.")
    image_url: ImageReference = Field(
        description="Where the image is.", examples=[{"url": "{{ hero }}"}]
    )


def _part_kind(value: object) -> str | None:
    kinds = {"text": "a text part", "image_url": "an image part"}
    kind = value.get("type") if isinstance(value, dict) else None
    return kinds.get(kind) if isinstance(kind, str) else None


# Tags with blanks: an error's location names them, and no key of a file looks like them.
PartSpec: TypeAlias = Annotated[
    Annotated[TextPart, Tag("a text part")] | Annotated[ImagePart, Tag("an image part")],
    Discriminator(_part_kind),
]


class MessageSpec(Model):
    """One turn of the conversation, as on the wire."""

    role: Literal["system", "user", "assistant"] = Field(description="Who speaks.")
    content: TemplateText | list[PartSpec] = Field(
        description="Text, in which images may stand, or a list of parts.",
        examples=["Describe {{ hero }}"],
    )


class JsonSchemaFormat(Model):
    """A named schema, as on the wire."""

    name: Annotated[str, AfterValidator(_wire_name), pattern(WIRE_NAME, "name")] = Field(
        description="What the provider calls the schema.", examples=["brief"]
    )
    schema_: dict[str, Data] = Field(
        alias="schema", description="A JSON Schema.", examples=[{"type": "object"}]
    )
    strict: bool = Field(True, description="Whether the provider enforces it.")
    description: str | None = Field(
        None, description="What the data is, for the model.", examples=["A brief for an advert."]
    )


class WireFormat(Model):
    """The wire's own `response_format` object."""

    type: Literal["text", "json_object", "json_schema"] = Field(description="What is asked for.")
    json_schema: JsonSchemaFormat | None = Field(
        None,
        description="The schema, for the type json_schema.",
        examples=[{"name": "brief", "schema": {"type": "object"}}],
    )


class NamedFunction(Model):
    """A tool by its name, as on the wire."""

    name: Literally = Field(description="The tool's name.", examples=["search"])


class ToolChoice(Model):
    """The wire's own way to force one tool."""

    type: Literal["function"] = Field(description="What is forced.")
    function: NamedFunction = Field(description="Which one.", examples=[{"name": "search"}])


class Options(Model):
    """What goes over the wire beside the messages, under the wire's own names."""

    temperature: Annotated[float, Field(ge=0, le=2)] | NumberText | None = Field(
        None, description="0 (the likeliest words) to 2 (the wildest).", examples=[0.2]
    )
    top_p: Annotated[float, Field(ge=0, le=1)] | NumberText | None = Field(
        None, description="Words are drawn from this share of the probability.", examples=[0.9]
    )
    top_k: Annotated[int, Field(ge=0)] | NumberText | None = Field(
        None, description="Words are drawn from this many likeliest ones.", examples=[40]
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | NumberText | None = Field(
        None, description="The reply's length at most, in tokens.", examples=[500]
    )
    max_tokens: Annotated[int, Field(ge=1)] | NumberText | None = Field(
        None, description="The older name of max_completion_tokens.", examples=[500]
    )
    seed: int | NumberText | None = Field(
        None, description="Asks for the same answer to the same request.", examples=[7]
    )
    stop: TemplateText | Annotated[list[TemplateText], Field(max_length=4)] | None = Field(
        None, description="Text at which the reply ends; up to four.", examples=[["END"]]
    )
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | NumberText | None = Field(
        None, description="-2 to 2: makes words that came often less likely.", examples=[0.5]
    )
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | NumberText | None = Field(
        None, description="-2 to 2: makes words that came at all less likely.", examples=[0.5]
    )
    repetition_penalty: Annotated[float, Field(gt=0, le=2)] | NumberText | None = Field(
        None,
        description="Above 1 makes repetition less likely, where a provider has it.",
        examples=[1.1],
    )
    logit_bias: dict[str, float] | None = Field(
        None, description="Token id to bias, -100 to 100.", examples=[{"50256": -100}]
    )
    reasoning_effort: TemplateText | None = Field(
        None, description="none, minimal, low, medium, high, xhigh or max.", examples=["low"]
    )
    reasoning: dict[str, Data] | None = Field(
        None, description="OpenRouter's reasoning object.", examples=[{"max_tokens": 2000}]
    )
    verbosity: TemplateText | None = Field(
        None, description="low, medium or high.", examples=["low"]
    )
    service_tier: TemplateText | None = Field(
        None, description="The provider's service tier.", examples=["flex"]
    )
    metadata: dict[str, TemplateText] | None = Field(
        None, description="Up to 16 pairs of text.", examples=[{"team": "shop"}]
    )
    user: TemplateText | None = Field(
        None, description="An end user's opaque name.", examples=["u-17"]
    )
    prompt_cache_key: TemplateText | None = Field(
        None,
        description="Requests with one key share the provider's prompt cache.",
        examples=["shop"],
    )


class Asking(Options):
    """What a step may say of how a model is asked, and what `defaults` may say for all steps."""

    model: Filled | None = Field(
        None,
        description="provider/model, a slug, a preset (fastest, smartest, ...) or an alias.",
        examples=["fastest"],
        json_schema_extra={"default": "recommended"},
    )
    system: Prose | None = Field(
        None, description="The system prompt.", examples=["You write product copy."]
    )
    provider: dict[str, Data] | None = Field(
        None,
        description="Provider routing, as OpenRouter and Gumloop take it.",
        examples=[{"order": ["anthropic"]}],
    )
    retry: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None,
        description="How often a transport fault, 408, 429 or 5xx is tried again.",
        examples=[2],
        json_schema_extra={"default": 4},
    )
    repair: Annotated[int, Field(ge=0, le=20)] | None = Field(
        None,
        description="How often a faulty reply is sent back with what is wrong.",
        examples=[2],
        json_schema_extra={"default": 1},
    )
    fallback: list[TemplateText] | None = Field(
        None,
        description="Models tried in order when one is unavailable or refuses the request's shape.",
        examples=[["smartest", "auto"]],
    )
    timeout: Duration | None = Field(
        None, description="Of the whole step: 500ms, 90s, 5m, 1h.", examples=["90s"]
    )
    cache: bool | None = Field(
        None,
        description="false: never reuse an answer.",
        examples=[False],
        json_schema_extra={"default": True},
    )
    tools: Annotated[list[Literally], AfterValidator(_once)] | None = Field(
        None,
        description="Tools that the model may call, by name; docs.search is one tool of docs.",
        examples=[["search", "refund"]],
    )
    tool_choice: Literally | ToolChoice | None = Field(
        None,
        description="auto, none, required, or the name of a tool; it holds for the first turn.",
        examples=["required"],
    )
    parallel_tool_calls: bool | None = Field(
        None, description="Whether the model may call several tools at once.", examples=[False]
    )
    max_turns: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None,
        description="How many replies may call tools.",
        examples=[3],
        json_schema_extra={"default": 8},
    )
