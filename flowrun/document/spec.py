"""The language as pydantic models: what each key may hold, and the JSON Schema for editors.

Source: the language reference, sections 2, 3, 6 and 7. What templates may name is `check`'s
work. Importing this file costs more than a whole small run, so only `structure` and the
`schema` command do, and a file known to be sound is not put through it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from flowrun.document.vocabulary import IDENTIFIER, WIRE_NAME, seconds


def _duration(value: JsonValue) -> JsonValue:
    seconds(value if isinstance(value, str) else "")
    return value


def _not_empty(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    return text


def _computed(text: str) -> str:
    if "{{" not in text and "{%" not in text:
        raise ValueError("must be a number, or a template that gives one")
    return text


def _wire_name(text: str) -> str:
    if not WIRE_NAME.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, _ or -")
    return text


TemplateText: TypeAlias = Annotated[str, Field(description="Text with Jinja templates.")]
NumberText: TypeAlias = Annotated[
    str, AfterValidator(_computed), Field(description="A template that gives a number.")
]
Expression: TypeAlias = Annotated[
    str,
    AfterValidator(_not_empty),
    Field(description="A bare Jinja expression, without braces."),
]
Duration: TypeAlias = Annotated[
    JsonValue, AfterValidator(_duration), WithJsonSchema({"type": "string"})
]
# JSON Schema's expressions are JavaScript's: they fit anywhere, and know no \Z.
_NAME = IDENTIFIER.pattern.replace(r"\Z", "$")
Name: TypeAlias = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{_NAME}"})]


class Model(BaseModel):
    """What every part of the language shares: frozen, and no key beyond its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class FileText(Model):
    """Text that stands in a file of its own, under the pipeline's folder."""

    file: str = Field(description="A path under the pipeline's folder.")


_ABSENT: Any = None  # pydantic leaves defaults unchecked, so no key with nothing behind it fits
Data: TypeAlias = JsonValue
Prose: TypeAlias = TemplateText | FileText
Filled: TypeAlias = Annotated[TemplateText, AfterValidator(_not_empty)]
Request: TypeAlias = Filled | FileText


class TextPart(Model):
    """Text inside a message."""

    type: Literal["text"]
    text: TemplateText


class ImageReference(Model):
    """Where an image is, as on the wire."""

    url: TemplateText


class ImagePart(Model):
    """An image inside a message: an address, or a template that gives an image."""

    type: Literal["image_url"]
    image_url: ImageReference


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

    role: Literal["system", "user", "assistant"]
    content: TemplateText | list[PartSpec]


class JsonSchemaFormat(Model):
    """A named schema, as on the wire."""

    name: Annotated[
        str,
        AfterValidator(_wire_name),
        WithJsonSchema({"type": "string", "pattern": WIRE_NAME.pattern}),
    ]
    schema_: dict[str, Data] = Field(alias="schema")
    strict: bool = True
    description: str | None = None


class WireFormat(Model):
    """The wire's own `response_format` object."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class Options(Model):
    """What goes over the wire beside the messages, under the wire's own names."""

    temperature: Annotated[float, Field(ge=0, le=2)] | NumberText | None = Field(
        None, description="0 (the likeliest words) to 2 (the wildest)."
    )
    top_p: Annotated[float, Field(ge=0, le=1)] | NumberText | None = Field(
        None, description="Words are drawn from this share of the probability."
    )
    top_k: Annotated[int, Field(ge=0)] | NumberText | None = Field(
        None, description="Words are drawn from this many likeliest ones."
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | NumberText | None = Field(
        None, description="The reply's length at most, in tokens."
    )
    max_tokens: Annotated[int, Field(ge=1)] | NumberText | None = Field(
        None, description="The older name of max_completion_tokens."
    )
    seed: int | NumberText | None = Field(
        None, description="Asks for the same answer to the same request."
    )
    stop: TemplateText | Annotated[list[TemplateText], Field(max_length=4)] | None = Field(
        None, description="Text at which the reply ends; up to four."
    )
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | NumberText | None = Field(
        None, description="-2 to 2: makes words that came often less likely."
    )
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | NumberText | None = Field(
        None, description="-2 to 2: makes words that came at all less likely."
    )
    repetition_penalty: Annotated[float, Field(gt=0, le=2)] | NumberText | None = Field(
        None, description="Above 1 makes repetition less likely, where a provider has it."
    )
    logit_bias: dict[str, float] | None = Field(None, description="Token id to bias, -100 to 100.")
    reasoning_effort: TemplateText | None = Field(
        None, description="none, minimal, low, medium, high, xhigh or max."
    )
    reasoning: dict[str, Data] | None = Field(None, description="OpenRouter's reasoning object.")
    verbosity: TemplateText | None = Field(None, description="low, medium or high.")
    service_tier: TemplateText | None = Field(None, description="The provider's service tier.")
    metadata: dict[str, TemplateText] | None = Field(None, description="Up to 16 pairs of text.")
    user: TemplateText | None = Field(None, description="An end user's opaque name.")
    prompt_cache_key: TemplateText | None = Field(
        None, description="Requests with one key share the provider's prompt cache."
    )


class Asking(Options):
    """What a step may say of how a model is asked, and what `defaults` may say for all steps."""

    model: Filled | None = Field(
        None, description="provider/model, a slug, a preset (fastest, smartest, ...) or an alias."
    )
    system: Prose | None = Field(None, description="The system prompt.")
    provider: dict[str, Data] | None = Field(
        None, description="Provider routing, as OpenRouter and Gumloop take it."
    )
    retry: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="How often a transport fault, 408, 429 or 5xx is tried again (4)."
    )
    repair: Annotated[int, Field(ge=0, le=20)] | None = Field(
        None, description="How often a faulty reply is sent back with what is wrong (1)."
    )
    fallback: list[TemplateText] | None = Field(
        None, description="Models tried in order when one is unavailable."
    )
    timeout: Duration | None = Field(None, description="Of the whole step: 500ms, 90s, 5m, 1h.")
    cache: bool | None = Field(None, description="false: never reuse an answer.")


class Step(Asking):
    """One step; it has exactly one of prompt, messages and value."""

    description: str | None = Field(None, description="For people.")
    prompt: Request = Field(_ABSENT, description="Asks a model; images become image parts.")
    messages: Annotated[list[MessageSpec], Field(min_length=1)] | Filled = Field(
        _ABSENT, description="Asks a model: a whole conversation, or a template that gives one."
    )
    value: Data | None = Field(None, description="Computes data or text here, without a model.")
    response_format: str | WireFormat = Field(
        _ABSENT, description="The name of an entry of `schemas`, or the wire's object."
    )
    modalities: Annotated[list[Literal["text", "image"]], Field(min_length=1)] = Field(
        _ABSENT, description="[image] asks for a picture."
    )
    image_config: dict[str, Data] = Field(
        _ABSENT, description="aspect_ratio, size, quality, background, output_format, ..."
    )
    needs: list[str] = Field(
        _ABSENT, description="Steps that come first though no template names them."
    )
    if_: Expression | bool = Field(_ABSENT, alias="if", description="False: skipped.")
    foreach: Expression | Annotated[dict[Name, Expression], Field(min_length=1)] = Field(
        _ABSENT, description="Once for each element, in parallel; the output is a list."
    )
    as_: Name = Field(_ABSENT, alias="as", description="The loop variable's name (item).")
    samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        _ABSENT, description="So many independent answers to one request; the output is a list."
    )
    expect: Expression | list[Expression] = Field(
        _ABSENT, description="Must hold of the step's own output."
    )
    on_error: Literal["fail", "ignore"] = Field(
        _ABSENT, description="ignore: the value is null and the run goes on as partial."
    )


class OutputForm(Model):
    """An output with its file, or one file for each element."""

    value: Data = Field(description="A template, or data with templates in it.")
    file: TemplateText = Field(_ABSENT, description="A path under the output folder.")
    foreach: Expression = Field(_ABSENT, description="One file for each element.")
    as_: Name = Field(_ABSENT, alias="as", description="The loop variable's name (item).")


def _output_form(value: object) -> str:
    """Whether an output is the form with a value and a file, or plain data."""
    is_form = isinstance(value, dict) and (
        "value" in value or "file" in value or (value and value.keys() <= {"foreach", "as"})
    )
    return "a form" if is_form else "plain data"


_FORM_KEYS: JsonValue = ["file", "foreach", "as"]
_NO_FORM: dict[str, JsonValue] = {
    "not": {
        "type": "object",
        "minProperties": 1,
        "anyOf": [{"required": ["value"]}, {"propertyNames": {"enum": _FORM_KEYS}}],
    }
}
OutputSpec: TypeAlias = Annotated[
    Annotated[OutputForm, Tag("a form")]
    | Annotated[Data, Tag("plain data"), WithJsonSchema(_NO_FORM)],
    Discriminator(_output_form),
]


class InputSpec(BaseModel):
    """A JSON Schema fragment with a default; `image` and `file` take a path."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    type: (
        Literal[
            "string", "integer", "number", "boolean", "array", "object", "null", "image", "file"
        ]
        | list[str]
    ) = Field(_ABSENT, description="A JSON type, or image or file, which take a path.")
    description: str | None = Field(None, description="For people.")
    default: Data = Field(None, description="Taken when none is given; without it: required.")


def _schema_form(value: object) -> str:
    """Whether a schema stands in a file of its own."""
    return "a file" if isinstance(value, dict) and "file" in value else "a schema"


SchemaSpec: TypeAlias = Annotated[
    Annotated[FileText, Tag("a file")]
    | Annotated[
        dict[str, Data],
        Tag("a schema"),
        WithJsonSchema({"type": "object", "not": {"required": ["file"]}}),
    ],
    Discriminator(_schema_form),
]


class Pipeline(Model):
    """A pipeline file."""

    name: Annotated[str, AfterValidator(_not_empty)] | None = Field(
        None, description="The pipeline's name; the file's own without one."
    )
    description: str | None = Field(None, description="For people.")
    inputs: dict[Name, InputSpec] = Field({}, description="What a run is given.")
    schemas: dict[Name, SchemaSpec] = Field(
        {}, description="JSON Schemas by name, here or in a file."
    )
    defaults: Asking | None = Field(None, description="For every step that asks a model.")
    steps: dict[Name, Step] = Field(description="The steps, in any order.")
    outputs: dict[Name, OutputSpec] = Field({}, description="What a run gives.")


def editor_schema() -> Mapping[str, JsonValue]:
    """The JSON Schema of a pipeline file, with `x-` keys allowed at every level."""
    schema = Pipeline.model_json_schema(by_alias=True)
    for part in [schema, *schema.get("$defs", {}).values()]:
        if part.get("additionalProperties") is False:
            part["patternProperties"] = {"^x-": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
