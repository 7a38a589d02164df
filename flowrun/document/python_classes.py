"""The classes of a Python module as JSON Schemas, read from the syntax tree alone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.python_names import Names

Schema: TypeAlias = dict[str, JsonValue]
Kind: TypeAlias = Literal["dataclass", "model", "dict", "enum"]

_DATACLASS = frozenset(("dataclasses.dataclass", "pydantic.dataclasses.dataclass"))
_BASES: dict[str, Kind] = {
    "pydantic.BaseModel": "model",
    "pydantic.main.BaseModel": "model",
    "typing.TypedDict": "dict",
    "typing_extensions.TypedDict": "dict",
    "enum.Enum": "enum",
    "enum.IntEnum": "enum",
    "enum.StrEnum": "enum",
}
_MIXINS: dict[str, type] = {
    "builtins.str": str,
    "builtins.int": int,
    "enum.IntEnum": int,
    "enum.StrEnum": str,
}
_TYPING = ("typing.", "typing_extensions.")
_RENAMING = ("alias", "validation_alias", "serialization_alias", "exclude", "init")
_SPEAKS_FOR_ITSELF = ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__new__")


@dataclass(frozen=True, slots=True)
class _Field:
    """A member of a class; without `is_certain` its very name is not known."""

    name: str
    schema: Schema
    is_required: bool
    is_certain: bool = True


class Classes:
    """Reads classes of one module; `schema` reads the annotations of their members.

    `gives`: their values become data, so that members with a default are there, too.
    """

    def __init__(
        self, names: Names, schema: Callable[[ast.expr | None, int], Schema], *, gives: bool
    ) -> None:
        self._names = names
        self._schema = schema
        self._gives = gives
        self._open: set[str] = set()

    def schema(self, node: ast.ClassDef, depth: int) -> Schema:
        """What a value of the class looks like as JSON; {} for a class of another kind."""
        kind = self._kind(node)
        if kind is None or node.name in self._open or self._is_peculiar(node, kind):
            return {}
        if kind == "enum":
            return self._enum(node)
        self._open.add(node.name)
        try:
            return self._object(node, kind, depth)
        finally:
            self._open.discard(node.name)

    def _kind(self, node: ast.ClassDef) -> Kind | None:
        bases = [self._names.dotted(each) or "" for each in node.bases]
        if len(node.decorator_list) == 1 and not bases and not node.keywords:
            decorator = node.decorator_list[0]
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            return "dataclass" if self._names.dotted(called) in _DATACLASS else None
        if node.decorator_list or not bases:
            return None
        kinds = {_BASES[each] for each in bases if each in _BASES}
        others = [each for each in bases if each not in _BASES]
        if len(kinds) != 1 or any(each not in _MIXINS for each in others):
            return None
        kind = kinds.pop()
        return kind if kind == "enum" or not others else None

    def _is_peculiar(self, node: ast.ClassDef, kind: Kind) -> bool:
        """Whether the class says in its own way what it takes or becomes."""
        plain = (ast.AnnAssign, ast.Assign) if kind == "enum" else (ast.AnnAssign,)
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                if each.name in _SPEAKS_FOR_ITSELF or (kind == "model" and each.decorator_list):
                    return True
            elif not isinstance(each, (*plain, ast.Pass, ast.Expr)):
                return True
        return bool(node.keywords) and kind != "dict"

    def _enum(self, node: ast.ClassDef) -> Schema:
        kinds = [_MIXINS.get(self._names.dotted(each) or "") for each in node.bases]
        wanted = next((each for each in kinds if each), None)
        found: list[JsonValue] = []
        for each in node.body:
            match each:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                    is_plain = isinstance(value, str | int | float | None)
                    if name.startswith("_") or not is_plain:
                        return {}
                    if wanted is not None and type(value) is not wanted:
                        return {}
                    assert isinstance(value, str | int | float | None)
                    found.append(value)
                case ast.FunctionDef(decorator_list=[]) | ast.Pass() | ast.Expr():
                    pass
                case _:
                    return {}
        return {"enum": found} if found else {}

    def _object(self, node: ast.ClassDef, kind: Kind, depth: int) -> Schema:
        properties: Schema = {}
        required: list[JsonValue] = []
        is_total = self._is_total(node)
        for each in self._fields(node, kind, depth, is_total=is_total):
            if not each.is_certain:
                return {"type": "object"}
            properties[each.name] = each.schema
            if each.is_required:
                required.append(each.name)
        found: Schema = {"type": "object", "properties": properties}
        return {**found, "required": required} if required else found

    def _is_total(self, node: ast.ClassDef) -> bool:
        """Whether a TypedDict must have all that it names; in doubt it need not."""
        match node.keywords:
            case []:
                return True
            case [ast.keyword(arg="total", value=ast.Constant(value=True))]:
                return True
        return False

    def _fields(
        self, node: ast.ClassDef, kind: Kind, depth: int, *, is_total: bool
    ) -> Iterator[_Field]:
        for each in node.body:
            if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
                continue
            name = each.target.id
            wrapper, annotation = self._unwrapped(each.annotation)
            if wrapper == "ClassVar" or (kind == "model" and name.startswith("_")):
                continue
            schema = self._schema(annotation, depth)
            if isinstance(each.value, ast.Constant) and each.value.value is None and schema:
                schema = {"anyOf": [schema, {"type": "null"}]}
            if kind == "dict":
                is_required = wrapper == "Required" or (is_total and wrapper != "NotRequired")
            else:
                is_required = self._gives or each.value is None
            yield _Field(name, schema, is_required, wrapper != "InitVar" and _keeps_name(each))

    def _unwrapped(self, node: ast.expr) -> tuple[str, ast.expr]:
        """The annotation without what is said of the member itself, and what that is."""
        base = node.value if isinstance(node, ast.Subscript) else node
        dotted = self._names.dotted(base) or ""
        module, _, name = dotted.rpartition(".")
        is_wrapper = name in ("ClassVar", "Required", "NotRequired") and f"{module}." in _TYPING
        if is_wrapper or dotted == "dataclasses.InitVar":
            return name, node.slice if isinstance(node, ast.Subscript) else node
        return "", node


def _keeps_name(member: ast.AnnAssign) -> bool:
    """Whether the member is called as it is written, and is there."""
    words = (each for each in ast.walk(member) if isinstance(each, ast.keyword))
    return not any(each.arg is None or each.arg in _RENAMING for each in words)
