"""What a function of a Python file takes and gives, read without running the file.

    source --ast--> the def --annotations, defaults, docstring--> JSON Schemas

At a run pydantic reads the real function; what is said here agrees with it on the names of the
parameters and on which are required, and allows at least as much.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import field
from typing import TypeAlias, cast

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document import docstrings
from flowrun.document.python_names import Names, parsed
from flowrun.document.python_types import FIELD, Annotations, Schema, either

Def: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_HARMLESS = frozenset(("functools.cache", "functools.lru_cache"))
"""Decorators that leave a function's parameters as they are."""
_ANYTHING: Mapping[str, JsonValue] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a function from its source.

    `parameters` is the JSON Schema of the arguments, by name; `returns` that of the result, None
    where nothing is known. `is_certain` is false for a name that is no plain function there:
    then any arguments are allowed.
    """

    description: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=lambda: dict(_ANYTHING))
    returns: Mapping[str, JsonValue] | None = None
    is_certain: bool = False


def signature(source: str | bytes, function: str) -> Signature | None:
    """The signature of a function at the top level of a module, None if there is no such name.

    Raises: SyntaxError if the source is no Python; with `lineno` where that is known.
    """
    tree = parsed(source)
    names = Names(tree)
    if not names.knows(function):
        return None
    found = _definition(tree, names, function)
    if found is None:
        return Signature()
    said = docstrings.read(ast.get_docstring(found, clean=False))
    if not all(_is_harmless(each, names) for each in found.decorator_list):
        return Signature(said.summary)
    parameters = _parameters(found, names, said.parameters)
    return Signature(said.summary, parameters, _returns(found, names), is_certain=True)


def functions(source: str | bytes) -> tuple[str, ...]:
    """The functions at the top level of a module that are meant for others, as they stand there.

    Raises: SyntaxError if the source is no Python.
    """
    found = (each.name for each in parsed(source).body if isinstance(each, Def))
    return tuple(dict.fromkeys(each for each in found if not each.startswith("_")))


def _definition(tree: ast.Module, names: Names, function: str) -> Def | None:
    """The `def` behind a name, if it is a plain one and nothing later replaces it."""
    bound = names.bindings.get(function, ())
    last = bound[-1] if bound else None
    is_plain = isinstance(last, Def) and last in tree.body and not names.is_changed(function)
    return last if isinstance(last, Def) and is_plain else None


def _is_harmless(decorator: ast.expr, names: Names) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return names.dotted(called) in _HARMLESS


def _parameters(found: Def, names: Names, said: Mapping[str, str]) -> Schema:
    read = Annotations(names)
    properties: Schema = {}
    required: list[JsonValue] = []
    for parameter, default in _with_defaults(found.args):
        name = parameter.arg
        properties[name] = _parameter(parameter, default, read, said.get(name, ""))
        if default is None or _is_required(default, names):
            required.append(name)
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = found.args.kwarg is not None
    return schema


def _with_defaults(args: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Every parameter that can be given by itself, with its default."""
    plain = [*args.posonlyargs, *args.args]
    without: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
    found = list(zip(plain, [*without, *args.defaults], strict=True))
    return [*found, *zip(args.kwonlyargs, args.kw_defaults, strict=True)]


def _parameter(
    parameter: ast.arg, default: ast.expr | None, read: Annotations, said: str
) -> Schema:
    schema = read.schema(parameter.annotation)
    if isinstance(default, ast.Constant) and default.value is None and schema:
        schema = either([schema, {"type": "null"}])
    in_default = read.field_word(default, "description")
    description = read.description(parameter.annotation) or said
    if isinstance(in_default, ast.Constant) and isinstance(in_default.value, str):
        description = in_default.value
    if description:
        schema = {**schema, "description": description}
    value = _literal(default)
    return schema if value is None else {**schema, "default": value}


def _is_required(default: ast.expr, names: Names) -> bool:
    """Whether a default is pydantic's Field without one."""
    if not isinstance(default, ast.Call) or names.dotted(default.func) not in FIELD:
        return False
    if default.args:
        first = default.args[0]
        return isinstance(first, ast.Constant) and first.value is ...
    words = {each.arg: each.value for each in default.keywords}
    said = words.get("default")
    if isinstance(said, ast.Constant) and said.value is ...:
        return True
    return said is None and "default_factory" not in words and None not in words


def _literal(default: ast.expr | None) -> JsonValue:
    """A default that is plain data; None for none, and for what is no data."""
    if default is None:
        return None
    try:
        return cast(JsonValue, json.loads(json.dumps(ast.literal_eval(default), allow_nan=False)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _returns(found: Def, names: Names) -> Schema | None:
    return Annotations(names, gives=True).schema(found.returns) or None
