from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.errors import ToolError
from flowrun.tools.returned import data_of, fitting, wants_data
from tests.tools.test_python_results import picture

OBJECT: dict[str, Any] = {"type": "object", "required": ["a"]}


def test_without_a_schema_anything_fits() -> None:
    assert fitting(None, [1]) == [1]


def test_what_fits_is_given_back() -> None:
    value = {"a": [1, (2, None)]}
    assert fitting(OBJECT, value) is value


def test_an_image_counts_as_what_a_template_sees() -> None:
    image = Image.from_bytes(picture())
    required = ["mime_type", "width", "height", "sha256", "text"]
    schema: dict[str, Any] = {"type": "array", "items": {"type": "object", "required": required}}
    assert fitting(schema, [image]) == [image]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ToolError) as caught:
        fitting(OBJECT, {"b": 1})
    said = 'the result does not fit what "returns" says: "a" is a required property'
    assert str(caught.value) == said


def test_json_becomes_data() -> None:
    assert data_of(b'{"a": [1, null]}', "it") == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is not JSON: Expecting property name enclosed in double quotes"),
        (b"\xff", "it is not JSON: 'utf-8' codec can't decode"),
        ("NaN", "it is not JSON: NaN is no number of JSON"),
        ("[" * 200_000, "it is nested too deeply"),
        ("[" + "1," * 500_001 + "1]", "it is JSON of too many values"),
    ],
    ids=range(5),
)
def test_what_is_no_json_is_told(text: str | bytes, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        data_of(text, "it")
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (None, False),
        ({}, False),
        ({"enum": [1]}, False),
        ({"type": "string"}, False),
        ({"type": ["string", "null"]}, False),
        ({"type": "object"}, True),
        ({"type": ["array", "null"]}, True),
        ({"type": "integer"}, True),
    ],
)
def test_a_type_other_than_text_wants_data(returns: Any, expected: bool) -> None:
    assert wants_data(returns) is expected
