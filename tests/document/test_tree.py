"""Aliases, merge keys, tags, duplicate keys, and the bounds of a file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.document.source import Loaded, load_value
from flowrun.errors import PipelineError


def read(text: str) -> Loaded:
    return load_value(text, "f.yaml")


def faults(text: str) -> list[tuple[str, str]]:
    """The place and message of each fault."""
    with pytest.raises(PipelineError) as caught:
        read(text)
    return [(f"{it.mark.line}:{it.mark.column}", it.message) for it in caught.value.diagnostics]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc<=&*"), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_is_yaml(value: object) -> None:
    assert read(json.dumps(value, ensure_ascii=False)).data == value


def test_aliases_share_what_they_name() -> None:
    loaded = read("a: &x [1, {b: c}]\nd: *x\n&k key: 1\nm: {*k : 2}\n")
    assert loaded.data == {"a": [1, {"b": "c"}], "d": [1, {"b": "c"}], "key": 1, "m": {"key": 2}}
    assert loaded.mark(("d", 1, "b")) == loaded.mark(("a", 1, "b"))
    assert str(loaded.key_mark(("m", "key"))) == "f.yaml:4:5"


def test_an_anchor_may_be_given_again() -> None:
    assert read("[&a 1, *a, &a 2, *a]").data == [1, 1, 2, 2]
    assert read("[&a [&a 1, *a], *a]").data == [[1, 1], 1]


def test_merge_keys_take_over_what_is_not_there() -> None:
    loaded = read("x-a: &a {b: 1, c: 2}\nd:\n  b: 3\n  <<: *a\ne:\n  <<: *a\n  b: 3\n")
    assert loaded.data == {"x-a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}, "e": {"b": 3, "c": 2}}
    assert str(loaded.key_mark(("d", "b"))) == "f.yaml:3:3"
    assert str(loaded.mark(("d", "c"))) == "f.yaml:1:19"
    assert str(loaded.key_mark(("e", "c"))) == "f.yaml:1:16"
    assert str(loaded.mark(("e", "b"))) == "f.yaml:7:6"


def test_of_a_list_of_merged_mappings_the_first_counts() -> None:
    text = "a: &a {k: 1}\nb: &b {k: 2, l: 2}\nc: {<<: [*a, *b, {m: 3}]}\nd: {<<: []}\n"
    data = read(text).data
    assert isinstance(data, dict)
    assert data["c"] == {"k": 1, "l": 2, "m": 3}
    assert data["d"] == {}


def test_a_merge_key_in_quotes_is_a_key() -> None:
    assert read('"<<": {a: 1}').data == {"<<": {"a": 1}}


def test_merging_leaves_the_merged_alone() -> None:
    assert read("a: &a {k: 1}\nb:\n  <<: *a\n  k: 2\n").data == {"a": {"k": 1}, "b": {"k": 2}}


@pytest.mark.parametrize("value", ["5", "text", "[1]", "[[{a: 1}]]"])
def test_only_mappings_can_be_merged(value: str) -> None:
    assert faults(f"a: 1\n<<: {value}") == [("2:1", '"<<" takes a mapping or a list of mappings')]


def test_an_unknown_alias_is_reported_once_wherever_it_stands() -> None:
    text = "base: &base {}\na: *bse\n<<: *b\nc: {<<: [*b]}\n? *b\n: 1\n"
    assert faults(text) == [
        ("2:4", 'unknown alias "*bse"'),
        ("3:5", 'unknown alias "*b"'),
        ("4:10", 'unknown alias "*b"'),
        ("5:3", 'unknown alias "*b"'),
    ]


def test_a_value_cannot_be_part_of_itself() -> None:
    message = 'the alias "*a" stands inside the value that it names'
    assert faults("a: &a [1, {b: *a}]") == [("1:15", message)]


def test_duplicate_keys_name_both_places() -> None:
    assert faults("a: 1\nb: {c: 1, 'c': 2}\na: 3\n'a': 4") == [
        ("2:11", 'the key "c" is given twice, first at f.yaml:2:5'),
        ("3:1", 'the key "a" is given twice, first at f.yaml:1:1'),
        ("4:1", 'the key "a" is given twice, first at f.yaml:1:1'),
    ]
    assert faults("{<<: {a: 1}, <<: {b: 1}}") == [
        ("1:14", 'the key "<<" is given twice, first at f.yaml:1:2')
    ]
    assert faults("&k a: 1\n*k : 2") == [("2:1", 'the key "a" is given twice, first at f.yaml:1:4')]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2024: a", "the key 2024 is not text"),
        ("1.5: a", "the key 1.5 is not text"),
        ("null: a", "the key null is not text"),
        ("true: a", "the key true is not text"),
        ("? \n: a", "a key is missing"),
        ("[a]: b", "a key may not be a list"),
        ("{a: b}: c", "a key may not be a mapping"),
        ("{{ a }}: c", 'text that begins with "{{" must be in quotes'),
    ],
)
def test_keys_are_text(text: str, message: str) -> None:
    assert [found for _, found in faults(text)] == [message]


def test_keys_that_look_like_yaml_1_1_booleans_are_text() -> None:
    assert read("on: 1\nno: 2\ny: 3\n010: 4\n").data == {"on": 1, "no": 2, "y": 3, "010": 4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("!!seq [a]", ["a"]),
        ("!!map {a: 1}", {"a": 1}),
        ("! 5", "5"),
        ("! [5]", [5]),
    ],
)
def test_tags_of_the_core_schema_are_known(text: str, value: object) -> None:
    assert read(text).data == value


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !foo b", "!foo"),
        ("a: !!python/name:os.system x", "!!python/name:os.system"),
        ("a: !!python/object/apply:os.system [x]", "!!python/object/apply:os.system"),
        ("a: !!binary eA==", "!!binary"),
        ("a: !!set {x}", "!!set"),
        ("a: !!map [x]", "!!map"),
        ("a: !<tag:example.org,2000:x> {y: 1}", "tag:example.org,2000:x"),
        ("a: !" + "x" * 80 + " b", "!" + "x" * 59 + "…"),
    ],
)
def test_other_tags_are_refused(text: str, tag: str) -> None:
    assert faults(text) == [("1:4", f'unknown tag "{tag}"')]


def test_what_a_tag_does_not_fit_is_shown_behind_it() -> None:
    assert faults("a: !!int &x y") == [("1:13", '"y" is not of the kind int')]


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert faults("\n".join(lines)) == [("7:10", "too much data once aliases are written out")]


def test_much_text_behind_aliases_is_refused() -> None:
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 100)}]"
    (place, message), *rest = faults(text)
    assert message == "too much data once aliases are written out"
    assert place == "2:269"
    assert not rest


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_nesting_has_a_bound() -> None:
    assert read(nested(40)).data is not None
    assert faults(nested(41)) == [("1:41", "nested too deep")]
    assert faults("{a: " * 100_000) == [("1:161", "nested too deep")]
    assert faults("[" * 100_000) == [("1:41", "nested too deep")]


def test_aliases_count_as_deep_as_what_they_name() -> None:
    text = f"a: &a {nested(38)}\nb: [*a]\n"
    assert read(text).data is not None
    assert faults(text + "c: [[*a]]") == [("3:6", "nested too deep")]


def test_a_hundred_faults_are_enough() -> None:
    assert len(faults("".join(f"{n}: x\n" for n in range(1000)))) == 100
