from __future__ import annotations

import pytest

from flowrun.digest import JsonValue
from flowrun.document.agreement import agreement
from flowrun.document.schema_types import from_schema
from flowrun.document.templates import parse, value
from flowrun.document.types import Anything, Number, Object, String, closed, options
from tests.document.typed_scope import TEXT, fits
from tests.document.typed_scope import closed as shaped

ROW = shaped(a=TEXT, b_={"type": "integer"})
SAMPLES: list[tuple[JsonValue, list[JsonValue]]] = [
    (TEXT, ["a", "b", "a"]),
    ({"type": ["string", "null"]}, [None, "a"]),
    (ROW, [{"a": "x"}, {"a": "x", "b": 1}, {"a": "y", "b": 2}]),
    ({"anyOf": [ROW, {"type": "null"}]}, [None, {"a": "x"}]),
    ({"anyOf": [ROW, {"type": "null"}]}, [None, None]),
    ({"anyOf": [ROW, TEXT]}, ["a", {"a": "x"}, {"a": "x"}]),
    ({"anyOf": [ROW, shaped(a={"type": "integer"}, c=TEXT)]}, [{"a": "x"}, {"a": 1, "c": ""}]),
    ({"type": "object", "additionalProperties": TEXT}, [{"k": "v"}]),
    ({"type": "object", "properties": {"a": TEXT}}, [{"a": "v", "z": 1}]),
    ({"type": "object"}, [{}]),
    (True, [1, "a"]),
]


@pytest.mark.parametrize(("schema", "items"), SAMPLES)
def test_what_the_filter_gives_is_of_the_type_it_is_said_to_have(
    schema: JsonValue, items: list[JsonValue]
) -> None:
    found = value(parse("{{ x | agreement }}"), {"x": items})
    assert fits(found, agreement(from_schema(schema)))


def test_of_objects_every_field_is_known_and_is_there_if_it_is_in_all() -> None:
    text = closed({"value": String(), "share": Number()})
    found = agreement(from_schema(ROW))
    assert isinstance(found, Object)
    assert found.fields["a"] == text
    assert found.required == {"a"}
    assert found.extra is None
    assert agreement(String()) == text
    assert agreement(Anything()) == Anything()


def test_nothing_is_known_of_fields_that_a_schema_does_not_name_but_their_form() -> None:
    (found,) = options(agreement(from_schema({"type": "object", "properties": {"a": TEXT}})))
    assert isinstance(found, Object)
    assert found.is_silent
    assert found.extra == closed({"value": Anything(), "share": Number()})
