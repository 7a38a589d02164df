"""Names with types, and values of these types, for the tests of what templates may read."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.images import Image
from flowrun.digest import JsonValue
from flowrun.document.faults import Fault
from flowrun.document.infer import infer
from flowrun.document.schema_types import from_schema
from flowrun.document.templates import parse
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
    options,
    union,
)

TEXT: JsonValue = {"type": "string"}


def closed(**fields: JsonValue) -> Mapping[str, JsonValue]:
    """An object with these fields; one whose name ends with _ may be missing."""
    return {
        "type": "object",
        "properties": {name.rstrip("_"): each for name, each in fields.items()},
        "required": [name for name in fields if not name.endswith("_")],
        "additionalProperties": False,
    }


BRIEF = closed(
    headline=TEXT,
    benefits={"type": "array", "items": TEXT, "maxItems": 4},
    count={"type": "integer"},
    price={"type": "number"},
    ready={"type": "boolean"},
    tone={"enum": ["warm", "cold", "neutral"]},
    author={"anyOf": [closed(name=TEXT, mail_=TEXT), {"type": "null"}]},
    sections={"type": "array", "items": closed(title=TEXT, score={"type": "number"}, note_=TEXT)},
    pair={"prefixItems": [TEXT, closed(name=TEXT)], "items": False},
    subtitle_=TEXT,
)
CALL: JsonValue = {
    "oneOf": [
        closed(tool={"const": "refund"}, arguments=closed(order_id=TEXT)),
        closed(tool={"const": "exchange"}, arguments=closed(item=TEXT)),
    ]
}
TREE: JsonValue = {
    "$ref": "#/$defs/node",
    "$defs": {"node": closed(name=TEXT, kids={"type": "array", "items": {"$ref": "#/$defs/node"}})},
}
PAGE: JsonValue = {"type": "object", "properties": {"title": TEXT}, "required": ["title"]}

SCOPE: Mapping[str, Type] = {
    "brief": from_schema(BRIEF),
    "triage": from_schema(CALL),
    "tree": from_schema(TREE),
    "page": from_schema(PAGE),
    "hero": ImageType(),
    "table": from_schema({"type": "object", "additionalProperties": {"type": "number"}}),
    "free": from_schema({"type": "object"}),
    "gone": Null(),
    "what": Anything(),
    "many": Array(),
    "maybe": union([String(), Null()]),
}

VALUES: Mapping[str, object] = {
    "brief": {
        "headline": "A lamp",
        "benefits": ["bright", "small"],
        "count": 2,
        "price": 1.5,
        "ready": True,
        "tone": "warm",
        "author": {"name": "Ada"},
        "sections": [{"title": "One", "score": 1}, {"title": "Two", "score": 2.5}],
        "pair": ["left", {"name": "right"}],
    },
    "triage": {"tool": "refund", "arguments": {"order_id": "7"}},
    "tree": {"name": "root", "kids": [{"name": "kid", "kids": []}]},
    "page": {"title": "Home"},
    "hero": Image(b"", "image/png", 4, 3, "0" * 64),
    "table": {"a": 1.5},
    "free": {},
    "gone": None,
    "what": {"a": "b"},
    "many": ["a", "b"],
    "maybe": "x",
}
"""A value of each type in SCOPE."""

FIELDS = (
    "its fields are headline, benefits, count, price, ready, tone, author, sections, pair, subtitle"
)
IN_SECTION = "its fields are title, score, note"


def faults(source: str) -> list[str]:
    """The faults of a template, each as "code at excerpt: message | why | mend"."""
    found = infer(parse(source).tree, SCOPE, steps=("brief", "triage"))[1]
    return [_shown(each, source) for each in found]


def _shown(fault: Fault, source: str) -> str:
    excerpt = source[fault.offset : fault.offset + fault.length]
    text = " | ".join(each for each in (fault.message, fault.why, fault.mend) if each)
    return f"{fault.code} at {excerpt}: {text}"


def fits(value: object, type_: Type) -> bool:
    """Whether the value is one of those that the type stands for."""
    return any(_is_of(value, each) for each in options(type_))


def _is_of(value: object, option: Type) -> bool:
    match option, value:
        case (Anything(), _) | (Null(), None) | (Boolean(), bool()):
            return True
        case ((Integer() | Number()), (int() | float())):
            return not isinstance(value, bool)
        case String(), str():
            return option.values is None or value in option.values
        case Array(), list():
            typed = [*option.prefix, *[option.item] * len(value)]
            is_short = option.longest is None or len(value) <= option.longest
            return is_short and all(map(fits, value, typed))
        case Object(), dict():
            typed_fields = {name: option.fields.get(name, option.extra) for name in value}
            return all(
                inner is not None and fits(value[name], inner)
                for name, inner in typed_fields.items()
            )
    return False
