"""The kinds of values that keys hold, each in the keys that hold it."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from flowrun.digest import JsonValue
from flowrun.document import spec_values
from flowrun.document.spec_values import is_template

GOOD: list[tuple[str, JsonValue]] = [
    ("NumberText", "{{ inputs.n }}"),
    ("ListText", "{% if a %}{{ b }}{% endif %}"),
    ("MappingText", "{{ a }}"),
    ("Expression", "a > 3"),
    ("Filled", "x"),
    ("Literally", "docs.search"),
    ("Duration", "90s"),
    ("PythonName", "a.b:c"),
    ("Variable", "API_KEY"),
    ("Header", "X-Api-Key"),
    ("Address", "https://example.org"),
    ("QueryValue", [1, "a", True, 1.5]),
    ("QueryValue", ""),
]
BAD: list[tuple[str, JsonValue]] = [
    ("NumberText", "3"),
    ("ListText", "[a]"),
    ("MappingText", "a: b"),
    ("Expression", " "),
    ("Filled", "\n"),
    ("Literally", "{{ a }}"),
    ("Literally", ""),
    ("Literally", 3),
    ("Duration", 90),
    ("PythonName", "a.b"),
    ("Variable", "$A"),
    ("Header", "a b"),
    ("Address", "example.org"),
    ("Address", "https://{{ host }}"),
    ("QueryValue", None),
    ("QueryValue", [[]]),
    ("QueryValue", {}),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_a_value_that_fits_stays_as_it_is(kind: str, value: JsonValue) -> None:
    assert TypeAdapter(getattr(spec_values, kind)).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_a_value_that_does_not_fit_is_refused(kind: str, value: JsonValue) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(getattr(spec_values, kind)).validate_python(value, strict=True)


def test_a_template_is_seen_by_its_braces() -> None:
    assert is_template("a {{ b }}")
    assert is_template("{% raw %}")
    assert not is_template("{a}")


@pytest.mark.parametrize("kind", ["Name", "PythonName", "Variable", "Header"])
def test_editors_know_the_form_of_names(kind: str) -> None:
    pattern = TypeAdapter(getattr(spec_values, kind)).json_schema()["pattern"]
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert "\\Z" not in pattern
