"""Python's annotations as JSON Schemas, read from the syntax tree alone.

A schema here is never narrower than the one that pydantic would make of the same annotation, or
than the data that a value of that type becomes; what is not understood allows anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from flowrun.digest import JsonValue
from flowrun.document.python_classes import Classes
from flowrun.document.python_names import Names, elements, text_of

Schema: TypeAlias = dict[str, JsonValue]

_DEEPEST = 20
_TEXT: Mapping[str, JsonValue] = {"type": "string"}
_PLAIN: Mapping[str, Mapping[str, JsonValue]] = {
    "builtins.int": {"type": "integer"},
    "builtins.float": {"type": "number"},
    "builtins.str": _TEXT,
    "builtins.bool": {"type": "boolean"},
    "builtins.None": {"type": "null"},
    "datetime.datetime": _TEXT,
    "datetime.date": _TEXT,
    "datetime.time": _TEXT,
    "datetime.timedelta": _TEXT,
    "uuid.UUID": _TEXT,
    "pathlib.Path": _TEXT,
}
_LISTS = frozenset(
    (
        *("builtins.list", "builtins.set", "builtins.frozenset", "collections.deque"),
        *("List", "Set", "FrozenSet", "Deque", "Sequence", "Iterable", "AbstractSet"),
        *("MutableSequence", "MutableSet"),
    )
)
_ITERATORS = frozenset(("Iterator", "Generator"))
_TUPLES = frozenset(("builtins.tuple", "Tuple"))
_OBJECTS = frozenset(
    (
        *("builtins.dict", "collections.OrderedDict", "collections.defaultdict"),
        *("Dict", "Mapping", "MutableMapping", "OrderedDict", "DefaultDict"),
    )
)
_TYPING = ("typing.", "typing_extensions.", "collections.abc.")
FIELD = frozenset(("pydantic.Field", "pydantic.fields.Field"))


class Annotations:
    """Reads annotations of one module.

    `gives`: they tell what is returned, and becomes data, and not what is taken.
    """

    def __init__(self, names: Names, *, gives: bool = False) -> None:
        self._names = names
        self._gives = gives
        self._classes = Classes(names, self.schema, gives=gives)

    def schema(self, node: ast.expr | None, depth: int = 0) -> Schema:
        """The annotation's schema; {} for what is not understood."""
        if node is None or depth > _DEEPEST:
            return {}
        match node:
            case ast.Constant(value=None):
                return {"type": "null"}
            case ast.Constant(value=str(text)):
                return self._quoted(text, depth)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._union((left, right), depth)
            case ast.Subscript(value=base, slice=inner):
                return self._subscript(base, elements(inner), depth)
            case ast.Name() | ast.Attribute():
                return self._name(node, depth)
        return {}

    def description(self, node: ast.expr | None) -> str:
        """What an `Annotated[…, Field(description=…)]` says of itself."""
        if isinstance(node, ast.Subscript) and self._short(node.value) == "Annotated":
            for each in elements(node.slice)[1:]:
                if said := text_of(self.field_word(each, "description")):
                    return said
        return ""

    def field_word(self, node: ast.expr | None, word: str) -> ast.expr | None:
        """A keyword of a call of pydantic's Field."""
        if not isinstance(node, ast.Call) or self._names.dotted(node.func) not in FIELD:
            return None
        return next((each.value for each in node.keywords if each.arg == word), None)

    def _quoted(self, text: str, depth: int) -> Schema:
        try:
            return self.schema(ast.parse(text.strip(), mode="eval").body, depth + 1)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}

    def _short(self, node: ast.expr) -> str:
        """The name, without its module where that is one for types."""
        dotted = self._names.dotted(node) or ""
        module, _, name = dotted.rpartition(".")
        return name if f"{module}." in _TYPING else dotted

    def _name(self, node: ast.expr, depth: int) -> Schema:
        dotted = self._names.dotted(node)
        if dotted is not None:
            return dict(_PLAIN[dotted]) if dotted in _PLAIN else self._bare(self._short(node))
        found = self._names.definition(node)
        if isinstance(found, ast.ClassDef):
            return self._classes.schema(found, depth + 1)
        return self.schema(found, depth + 1)

    def _bare(self, name: str) -> Schema:
        if name in _LISTS or name in _TUPLES or (self._gives and name in _ITERATORS):
            return {"type": "array"}
        return {"type": "object"} if name in _OBJECTS else {}

    def _subscript(self, base: ast.expr, inner: Sequence[ast.expr], depth: int) -> Schema:
        name = self._short(base)
        readers: Mapping[str, Callable[[Sequence[ast.expr], int], Schema]] = {
            "Optional": lambda each, at: self._union((*each, ast.Constant(None)), at),
            "Union": self._union,
            "Literal": self._literal,
            "Annotated": self._annotated,
        }
        if name in readers:
            return readers[name](inner, depth)
        if name in _TUPLES:
            return self._tuple(inner, depth)
        if name in _LISTS or (self._gives and name in _ITERATORS):
            return _array(self.schema(inner[0], depth + 1))
        if name in _OBJECTS:
            return self._object(inner, depth)
        if self._gives and name in ("Awaitable", "Coroutine"):
            return self.schema(inner[-1], depth + 1)
        return {}

    def _union(self, options: Sequence[ast.expr], depth: int) -> Schema:
        return either([self.schema(each, depth + 1) for each in options])

    def _literal(self, values: Sequence[ast.expr], _depth: int) -> Schema:
        found: list[JsonValue] = []
        for each in values:
            try:
                value = ast.literal_eval(each)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return {}
            if not isinstance(value, str | int | None):
                return {}
            found.append(value)
        return {"enum": found}

    def _annotated(self, inner: Sequence[ast.expr], depth: int) -> Schema:
        """The first one, if nothing behind it can change what it allows."""
        for each in inner[1:]:
            is_field = isinstance(each, ast.Call) and self._names.dotted(each.func) in FIELD
            if not is_field and not isinstance(each, ast.Constant):
                return {}
        return self.schema(inner[0], depth + 1)

    def _tuple(self, inner: Sequence[ast.expr], depth: int) -> Schema:
        match inner:
            case [each, ast.Constant(value=value)] if value is ...:
                return _array(self.schema(each, depth + 1))
            case _ if not inner or any(isinstance(each, ast.Starred | ast.Tuple) for each in inner):
                return {"type": "array"}
        items: list[JsonValue] = [self.schema(each, depth + 1) for each in inner]
        count = len(items)
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}

    def _object(self, inner: Sequence[ast.expr], depth: int) -> Schema:
        if len(inner) == 2 and self.schema(inner[0], depth + 1) == _TEXT:
            return {"type": "object", "additionalProperties": self.schema(inner[1], depth + 1)}
        return {"type": "object"}


def either(options: Sequence[Schema]) -> Schema:
    """The schema of what fits one of several."""
    found: list[Schema] = []
    for each in options:
        if not each:
            return {}
        alternatives = each["anyOf"] if set(each) == {"anyOf"} else [each]
        assert isinstance(alternatives, list)
        found += [one for one in alternatives if one not in found]
    return found[0] if len(found) == 1 else {"anyOf": list(found)}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items} if items else {"type": "array"}
