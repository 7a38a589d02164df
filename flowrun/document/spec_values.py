"""The kinds of values that keys of the language hold: text, templates, names, durations."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from flowrun.document.vocabulary import IDENTIFIER, PYTHON_NAME, TOKEN, seconds


class Model(BaseModel):
    """What every part of the language shares: frozen, and no key beyond its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def is_template(text: str) -> bool:
    """Whether anything in the text is filled in."""
    return "{{" in text or "{%" in text


def _duration(value: JsonValue) -> JsonValue:
    seconds(value if isinstance(value, str) else "")
    return value


def _not_empty(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    return text


def _literal(text: str) -> str:
    if is_template(text):
        raise PydanticCustomError("literal", "must be written out")
    return _not_empty(text)


def _number(text: str) -> str:
    if not is_template(text):
        raise ValueError("must be a number, or a template that gives one")
    return text


def _list(text: str) -> str:
    if not is_template(text):
        raise ValueError("must be a template that gives a list")
    return text


def _mapping(text: str) -> str:
    if not is_template(text):
        raise ValueError("must be a mapping, or a template that gives one")
    return text


def _python_name(text: str) -> str:
    if not PYTHON_NAME.match(text):
        raise PydanticCustomError("python_name", "must name a function")
    return text


def _variable(text: str) -> str:
    if not IDENTIFIER.match(text):
        raise PydanticCustomError("variable", "must name an environment variable")
    return text


def _header(text: str) -> str:
    if not TOKEN.match(text):
        raise PydanticCustomError("header", "must name a header")
    return text


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return text


def _query_value(value: JsonValue) -> JsonValue:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, str | int | float):
            raise ValueError("must be text, a number, true or false, or a list of them")
    return value


def pattern(expression: re.Pattern[str], title: str) -> WithJsonSchema:
    """Text of that form, for editors; `title` is what they call it.

    JSON Schema's expressions are JavaScript's: they fit anywhere, and know no \\Z.
    """
    text = expression.pattern.removeprefix("^").replace(r"\Z", "$")
    return WithJsonSchema({"type": "string", "pattern": f"^{text}", "title": title})


_DURATION = r"^\d+(\.\d+)?(ms|s|m|h)$"
ABSENT: Any = None
"""For keys that may be missing; as pydantic leaves defaults unchecked, null does not fit them."""

Data: TypeAlias = JsonValue
TemplateText: TypeAlias = Annotated[
    str, Field(title="template", description="Text with Jinja templates.")
]
NumberText: TypeAlias = Annotated[
    str,
    AfterValidator(_number),
    Field(title="number template", description="A template that gives a number."),
]
ListText: TypeAlias = Annotated[
    str,
    AfterValidator(_list),
    Field(title="list template", description="A template that gives a list."),
]
MappingText: TypeAlias = Annotated[
    str,
    AfterValidator(_mapping),
    Field(title="mapping template", description="A template that gives a mapping."),
]
Expression: TypeAlias = Annotated[
    str,
    AfterValidator(_not_empty),
    Field(title="expression", description="A bare Jinja expression, without braces."),
]
NotEmpty: TypeAlias = Annotated[str, AfterValidator(_not_empty)]
Filled: TypeAlias = Annotated[TemplateText, AfterValidator(_not_empty)]
Literally: TypeAlias = Annotated[
    str,
    AfterValidator(_literal),
    Field(title="plain text", description="Text that is written out: no template."),
]
Duration: TypeAlias = Annotated[
    JsonValue,
    AfterValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "title": "duration"}),
]
Name: TypeAlias = Annotated[str, pattern(IDENTIFIER, "name")]
PythonName: TypeAlias = Annotated[
    str, AfterValidator(_python_name), pattern(PYTHON_NAME, "module:function")
]
Variable: TypeAlias = Annotated[
    str, AfterValidator(_variable), pattern(IDENTIFIER, "environment variable")
]
Header: TypeAlias = Annotated[str, AfterValidator(_header), pattern(TOKEN, "header")]
Address: TypeAlias = Annotated[
    str,
    AfterValidator(_literal),
    AfterValidator(_address),
    pattern(re.compile(r"https?://"), "address"),
]
QueryValue: TypeAlias = Annotated[
    JsonValue,
    AfterValidator(_query_value),
    WithJsonSchema({"type": ["string", "number", "boolean", "array"]}),
]


class FileText(Model):
    """Text that stands in a file of its own, under the pipeline's folder."""

    file: str = Field(description="A path under the pipeline's folder.", examples=["draft.md"])


Prose: TypeAlias = TemplateText | FileText
Request: TypeAlias = Filled | FileText
