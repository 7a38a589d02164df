"""The types of what steps, tools and inputs give, as far as the file says them outright."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from flowrun.digest import JsonValue
from flowrun.document.schema_types import from_schema
from flowrun.document.task import Ask, Input
from flowrun.document.tool import ShellCommand, Tool
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    ImageType,
    Integer,
    Null,
    Number,
    Object,
    String,
    Type,
    closed,
    union,
)

_COUNTS = ("index", "index0", "revindex", "revindex0", "length")
LOOP = closed({**dict.fromkeys(_COUNTS, Integer()), **dict.fromkeys(("first", "last"), Boolean())})
"""What `loop` holds in a step with foreach."""
_USAGE = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("output_tokens", "total_tokens"),
)
FACTS = closed(
    {
        "model": union([String(), Null()]),
        "status": String(),
        "seconds": Number(),
        "cost": union([Number(), Null()]),
        "usage": closed(dict.fromkeys(_USAGE, Integer())),
    }
)
"""What `run.<step>` holds."""


def rounds(output: Type, *, is_first: bool = False) -> Mapping[str, Type]:
    """What a step with repeat knows of its rounds, each of which gives `output`."""
    earlier = Array(output, (), 0) if is_first else Array(output)
    previous = Null() if is_first else union([output, Null()])
    return {"previous": previous, "rounds": earlier, "round": Integer()}


class SchemaTypes:
    """The types of the schemas of one check, each read once."""

    def __init__(self) -> None:
        # By identity, for schemas cannot be hashed; each is held here as well.
        self._known: dict[int, tuple[Mapping[str, JsonValue], Type]] = {}

    def of(self, schema: Mapping[str, JsonValue]) -> Type:
        """The type of every value that the schema allows."""
        known = self._known.get(id(schema))
        if known is None:
            known = self._known[id(schema)] = (schema, from_schema(schema))
        return known[1]

    def input(self, declared: Input) -> Type:
        """What an input holds."""
        match declared.kind:
            case "image":
                return ImageType()
            case "file":
                return Anything()
            case "data":
                return self.of(declared.schema)
            case _:
                assert_never(declared.kind)

    def answer(self, ask: Ask) -> Type:
        """What one conversation gives: what the model says, or the call of a route."""
        routes = [tool for tool in ask.tools if tool.is_route]
        said = self._said(ask)
        if not routes or ask.tool_choice == "none":
            return said
        calls = [self._call(tool) for tool in routes]
        is_forced = ask.tool_choice == "required" or isinstance(ask.tool_choice, Mapping)
        return union(calls if is_forced and len(routes) == len(ask.tools) else [said, *calls])

    def _said(self, ask: Ask) -> Type:
        if ask.wants_image:
            return ImageType()
        match ask.response_format.kind:
            case "text":
                return String()
            case "json_object":
                return Object()
            case "json_schema":
                return self.of(ask.response_format.schema or {})
            case _:
                assert_never(ask.response_format.kind)

    def _call(self, tool: Tool) -> Type:
        fields = {"tool": String(frozenset([tool.name])), "arguments": self.arguments(tool)}
        return Object(fields, frozenset(fields), None, is_call=True)

    def arguments(self, tool: Tool) -> Type:
        """What a tool is called with."""
        return Object() if tool.parameters is None else self.of(tool.parameters)

    def result(self, tool: Tool) -> Type | None:
        """What a tool gives; None where only the pipeline that it is knows."""
        if tool.returns is not None:
            return self.of(tool.returns)
        return String() if isinstance(tool.action, ShellCommand) else None
