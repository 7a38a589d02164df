from __future__ import annotations

import socket

import pytest

from flowrun.chat.schema import InvalidSchema, compile_schema, pointer
from flowrun.digest import JsonValue

BRIEF: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "headline": {"type": "string", "maxLength": 9},
        "benefits": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "kind": {"enum": ["lamp", "bike"]},
        "since": {"type": "string", "format": "date"},
    },
    "required": ["headline", "benefits"],
    "additionalProperties": False,
}


def deep(levels: int) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def faults_of(schema: dict[str, JsonValue]) -> str:
    with pytest.raises(InvalidSchema) as caught:
        compile_schema(schema)
    return str(caught.value)


def test_a_value_that_fits_has_no_problems() -> None:
    value: JsonValue = {"headline": "Light", "benefits": ["a", "b"], "price": None, "kind": "lamp"}
    assert compile_schema(BRIEF).problems(value) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"headline": "a bit long"}, 'at /headline: "a bit long" is longer than 9 characters'),
        ({"headline": 12}, 'at /headline: 12 is not of type "string"'),
        ({"benefits": ["a"]}, 'at /benefits: ["a"] has less than 2 items'),
        ({"benefits": ["a", {"b": 1}]}, 'at /benefits/1: {"b": 1} is not of type "string"'),
        ({"kind": "car"}, 'at /kind: "car" is not one of "lamp" or "bike"'),
        ({"since": "yesterday"}, 'at /since: "yesterday" is not a "date"'),
        ({"other": 1}, "Additional properties are not allowed ('other' was unexpected)"),
        (
            {"price": "3"},
            'at /price: "3" fits no alternative: "3" is not of type "number"; '
            'or "3" is not of type "null"',
        ),
    ],
)  # fmt: skip
def test_a_problem_says_where_and_what(change: dict[str, JsonValue], problem: str) -> None:
    value: dict[str, JsonValue] = {"headline": "Light", "benefits": ["a", "b"], **change}
    assert compile_schema(BRIEF).problems(value) == [problem]


def test_a_missing_key_of_the_root_has_no_place() -> None:
    assert compile_schema(BRIEF).problems({"headline": "Light"}) == [
        '"benefits" is a required property'
    ]


def test_an_alternative_that_lies_deeper_says_where() -> None:
    inner: JsonValue = {"properties": {"a": {"items": {"type": "string"}}}}
    schema = compile_schema({"items": {"oneOf": [inner, False]}})
    assert schema.problems([{"a": [1]}]) == [
        'at /0: {"a": [1]} fits no alternative: at /a/0: 1 is not of type "string"; '
        'or False schema does not allow {"a": [1]}'
    ]


def test_more_than_one_fitting_alternative_is_told_as_it_is() -> None:
    schema = compile_schema({"oneOf": [{"type": "integer"}, {"type": "number"}]})
    assert schema.problems(1) == [
        "1 is valid under more than one of the schemas listed in the 'oneOf' keyword"
    ]


def test_five_problems_are_named_at_most() -> None:
    schema = compile_schema({"items": {"type": "string"}})
    assert schema.problems([1, 2, 3, 4, 5])[-1] == 'at /4: 5 is not of type "string"'
    assert schema.problems([1, 2, 3, 4, 5, 6])[-1] == "and more"
    assert len(schema.problems(list(range(1000)))) == 6


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, [["x" * 100] * 100] * 100, {"k" * 1000: {"k": [[[[["x"]]]]]}}],
    ids=["text", "lists", "objects"],
)
def test_a_huge_value_is_shown_short(value: JsonValue) -> None:
    [problem] = compile_schema({"type": "integer"}).problems(value)
    assert len(problem) < 120


def test_what_lies_deep_is_left_out() -> None:
    [problem] = compile_schema({"type": "integer"}).problems([[[[[1]]]], True, None, 1.5])
    assert problem == '[[["…"]], true, null, 1.5] is not of type "integer"'


def test_a_long_list_of_choices_is_cut() -> None:
    [problem] = compile_schema({"enum": ["x" * 500]}).problems("y")
    assert len(problem) == 300
    assert problem.endswith("x…")


def test_what_is_no_plain_data_is_a_problem() -> None:
    ring: list[JsonValue] = []
    ring.append(ring)
    for value in ("\ud800", ring):
        [problem] = compile_schema({"type": "string"}).problems(value)
        assert problem.startswith("it is not plain JSON: ")


def test_equal_schemas_are_compiled_once() -> None:
    assert compile_schema({"type": "object", "title": "a"}) is compile_schema(
        {"title": "a", "type": "object"}
    )


def test_other_drafts_are_taken_by_their_name() -> None:
    draft_4 = "http://json-schema.org/draft-04/schema#"
    schema = compile_schema({"$schema": draft_4, "minimum": 3, "exclusiveMinimum": True})
    assert schema.problems(3) == ["3 is less than or equal to the minimum of 3"]


def test_references_lead_into_the_schema_itself_and_to_published_drafts() -> None:
    named: JsonValue = {"name": {"$id": "https://example.org/name", "type": "string"}}
    schema = compile_schema(
        {
            "$id": "https://example.org/root",
            "$defs": named,
            "properties": {"a": {"$ref": "name"}, "b": {"$ref": "#/properties/a"}},
        }
    )
    assert schema.problems({"b": 1}) == ['at /b: 1 is not of type "string"']
    draft = compile_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"})
    assert len(draft.problems({"minItems": -1})) == 1


def test_a_schema_of_itself_ends() -> None:
    tree = compile_schema({"type": "array", "items": {"$ref": "#"}})
    assert tree.problems([[], [[]]]) == []
    assert tree.problems([[], [[3]]]) == ['at /1/0/0: 3 is not of type "array"']
    assert compile_schema({"$ref": "#"}).problems(1) == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"items": {"type": 3}}, "at /items/type: "),
        ({"properties": {"a": 3}}, 'at /properties/a: 3 is not of types "boolean", "object"'),
        ({"required": "a"}, 'at /required: "a" is not of type "array"'),
        ({"items": {"pattern": "("}}, 'at /items/pattern: "(" is not a "regex"'),
        (
            {"minItems": -1, "maxItems": "many"},
            'at /maxItems: "many" is not of type "integer"; '
            "at /minItems: -1 is less than the minimum of 0",
        ),
        ({"$schema": "http://example.org/mine"}, 'at /$schema: "http://example.org/mine" is no '
                                                 "known draft"),
        ({"$schema": 3}, "at /$schema: 3 is no known draft"),
        ({"maximum": float("nan")}, "it is not plain JSON: "),
        ({"const": "\ud800"}, "it is not plain JSON: "),
        (deep(400), "it is nested too deeply"),
        (deep(2000), "it is nested too deeply"),
        ({"const": "x" * 1_000_000}, "it is larger than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_its_place(
    schema: dict[str, JsonValue], message: str
) -> None:
    assert faults_of(schema).startswith(message)


def test_an_older_draft_is_held_to_its_own_rules() -> None:
    draft_7 = "http://json-schema.org/draft-07/schema#"
    compile_schema({"$schema": draft_7, "items": [{"type": "string"}]})
    assert faults_of({"$schema": draft_7, "items": 3}) == (
        'at /items: 3 fits no alternative: 3 is not of types "boolean", "object"; '
        'or 3 is not of type "array"'
    )


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:9/a.json", "https://example.org/a.json", "file:///etc/hostname",
     "other.json", "#/$defs/nothing", "#nothing", "#/$defs/with space"],
)  # fmt: skip
def test_nothing_is_fetched_for_a_reference(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: object, **named: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", opened)
    assert faults_of({"allOf": [{}], "items": {"prefixItems": [{}, {"$ref": target}]}}) == (
        f'at /items/prefixItems/1/$ref: "{target}" leads to no schema in this one'
    )


def test_a_reference_below_another_base_is_told_without_its_place() -> None:
    message = faults_of({"$id": "https://example.org/a", "items": {"$ref": "b.json"}})
    assert "https://example.org/b.json" in message


def test_a_pattern_that_explodes_is_given_up() -> None:
    assert compile_schema({"pattern": "^(a+)+$"}).problems("a" * 50_000 + "b") != []
    assert compile_schema({"pattern": "^(a|a)*(?!b)$"}).problems("a" * 50_000 + "b") == [
        "Error executing regex: Max limit for backtracking count exceeded"
    ]
    assert faults_of({"pattern": "(((a{100}){100}){100}){100}"}).startswith("at /pattern: ")


def test_a_pointer_escapes_its_signs() -> None:
    assert pointer(()) == ""
    assert pointer(("a/b", "m~n", 0)) == "/a~1b/m~0n/0"


def expressions() -> dict[str, JsonValue]:
    def applied(operator: str) -> JsonValue:
        return {
            "type": "object",
            "properties": {"arg": {"$ref": "#/$defs/node"}, "op": {"const": operator}},
            "required": ["arg", "op"],
        }

    node: JsonValue = {"anyOf": [{"type": "integer"}, applied("neg"), applied("not")]}
    return {"$defs": {"node": node}, "$ref": "#/$defs/node"}


def nested(leaf: JsonValue, levels: int) -> JsonValue:
    for _ in range(levels):
        leaf = {"arg": leaf, "op": "not"}
    return leaf


@pytest.mark.parametrize("levels", [16, 150])
def test_alternatives_within_alternatives_are_judged_without_exploding(levels: int) -> None:
    schema = compile_schema(expressions())
    assert schema.problems(nested(1, levels)) == []
    [problem] = schema.problems(nested("leaf", levels))
    assert problem.endswith(" does not fit, and is nested too deeply to say where")


def test_alternatives_a_few_levels_deep_are_told() -> None:
    [problem] = compile_schema(expressions()).problems(nested("leaf", 1))
    assert 'at /arg: "leaf" is not valid under any' in problem


def test_a_large_value_is_told_its_first_problem() -> None:
    schema = compile_schema({"items": {"type": "string"}})
    assert schema.problems([1] * 100_000) == [
        'at /0: 1 is not of type "string"; it is too large to say more'
    ]


def chained(word: str, links: int) -> dict[str, JsonValue]:
    defs: dict[str, JsonValue] = {
        f"d{each}": {word: [{"$ref": f"#/$defs/d{each + 1}"}] * 2} for each in range(links)
    }
    return {"$defs": {**defs, f"d{links}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("word", ["allOf", "anyOf", "oneOf"])
def test_references_that_multiply_are_refused(word: str) -> None:
    assert faults_of(chained(word, 28)) == (
        "its references multiply: more than 100,000 schemas apply to one value"
    )
    [problem] = compile_schema(chained(word, 14)).problems("x")
    assert problem == '"x" does not fit, and is nested too deeply to say where'


@pytest.mark.parametrize("more", [{}, {"description": "What it is."}, {"title": "A name"}])
def test_any_text_fits_where_a_text_is_asked_for(more: dict[str, JsonValue]) -> None:
    schema = compile_schema({"type": "string", **more})
    assert [schema.problems(each) for each in ("", "plain", "Über 𝄞")] == [[], [], []]


def test_what_is_no_text_is_told_where_a_text_is_asked_for() -> None:
    schema = compile_schema({"type": "string"})
    assert schema.problems(3) == ['3 is not of type "string"']
    assert "not plain JSON" in schema.problems("\ud800")[0]


def test_a_wrong_word_beside_the_type_of_a_text_is_a_fault() -> None:
    assert "description" in faults_of({"type": "string", "description": 3})
