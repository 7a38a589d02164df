"""Where the faults of `with` stand; what is told of them is in test_typecheck_tools."""

from __future__ import annotations

import pytest

from tests.document.checking import told
from tests.document.composed_file import diagnostics, places


@pytest.mark.parametrize(
    "steps",
    [
        "  a: {call: find, with: {query: «3»}}",
        "  a: {call: find, with: {query: «[»a]}}",
        "  a: {call: weather, with: {city: a, unit: «bananas»}}",
        "  a: {call: weather, with: {city: a, where: {zip: a, «zap»: 1}}}",
        "  a: {call: log, with: {names: [a, '«{{ inputs.count }}»', b]}}",
        "  a: {call: log, with: {names: [«{»a: 1}]}}",
        "  o: {value: 1}\n  a: {call: find, with: '«{{ o }}»'}",
        "  a:\n    call: find\n    with:\n      query: |\n        a\n      limit: «no number»",
        "  a: {call: find, with: {query: a, limit: '«a {{ inputs.word }}»'}}",
    ],
)
def test_a_fault_stands_where_the_value_does(steps: str) -> None:
    found, wanted = places(steps)
    assert found == wanted


def test_a_near_name_is_told() -> None:
    (found,) = diagnostics("  a: {call: weather, with: {city: a, unit: metrc}}")
    assert found.mend == "did you mean metric?"
    (found,) = diagnostics("  a: {call: weather, with: {city: a, where: {zip: a, zips: a}}}")
    assert found.mend == "did you mean zip?"


@pytest.mark.parametrize(
    "steps",
    [
        "  a: {call: weather, with: {city: a, where: '{{ inputs.orders[0] }}'}}",
        "  o: {value: {city: a, where: {zip: 1}}}\n  a: {call: weather, with: '{{ o }}'}",
    ],
)
def test_a_fault_within_a_value_is_told_with_the_way_to_it(steps: str) -> None:
    (found,) = diagnostics(steps)
    assert found.code == "wrong-type"
    assert "where" in found.message


def test_where_several_forms_are_taken_each_is_thought_of() -> None:
    tools = """\
tools:
  t:
    shell: [a]
    parameters:
      type: object
      properties:
        x:
          anyOf:
            - {type: array, prefixItems: [{type: string}, {type: integer}], items: {type: 'null'}}
            - {type: object, properties: {k: {const: a}, n: {type: integer}}, required: [k]}
            - {type: object, properties: {k: {const: b}, m: {type: string}}, required: [k, m]}
steps:
  a: {call: t, with: {x: %s}}
"""
    right = ["[a, 1, null]", "{k: a}", "{k: b, m: c}", "[]", "{k: a, z: 1}"]
    assert [told(tools % each) for each in right] == [[]] * len(right)
    wrong = ["[1]", "[a, b]", "[a, 1, 2]", "{k: c}", "{}", "a"]
    found = [told(tools % each) for each in wrong]
    assert [each[0].split(" of tool ")[0].split(": ", 1)[1] for each in found] == [
        'the argument "x[0]"',
        'the argument "x[1]"',
        'the argument "x[2]"',
        'the argument "x.k"',
        'the argument "x"',
        'the argument "x"',
    ]


def test_of_what_is_no_template_nothing_more_is_said() -> None:
    found = diagnostics("  a: {call: find, with: '{{ inputs.word'}\n  b: {prompt: '{{ nobody }}'}")
    assert [each.code for each in found] == ["template-syntax", "unknown-step"]
