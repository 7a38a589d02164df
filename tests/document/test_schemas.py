"""Schemas in the file and in files of their own: read once, and told where they are wrong."""

from __future__ import annotations

import pytest

from flowrun.chat.messages import ResponseFormat
from tests.document.checking import checked, plan, told

STEP = "steps: {a: {prompt: x, response_format: s}}\n"


def format_of(text: str, files: dict[str, str] | None = None) -> ResponseFormat:
    ask = plan(text, files).tasks[0].ask
    assert ask is not None
    return ask.response_format


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{type: text}", ResponseFormat()),
        ("{type: json_object}", ResponseFormat("json_object")),
        ("s", ResponseFormat("json_schema", "s", {"type": "object"})),
        (
            "{type: json_schema, json_schema: {name: n, schema: {type: array}, strict: false}}",
            ResponseFormat("json_schema", "n", {"type": "array"}, False),
        ),
    ],
)
def test_a_format_is_the_wires_object_or_the_name_of_a_schema(
    form: str, expected: ResponseFormat
) -> None:
    text = f"schemas: {{s: {{type: object}}}}\nsteps: {{a: {{prompt: x, response_format: {form}}}}}"
    assert format_of(text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"type": "object"}'),
        ("s.json", '{\n\t"type":\t"object"\n}'),
        ("s.yaml", "type: object"),
    ],
)
def test_a_schema_may_stand_in_a_file(name: str, text: str) -> None:
    found = format_of(f"schemas: {{s: {{file: {name}}}}}\n{STEP}", {name: text})
    assert found.schema == {"type": "object"}


@pytest.mark.parametrize(
    ("form", "messages"),
    [
        ("t", ['2:41: "t" is no entry of schemas [unknown-schema]']),
        ("{type: json_schema}", ['2:41: "response_format" has no "json_schema" [missing-key]']),
        (
            "{type: json_schema, json_schema: {name: n, schema: {type: a, items: {type: 3}}}}",
            [
                '2:99: "a" is no type of JSON Schema [bad-schema]',
                "2:116: 3 is no type of JSON Schema [bad-schema]",
            ],
        ),
        (
            "{type: json_schema, json_schema: {name: n, schema: 3}}",
            ['2:92: "schema" must be a mapping, not 3 [wrong-value]'],
        ),
        (
            "{type: json_schema, json_schema: {name: n}}",
            ['2:61: "json_schema" has no "schema" [missing-key]'],
        ),
    ],
)
def test_a_faulty_format_is_told_at_its_place(form: str, messages: list[str]) -> None:
    text = f"schemas: {{s: {{}}}}\nsteps: {{a: {{prompt: x, response_format: {form}}}}}"
    assert told(text) == messages


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("brif", "did you mean brief?"),
        ("xyzzy", 'add "xyzzy" under schemas'),
        ("json_object", "write {type: json_object}"),
        ("text", "write {type: text}"),
    ],
)
def test_an_unknown_schema_has_its_mend(name: str, mend: str) -> None:
    text = f"schemas: {{brief: {{}}}}\nsteps: {{a: {{prompt: x, response_format: {name}}}}}"
    (found,) = checked(text).diagnostics
    assert (found.mend, found.length) == (mend, len(name))


@pytest.mark.parametrize(
    ("name", "text", "messages"),
    [
        ("s.yaml", "a: [b", ['s.yaml:1:4: the bracket "[" is never closed [unclosed-bracket]']),
        ("s.yaml", "- a", ['1:21: "s.yaml" holds no JSON Schema [bad-schema]']),
        ("s.yaml", "\ntype: objct", ['s.yaml:2:7: "objct" is no type of JSON Schema [bad-schema]']),
        ("s.json", "{\n 'a': 1}", [
            "s.json:2:2: this is not JSON: expecting property name enclosed in double quotes "
            "[bad-schema]"
        ]),
        ("s.json", '{"const": 1' + "0" * 5_000 + "}", [
            "s.json:1:1: this is not JSON: Exceeds the limit (4300 digits) for integer string "
            "conversion: value has 5001 digits; use sys.set_int_max_str_digits() to increase the "
            "limit [bad-schema]"
        ]),
        ("s.json", '{"not": ' * 3_000, ["s.json:1:1: nested too deep [bad-schema]"]),
    ],
)  # fmt: skip
def test_a_faulty_file_is_told_where_it_is_wrong(name: str, text: str, messages: list[str]) -> None:
    assert told(f"schemas: {{s: {{file: {name}}}}}\n{STEP}", {name: text}) == messages


def test_a_file_that_is_not_there_is_told_where_it_is_named() -> None:
    text = f"schemas: {{s: {{file: s.json}}}}\n{STEP}"
    assert told(text) == ['1:21: there is no file "s.json" [unreadable-file]']


def test_of_a_key_that_json_has_twice_the_last_one_counts() -> None:
    text = f"schemas: {{s: {{file: s.json}}}}\n{STEP}"
    found = format_of(text, {"s.json": '{"type": "object", "type": "array"}'})
    assert found.schema == {"type": "array"}


def test_a_fault_at_the_root_is_told_at_the_schema() -> None:
    text = "schemas: {s: {$schema: 'https://example.org/x'}}\n" + STEP
    (found,) = told(text)
    assert found.startswith('1:24: "$schema" is not as JSON Schema has it: ')


def test_a_schema_that_is_too_large_is_told_at_its_beginning() -> None:
    text = '{"enum": ["' + "x" * 1_000_001 + '"]}'
    assert told(f"schemas: {{s: {{file: s.json}}}}\n{STEP}", {"s.json": text}) == [
        "s.json:1:1: not a JSON Schema: it is larger than 1,000,000 characters [bad-schema]"
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{type: {a: b}}", '1:21: not a JSON Schema: {"a": "b"} fits no alternative: '),
        ("{anyOf: [{}, {type: [string, 3]}]}", "1:43: 3 is no type of JSON Schema [bad-schema]"),
        ("{required: [a, 3]}", '1:29: entry 2 of "required" is not as JSON Schema has it: 3 is'),
    ],
)
def test_a_faulty_word_is_told_where_it_stands(schema: str, message: str) -> None:
    (found,) = told(f"schemas: {{s: {schema}}}\nsteps: {{a: {{value: 1}}}}")
    assert found.startswith(message)


def test_words_that_json_schema_nearly_has_are_worth_a_warning() -> None:
    text = f"""
schemas:
  s:
    propertys: {{}}
    properties: {{requried: {{tpe: string}}, a: {{prefixItems: [true, {{minLenght: 1}}]}}}}
    anyOf: [{{requird: [a]}}, true]
    $defs: {{b: {{additionalProperties: {{tittle: x}}, nullable: true, example: 1}}}}
{STEP}"""
    assert [each.split(": warning: ")[1].split(" is ")[0] for each in told(text)] == [
        '"propertys"', '"tpe"', '"minLenght"', '"requird"', '"tittle"',
    ]  # fmt: skip
    assert checked(text).diagnostics[0].mend == "did you mean properties?"
