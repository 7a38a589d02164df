from __future__ import annotations

import pytest

from flowrun.digest import JsonValue
from flowrun.document.fits import Misfit, fits
from flowrun.document.schema_types import from_schema
from flowrun.document.types import NOTHING, Anything, Array, ImageType, Object, String, Type
from tests.document.typed_scope import CALL, TEXT, TREE, closed

NUMBER: JsonValue = {"type": "number"}
WHOLE: JsonValue = {"type": "integer"}
TEXTS: JsonValue = {"type": "array", "items": TEXT}
ROW = closed(id=TEXT, price=NUMBER)

WRONG: dict[str, tuple[JsonValue, JsonValue, Misfit]] = {
    "kinds": (TEXT, WHOLE, Misfit("must be a whole number, and this is text")),
    "null": ({"type": "null"}, TEXT, Misfit("must be text, and this is null")),
    "truths are no numbers": (
        {"type": "boolean"},
        NUMBER,
        Misfit("must be a number, and this is true or false"),
    ),
    "neither of two": (
        {"type": ["string", "null"]},
        {"type": ["integer", "boolean"]},
        Misfit("must be a whole number or true or false, and this is text or null"),
    ),
    "a constant": (
        {"const": "wram"},
        {"enum": ["warm", "cold"]},
        Misfit('must be one of "cold", "warm", and this is "wram"', "did you mean warm?"),
    ),
    "a closed set": (
        {"enum": ["a", "b"]},
        {"enum": ["c"]},
        Misfit('must be "c", and this is one of "a", "b"'),
    ),
    "items": (
        {"type": "array", "items": NUMBER},
        TEXTS,
        Misfit("must be text, and this is a number", path="[…]"),
    ),
    "a field": (
        closed(id=NUMBER, price=NUMBER),
        ROW,
        Misfit("must be text, and this is a number", path=".id"),
    ),
    "deep": (
        closed(rows={"type": "array", "items": closed(id=TEXT, price=TEXT)}),
        closed(rows={"type": "array", "items": ROW}),
        Misfit("must be a number, and this is text", path=".rows[…].price"),
    ),
    "a field too many": (
        closed(id=TEXT, price=NUMBER, prise=NUMBER),
        ROW,
        Misfit('has no field "prise"', "did you mean price?"),
    ),
    "a missing field": (closed(id=TEXT), ROW, Misfit('needs the field "price"', "it has id")),
    "a field inside of a union": (
        {"anyOf": [{"type": "null"}, closed(id=TEXT)]},
        {"anyOf": [TEXT, ROW]},
        Misfit('needs the field "price"', "it has id"),
    ),
    "none of several objects": (
        closed(tool={"const": "other"}),
        CALL,
        Misfit(
            "must be an object with tool, arguments, and this is an object with tool",
        ),
    ),
    "one that leads back to itself": (
        closed(name=TEXT, kids={"type": "array", "items": TEXT}),
        TREE,
        Misfit("must be an object with name, kids, and this is text", path=".kids[…]"),
    ),
}


@pytest.mark.parametrize(("found", "wanted", "misfit"), WRONG.values(), ids=WRONG)
def test_what_cannot_fit_is_told(found: JsonValue, wanted: JsonValue, misfit: Misfit) -> None:
    assert fits(from_schema(found), from_schema(wanted)) == misfit


RIGHT: list[tuple[JsonValue, JsonValue]] = [
    (TEXT, TEXT),
    (WHOLE, NUMBER),
    (NUMBER, WHOLE),
    (True, ROW),
    (ROW, True),
    ({"type": ["string", "null"]}, TEXT),
    ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}),
    (TEXT, {"enum": ["b", "c"]}),
    ({"type": "array"}, TEXTS),
    (closed(id=TEXT, price_=NUMBER), ROW),
    (closed(id=TEXT, price=NUMBER, more_=TEXT), ROW),
    ({"type": "object"}, ROW),
    (closed(id=TEXT), {"type": "object", "properties": {"id": TEXT}}),
    (closed(id=TEXT, more=TEXT), {"type": "object", "properties": {"id": TEXT}}),
    (TREE, TREE),
    (CALL, CALL),
]


@pytest.mark.parametrize(("found", "wanted"), RIGHT)
def test_what_may_fit_is_not_doubted(found: JsonValue, wanted: JsonValue) -> None:
    assert fits(from_schema(found), from_schema(wanted)) is None


@pytest.mark.parametrize(
    ("found", "wanted", "is_right"),
    [
        (ImageType(), ImageType(), True),
        (ImageType(), Anything(), True),
        (ImageType(), String(), False),
        (String(), ImageType(), False),
        (Object(), ImageType(), True),
        (Object({"mime_type": String()}, extra=None), ImageType(), True),
        (Object({"id": String()}, extra=None), ImageType(), False),
        (Array(NOTHING, (), 0), Array(String()), True),
    ],
)
def test_images_fit_images(found: Type, wanted: Type, is_right: bool) -> None:
    assert (fits(found, wanted) is None) is is_right
