"""The language as pydantic models: what each key may hold, and the JSON Schema for editors.

Source: the language reference, sections 2 to 7. What templates may name is `check`'s
work. Importing this file costs more than a whole small run, so only `structure` and the
`schema` command do, and a file known to be sound is not put through it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from flowrun.document.spec_chat import Asking, MessageSpec, WireFormat
from flowrun.document.spec_tools import ToolSpec
from flowrun.document.spec_values import (
    ABSENT,
    Data,
    Expression,
    FileText,
    Filled,
    Literally,
    MappingText,
    Model,
    Name,
    NotEmpty,
    Request,
    TemplateText,
)


class RepeatSpec(Model):
    """When a step is done again, and how often at most."""

    until: Expression | bool = Field(
        description="Ends it when it holds of a round; the step's own name is the round's output.",
        examples=["judgement.score >= 8"],
    )
    max: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="So many rounds at most.", examples=[4]
    )


class BudgetSpec(Model):
    """How much may be spent; the worst case is reserved before a request is sent."""

    usd: Annotated[float, Field(gt=0)] = Field(description="US dollars at most.", examples=[0.1])


class Step(Asking):
    """One step; it has exactly one of prompt, messages, call, value, uses and steps."""

    description: str | None = Field(
        None, description="For people.", examples=["The hero picture of the page."]
    )
    prompt: Request = Field(
        ABSENT,
        description="Asks a model; images become image parts.",
        examples=["Describe {{ hero }} in one sentence."],
    )
    messages: Annotated[list[MessageSpec], Field(min_length=1)] | Filled = Field(
        ABSENT,
        description="Asks a model: a whole conversation, or a template that gives one.",
        examples=[[{"role": "user", "content": "Say hello."}]],
    )
    call: Literally = Field(
        ABSENT,
        description="Calls a tool without a model; docs.search is one tool of docs.",
        examples=["search"],
    )
    value: Data | None = Field(
        None,
        description="Computes data or text here, without a model.",
        examples=["{{ brief.benefits | length }}"],
    )
    uses: Literally = Field(
        ABSENT, description="Runs another pipeline file.", examples=["./review.yaml"]
    )
    with_: dict[str, Data] | MappingText = Field(
        ABSENT,
        alias="with",
        description="What the tool or the other pipeline is given, by name; a call also takes a "
        "template that gives an object.",
        examples=[{"query": "{{ inputs.question }}"}],
    )
    steps: dict[Name, Step] = Field(
        ABSENT,
        description="A block: steps with a scope of their own, which also sees the outer one.",
        examples=[{"draft": {"prompt": "Write a slogan."}}],
    )
    output: Data | None = Field(
        None,
        description="What a block gives; without it, all its steps' outputs by name.",
        examples=["{{ draft }}"],
    )
    response_format: str | WireFormat = Field(
        ABSENT,
        description="The name of an entry of `schemas`, or the wire's object.",
        examples=["brief"],
    )
    modalities: Annotated[list[Literal["text", "image"]], Field(min_length=1)] = Field(
        ABSENT,
        description="[image] asks for a picture.",
        examples=[["image"]],
        json_schema_extra={"default": ["text"]},
    )
    image_config: dict[str, Data] = Field(
        ABSENT,
        description="aspect_ratio, size, quality, background, output_format, ...",
        examples=[{"aspect_ratio": "16:9"}],
    )
    needs: list[str] = Field(
        ABSENT,
        description="Steps that come first though no template names them.",
        examples=[["brief"]],
    )
    if_: Expression | bool = Field(
        ABSENT,
        alias="if",
        description="Unless it holds the step is skipped; with foreach it is asked of each item.",
        examples=["triage.tool == 'refund'"],
        json_schema_extra={"default": True},
    )
    foreach: Expression | Annotated[dict[Name, Expression], Field(min_length=1)] = Field(
        ABSENT,
        description="Once for each element, in parallel; the output is a list. A mapping gives "
        "every combination, the last name fastest.",
        examples=["inputs.languages"],
    )
    as_: Name = Field(
        ABSENT,
        alias="as",
        description="The loop variable's name.",
        examples=["language"],
        json_schema_extra={"default": "item"},
    )
    repeat: RepeatSpec = Field(
        ABSENT,
        description="Again until an expression holds; the output is the last round's. Templates "
        "also see previous (the last output), rounds (all so far) and round (from 1).",
        examples=[{"until": "round == 3", "max": 4}],
    )
    samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        ABSENT,
        description="So many independent answers to one request; the output is a list.",
        examples=[5],
    )
    expect: Expression | list[Expression] = Field(
        ABSENT,
        description="Must hold of the step's own output, named as later steps name it; what does "
        "not is sent back within repair, then fails the step.",
        examples=[["brief.headline | length < 60"]],
    )
    on_error: Literal["fail", "ignore"] = Field(
        ABSENT,
        description="After ignore a failed step gives null, and the run goes on as partial.",
        json_schema_extra={"default": "fail"},
    )
    budget: BudgetSpec = Field(
        ABSENT,
        description="What the step may spend, with its items and rounds and all that is inside.",
        examples=[{"usd": 0.1}],
    )


class OutputForm(Model):
    """An output with its file, or one file for each element."""

    value: Data = Field(
        description="A template, or data with templates in it.", examples=["# {{ brief.headline }}"]
    )
    file: TemplateText = Field(
        ABSENT,
        description="A path under the output folder.",
        examples=["{{ inputs.product | slug }}.md"],
    )
    foreach: Expression = Field(
        ABSENT, description="One file for each element.", examples=["brief.benefits"]
    )
    as_: Name = Field(
        ABSENT,
        alias="as",
        description="The loop variable's name.",
        examples=["benefit"],
        json_schema_extra={"default": "item"},
    )


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
    ) = Field(
        ABSENT,
        description="A JSON type, or image or file, which take a path.",
        examples=["string"],
    )
    description: str | None = Field(
        None, description="For people.", examples=["What is advertised."]
    )
    default: Data = Field(
        None,
        description="Taken when none is given; without it: required.",
        examples=["a bike lamp"],
    )


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

    name: NotEmpty | None = Field(
        None,
        description="The pipeline's name; the file's own without one.",
        examples=["product-page"],
    )
    description: str | None = Field(
        None, description="For people.", examples=["Copy and a picture for one product."]
    )
    inputs: dict[Name, InputSpec] = Field(
        {}, description="What a run is given.", examples=[{"product": {"type": "string"}}]
    )
    schemas: dict[Name, SchemaSpec] = Field(
        {},
        description="JSON Schemas by name, here or in a file.",
        examples=[{"brief": {"file": "brief.schema.json"}}],
    )
    tools: dict[Name, ToolSpec] = Field(
        {},
        description="What models and steps may call.",
        examples=[{"search": {"python": "shop.search:find"}}],
    )
    defaults: Asking | None = Field(
        None,
        description="For every step that asks a model, at any depth.",
        examples=[{"model": "fastest"}],
    )
    steps: dict[Name, Step] = Field(
        description="The steps, in any order.", examples=[{"greet": {"prompt": "Say hello."}}]
    )
    outputs: dict[Name, OutputSpec] = Field(
        {}, description="What a run gives.", examples=[{"page": "{{ brief.headline }}"}]
    )
    budget: BudgetSpec = Field(
        ABSENT, description="What a whole run may spend.", examples=[{"usd": 2}]
    )


class _InOrder(GenerateJsonSchema):
    """Leaves everything in the order of the models: examples are read by people."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value


def editor_schema() -> Mapping[str, JsonValue]:
    """The JSON Schema of a pipeline file, with `x-` keys allowed at every level."""
    schema = Pipeline.model_json_schema(by_alias=True, schema_generator=_InOrder)
    parts = schema["$defs"]
    for part in [schema, *parts.values()]:
        if part.get("additionalProperties") is False:
            part["patternProperties"] = {"^x-": {}}
        for key in part.get("properties", {}).values():
            if key.get("default", 0) in (None, {}):
                del key["default"]  # Where nothing is said there is no such default.
    for entries in [*schema["properties"].values(), parts["Step"]["properties"]["steps"]]:
        if "patternProperties" in entries:
            entries["patternProperties"]["^x-"] = {}
            entries["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
