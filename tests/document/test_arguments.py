"""What `with` gives, held against what a tool or another pipeline takes."""

from __future__ import annotations

import pytest

from flowrun.document.arguments import known_parameters
from flowrun.document.slots import Slot
from tests.document.checking import checked, plan, told

HEAD = """\
tools:
  w:
    shell: [w, "{{ city }}"]
    parameters:
      type: object
      properties: {city: {type: string}, unit: {type: string}}
      required: [city]
  n: {shell: [n]}
  open: {shell: [n], parameters: {type: object, additionalProperties: true}}
  route: {}
"""
CHILD = {"c.yaml": "inputs: {text: {}, more: {default: 1}}\nsteps: {a: {value: 1}}"}


@pytest.mark.parametrize(
    "step",
    [
        "{call: w, with: {city: Rome}}",
        "{call: w, with: {city: 'at {{ a }}', unit: c}}",
        '{call: w, with: \'{{ {"city": "Rome"} }}\'}',
        "{call: n}",
        "{call: open, with: {any: 1}}",
        "{uses: c.yaml, with: {text: '{{ a }}'}}",
        "{uses: ./c.yaml, with: {text: x, more: 2}}",
    ],
)
def test_arguments_that_fit_are_fine(step: str) -> None:
    assert told(f"{HEAD}steps:\n  a: {{value: 1}}\n  b: {step}", CHILD) == []


def test_arguments_are_data_with_templates_or_a_template() -> None:
    found = plan(f"{HEAD}steps:\n  a: {{call: w, with: {{city: '{{{{ \"R\" }}}}', unit: c}}}}")
    call = found.tasks[0].call
    assert call is not None
    assert isinstance(call.arguments, dict)
    assert isinstance(call.arguments["city"], Slot)
    assert call.arguments["unit"] == "c"
    found = plan(f'{HEAD}steps:\n  a: {{call: w, with: \'{{{{ {{"city": "R"}} }}}}\'}}')
    assert found.tasks[0].call is not None
    assert isinstance(found.tasks[0].call.arguments, Slot)


@pytest.mark.parametrize(
    ("step", "message", "mend"),
    [
        ("{call: w, with: {cty: x, city: y}}",
         '14:23: tool "w" has no argument "cty" [unknown-argument]',
         "did you mean city?"),
        ("{call: w, with: {xyzzy: x, city: y}}",
         '14:23: tool "w" has no argument "xyzzy" [unknown-argument]', "it takes city, unit"),
        ("{call: n, with: {x: 1}}", '14:23: tool "n" has no argument "x" [unknown-argument]',
         "it takes none: leave it out"),
        ("{call: w}", '14:13: tool "w" needs the argument "city" [missing-argument]',
         "add to with: city: …"),
        ("{call: w, with: 'in {{ a }}'}",
         '14:22: "with" gives each argument by its name [wrong-value]',
         "write name: value below it, or one {{ expression }} that gives an object"),
        ("{uses: c.yaml, with: {txt: 1, text: 2}}",
         '14:28: "c.yaml" has no input "txt" [unknown-input]',
         "did you mean text?"),
        ("{uses: ./c.yaml}", '14:13: "./c.yaml" needs the input "text" [missing-input]',
         "add to with: text: …"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_told(step: str, message: str, mend: str) -> None:
    text = f"{HEAD}steps:\n  a: {{value: 1}}\n\n  b: {step}"
    assert told(text, CHILD) == [message]
    assert checked(text, CHILD).diagnostics[0].mend == mend


def test_what_is_missing_for_another_fault_is_not_told() -> None:
    assert told(f"{HEAD}steps: {{a: {{call: w, with: 3}}}}") == [
        '11:28: "with" must be a mapping or text, not 3 [wrong-value]'
    ]


def test_a_faulty_template_is_told_as_such() -> None:
    (found,) = told(f"{HEAD}steps: {{a: {{call: w, with: '{{{{ x'}}}}")
    assert found.endswith("[template-syntax]")


@pytest.mark.parametrize(
    ("schema", "known"),
    [
        ({"type": "object", "properties": {"a": {}}}, ["a"]),
        ({"type": "object", "properties": {}}, []),
        ({"type": "object", "additionalProperties": False}, []),
        ({"type": "object"}, None),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, None),
        ({"properties": {"a": {}}, "patternProperties": {"^b": {}}}, None),
        ({"$ref": "#/$defs/a", "properties": {"a": {}}}, None),
    ],
)
def test_the_names_that_a_schema_knows(schema: dict[str, object], known: list[str] | None) -> None:
    assert known_parameters(schema) == known  # type: ignore[arg-type]  # plain JSON
