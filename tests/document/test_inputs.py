"""Declarations of inputs: their words, and defaults that are paths."""

from __future__ import annotations

import pytest

from flowrun.document.vocabulary import PATH_WORDS, SCHEMA_WORDS
from tests.document.checking import checked, told


def faults(spec: str) -> list[str]:
    return told(f"inputs: {{a: {spec}}}\nsteps: {{s: {{value: 1}}}}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{typ: string}", '1:14: unknown key "typ" [unknown-key]'),
        ("{type: image, pattern: x}", '1:27: "pattern" has no meaning here [unknown-key]'),
        (
            "{type: file, default: ../x}",
            '1:35: "../x" is no file name here: it has "..", which leads out of the folder '
            "[unreadable-file]",
        ),
        (
            "{type: image, default: null}",
            "1:36: the default must be a path under the pipeline's folder [wrong-value]",
        ),
        (
            "{type: string, default: 3}",
            '1:37: the default does not fit: 3 is not of type "string" [wrong-default]',
        ),
        (
            "{type: array, items: {type: string}, default: [x, 3]}",
            '1:59: the default does not fit: at /1: 3 is not of type "string" [wrong-default]',
        ),
        (
            "{default: null, type: string}",
            '1:23: the default does not fit: null is not of type "string" [wrong-default]',
        ),
        ("{type: [string, nul]}", '1:29: "nul" is no type of JSON Schema [bad-schema]'),
        (
            "{minLength: x}",
            '1:25: "minLength" is not as JSON Schema has it: "x" is not of type "integer" '
            "[bad-schema]",
        ),
    ],
)
def test_a_faulty_declaration_is_told_at_its_place(spec: str, message: str) -> None:
    assert faults(spec) == [message]


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "{x-note: 1, type: [string, 'null'], default: null, title: t, examples: [x]}",
        "{type: file, default: some/notes.md, description: d}",
        "{enum: [a, b], default: b}",
        "{type: object, properties: {n: {type: integer}}, default: {n: 1}}",
        "3",
    ],
)
def test_a_good_declaration_has_no_words_said_about_it(spec: str) -> None:
    assert [each for each in faults(spec) if "wrong-value" not in each] == []


def test_a_misspelt_word_has_its_mend() -> None:
    (found,) = checked("inputs: {a: {defualt: 1}}\nsteps: {s: {value: 1}}").diagnostics
    assert (found.mend, found.length) == ("did you mean default?", 7)
    (found,) = checked("inputs: {a: {xyzzy: 1}}\nsteps: {s: {value: 1}}").diagnostics
    assert found.mend == "leave it out; keys of your own start with x-"


def test_what_a_path_may_say_is_said_of_any_input() -> None:
    assert PATH_WORDS <= SCHEMA_WORDS
