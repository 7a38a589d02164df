"""The parameters of a Python function as a JSON Schema, and arguments as it takes them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Optional, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document import docstrings
from flowrun.errors import ToolError

_UNREADABLE = (
    *(PydanticSchemaGenerationError, PydanticUserError),
    *(NameError, TypeError, SyntaxError, AttributeError, ValueError, RecursionError),
)
"""What annotations raise that nobody can make sense of: anything is then allowed."""
_MOST_PROBLEMS = 5
_NAMED_ONES = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one function; `schema` is theirs.

    Parameters such as `*args` cannot be given by name, so they are never given.
    """

    schema: Mapping[str, JsonValue]
    _model: type[BaseModel]
    _parameters: tuple[inspect.Parameter, ...]
    _more: TypeAdapter[dict[str, object]] | None

    def bind(self, arguments: Mapping[str, JsonValue]) -> tuple[list[object], dict[str, object]]:
        """What the function is called with: values in order, and values by name.

        Raises: ToolError that names the arguments that do not fit.
        """
        try:
            found = self._model.model_validate(dict(arguments))
            by_name: dict[str, object] = {}
            if self._more is not None:
                by_name |= self._more.validate_python(found.model_extra)
        except ValidationError as error:
            raise ToolError(f"the arguments do not fit: {_problems(error)}") from error
        in_order: list[object] = []
        for index, each in enumerate(self._parameters):
            field = f"p{index}"
            is_given = field in found.model_fields_set or isinstance(each.default, FieldInfo)
            value = getattr(found, field) if is_given else each.default
            if each.kind is inspect.Parameter.POSITIONAL_ONLY:
                in_order.append(value)
            elif is_given:
                by_name[each.name] = value
        return in_order, by_name


def arguments_of(function: Callable[..., object]) -> Arguments:
    """What the function takes.

    Raises: ToolError if it has no signature.
    """
    try:
        every = tuple(inspect.signature(function).parameters.values())
    except (ValueError, TypeError) as error:
        raise ToolError("the function does not tell what it takes") from error
    said = docstrings.read(inspect.getdoc(function)).parameters
    names = getattr(inspect.unwrap(function), "__globals__", {})
    parameters = tuple(each for each in every if each.kind in _NAMED_ONES)
    more = [each for each in every if each.kind is inspect.Parameter.VAR_KEYWORD]
    fields = {
        f"p{index}": _field(each, _hint(each, names), said.get(each.name))
        for index, each in enumerate(parameters)
    }
    model = _model(fields, takes_more=bool(more))
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    plain = cast("dict[str, JsonValue]", _without_titles(schema))
    plain = {"type": "object", "properties": {}, **plain}
    return Arguments(plain, model, parameters, _adapter(_hint(more[0], names)) if more else None)


def _hint(parameter: inspect.Parameter, names: Mapping[str, Any]) -> object:
    if parameter.annotation is inspect.Parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        found = get_type_hints(holder, dict(names), include_extras=True)["it"]
    except _UNREADABLE:
        return Any
    is_optional = parameter.default is None and found is not Any
    return Optional[found] if is_optional else found  # noqa: UP045  # a type made at run time


def _field(parameter: inspect.Parameter, hint: object, said: str | None) -> tuple[object, object]:
    own = [each for each in get_args(hint)[1:] if isinstance(each, FieldInfo)]
    described = [each.description for each in own if get_origin(hint) is Annotated]
    description = next((each for each in described if each), said)
    kind = Annotated[hint, Field(alias=parameter.name, description=description)]  # type: ignore[valid-type]  # made at run time
    has_default = parameter.default is not inspect.Parameter.empty
    return kind, parameter.default if has_default else ...


def _model(fields: Mapping[str, tuple[object, object]], *, takes_more: bool) -> type[BaseModel]:
    try:
        return _created(fields, takes_more=takes_more)
    except _UNREADABLE:
        return _created(dict(_usable(fields)), takes_more=takes_more)


def _usable(
    fields: Mapping[str, tuple[object, object]],
) -> Iterator[tuple[str, tuple[object, object]]]:
    """The fields, with anything allowed where pydantic cannot read the annotation."""
    for name, (kind, default) in fields.items():
        try:
            _created({name: (kind, default)}, takes_more=False)
        except _UNREADABLE:
            yield name, (Annotated[Any, *get_args(kind)[1:]], default)
        else:
            yield name, (kind, default)


def _created(fields: Mapping[str, tuple[object, object]], *, takes_more: bool) -> type[BaseModel]:
    config = ConfigDict(extra="allow" if takes_more else "forbid", arbitrary_types_allowed=True)
    kinds = cast("dict[str, Any]", dict(fields))
    model: type[BaseModel] = create_model("Arguments", __config__=config, **kinds)
    model.model_json_schema(schema_generator=_Generator)
    return model


def _adapter(hint: object) -> TypeAdapter[dict[str, object]]:
    try:
        return TypeAdapter(dict[str, hint])  # type: ignore[valid-type]  # made at run time
    except _UNREADABLE:
        return TypeAdapter(dict[str, object])


class _Generator(GenerateJsonSchema):
    """Allows anything where JSON Schema has no words, and says nothing of it."""

    def handle_invalid_for_json_schema(
        self, schema: CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}

    def emit_warning(self, kind: object, detail: str) -> None:
        """A default that is no JSON is left out, and that is all."""


_NAMED = frozenset(("properties", "patternProperties", "$defs"))
_DATA = frozenset(("default", "enum", "const", "examples"))


def _without_titles(schema: object) -> object:
    """The schema without the titles that pydantic makes up from names."""
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, object] = {}
    for word, each in schema.items():
        if word in _DATA:
            found[word] = each
        elif word in _NAMED:
            found[word] = {name: _without_titles(inner) for name, inner in each.items()}
        elif word != "title":
            found[word] = _without_titles(each)
    return found


def _problems(error: ValidationError) -> str:
    each = error.errors(include_url=False, include_context=False, include_input=False)
    found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in each[:_MOST_PROBLEMS]]
    return "; ".join([*found, *(["and more"] if len(each) > _MOST_PROBLEMS else [])])
