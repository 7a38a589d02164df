"""A JSON Schema, compiled: what is wrong with it, and with a value that should fit it.

The draft is the one that `$schema` names, 2020-12 without it. `format` is asserted, unknown
formats are not. Nothing is ever fetched: a `$ref` leads into the schema itself or to a published
draft. Patterns have a bound on backtracking; a pattern that exceeds it does not fit. So has the
work of one check: a schema that multiplies without bound is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias

from flowrun.chat.schema_work import Work
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, canonical

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

Path: TypeAlias = tuple[str | int, ...]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LARGEST = 1_000_000
_BACKTRACKS = 100_000
_WIDEST = 100_000
"""How often schemas may apply along one way into a value: more takes seconds and more."""
_WIDEST_TOLD = 1_000
_MOST_STEPS = 50_000
_MOST_PROBLEMS = 5
_MOST_FAULTS = 20
_LONGEST_VALUE = 60
_LONGEST_PROBLEM = 300
_TEXT = '{"type":"string"}'
_SAID_OF_TEXTS = frozenset(("type", "description", "title"))
_VALUE = "\0"
"""Stands in the validator's messages for the value, which we show shortened."""


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """One thing wrong with a schema: where in it, and what."""

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"at {pointer(self.path)}: {self.problem}" if self.path else self.problem


class InvalidSchema(ValueError):
    """What should be a JSON Schema is none; `faults` has at least one entry."""

    def __init__(self, faults: tuple[SchemaFault, ...]) -> None:
        super().__init__("; ".join(str(each) for each in faults))
        self.faults = faults


class Schema(Protocol):
    """A schema ready for use."""

    def problems(self, value: JsonValue) -> list[str]:
        """What is wrong with `value`, each in one line for people and models; [] if it fits.

        `value` is plain data as `json.loads` gives it. At most five are named.
        """
        ...


class _Texts:
    """`type: string`, as most inputs have it: what fits it is known without the library."""

    def problems(self, value: JsonValue) -> list[str]:
        is_plain = isinstance(value, str) and value.isascii()
        return [] if is_plain else _compiled(_TEXT).problems(value)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A schema as the library has it."""

    _validator: Validator
    _work: Work

    def problems(self, value: JsonValue) -> list[str]:
        try:
            if self._validator.is_valid(value):
                return []
            if not self._work.exceeds(value, _MOST_STEPS):
                return self._each(value)
            return [self._first(value)]
        except ValueError as error:
            return [f"it is not plain JSON: {error}"]

    def _each(self, value: JsonValue) -> list[str]:
        errors = self._validator.iter_errors(value)
        found = [_placed(each) for each in islice(errors, _MOST_PROBLEMS)]
        if next(errors, None) is not None:
            found.append("and more")
        return found

    def _first(self, value: JsonValue) -> str:
        """The first problem of a value that is too large to look for all of them.

        Telling even one takes exponential time where alternatives lie within alternatives.
        """
        if self._work.is_recursive or self._work.spread > _WIDEST_TOLD:
            return f"{_shown(value)} does not fit, and is nested too deeply to say where"
        # Imported late, as below; compiling has loaded it by now.
        from jsonschema_rs import ValidationError

        try:
            self._validator.validate(value)
        except ValidationError as error:
            return f"{_placed(error)}; it is too large to say more"
        raise AssertionError("what does not fit has a problem")


def compile_schema(schema: Mapping[str, JsonValue]) -> Schema:
    """The schema ready for use; equal schemas are compiled once.

    Raises: InvalidSchema, a ValueError that names each fault with its JSON pointer.
    """
    try:
        text = canonical(schema).decode()
    except ValueError as error:
        raise _invalid(f"it is not plain JSON: {error}") from error
    except RecursionError as error:
        raise _invalid("it is nested too deeply") from error
    if len(text) > _LARGEST:
        raise _invalid(f"it is larger than {_LARGEST:,} characters")
    return _Texts() if _is_any_text(schema) else _compiled(text)


def _is_any_text(schema: Mapping[str, JsonValue]) -> bool:
    return (
        schema.get("type") == "string"
        and schema.keys() <= _SAID_OF_TEXTS
        and all(isinstance(each, str) for each in schema.values())
    )


@lru_cache(maxsize=256)
def _compiled(text: str) -> Schema:
    # Imported late: alone it costs 30 ms of CPU, and `flowrun --help` needs no schema.
    import jsonschema_rs

    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    schema = json.loads(text)
    try:
        validator = jsonschema_rs.validator_for(
            schema, validate_formats=True, mask=_VALUE, pattern_options=options, offline=True
        )
    except jsonschema_rs.ValidationError as error:
        raise InvalidSchema(_faults(schema, error)) from error
    except ValueError as error:
        raise _invalid("it is nested too deeply") from error
    work = Work(schema)
    if work.spread > _WIDEST:
        raise _invalid(f"its references multiply: more than {_WIDEST:,} schemas apply to one value")
    return _Compiled(validator, work)


def _faults(schema: Mapping[str, JsonValue], error: ValidationError) -> tuple[SchemaFault, ...]:
    """Every fault that the draft's own schema finds, or the one that compiling stumbled on."""
    import jsonschema_rs

    draft = schema.get("$schema", _DRAFT)
    try:
        itself: dict[str, JsonValue] = {"$schema": draft, "$ref": draft}
        meta = jsonschema_rs.validator_for(itself, mask=_VALUE, offline=True)
    except jsonschema_rs.ValidationError:
        return (SchemaFault(("$schema",), f"{_shown(draft)} is no known draft"),)
    errors = list(islice(meta.iter_errors(schema), _MOST_FAULTS)) or [error]
    faults = (SchemaFault(tuple(each.instance_path), _described(each)) for each in errors)
    return tuple(dict.fromkeys(each if each.path else _referring(schema, each) for each in faults))


def _referring(schema: JsonValue, fault: SchemaFault) -> SchemaFault:
    """The fault at the `$ref` that it speaks of; unchanged if it speaks of none."""
    for path, target in _references(schema, ()):
        if f"'{target.removeprefix('#')}'" in fault.problem or f"'{target}'" in fault.problem:
            return SchemaFault(path, f'"{target}" leads to no schema in this one')
    return fault


def _references(schema: JsonValue, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(schema, Mapping):
        for name, each in schema.items():
            if name in ("$ref", "$dynamicRef") and isinstance(each, str):
                yield (*path, name), each
            else:
                yield from _references(each, (*path, name))
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for number, each in enumerate(schema):
            yield from _references(each, (*path, number))


def _invalid(problem: str) -> InvalidSchema:
    return InvalidSchema((SchemaFault((), problem),))


def _placed(error: ValidationError) -> str:
    path = tuple(error.instance_path)
    return f"at {pointer(path)}: {_described(error)}" if path else _described(error)


def _described(error: ValidationError) -> str:
    """The validator's message with the value shortened, and why no alternative fits."""
    problem = error.message.replace(_VALUE, _shown(error.instance), 1)
    branches: list[list[ValidationError]] = getattr(error.kind, "context", [])
    reasons = [_placed_below(branch[0], error) for branch in branches if branch]
    if reasons:
        problem = f"{_shown(error.instance)} fits no alternative: {'; or '.join(reasons)}"
    return _cut(problem, _LONGEST_PROBLEM)


def _placed_below(error: ValidationError, outer: ValidationError) -> str:
    inner = tuple(error.instance_path[len(outer.instance_path) :])
    problem = error.message.replace(_VALUE, _shown(error.instance), 1)
    return f"at {pointer(inner)}: {problem}" if inner else problem


def _shown(value: object) -> str:
    return _cut(json.dumps(_trimmed(value, 3), ensure_ascii=False), _LONGEST_VALUE)


def _trimmed(value: object, depth: int) -> object:
    """As much of a value as `_shown` can show, so that a huge one costs nothing."""
    match value:
        case str():
            return value[:_LONGEST_VALUE]
        case list() | dict() if depth == 0:
            return "…"
        case list():
            return [_trimmed(each, depth - 1) for each in value[: _LONGEST_VALUE // 3]]
        case dict():
            some = islice(value.items(), _LONGEST_VALUE // 3)
            return {name[:_LONGEST_VALUE]: _trimmed(each, depth - 1) for name, each in some}
        case _:
            return value


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def pointer(path: Path) -> str:
    """A place as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(each).replace('~', '~0').replace('/', '~1')}" for each in path)
