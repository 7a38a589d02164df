"""What pydantic finds, in words of the language, with how to mend it."""

from __future__ import annotations

import pytest

from flowrun.document.complaints import known_keys
from flowrun.document.spec import OutputForm, WireFormat
from tests.document.checking import checked, told

STEP = "steps:\n  a:\n    prompt: x\n    "


def words(text: str) -> tuple[str, str, str]:
    """What is wrong, why, and how to mend it."""
    (found,) = checked(text).diagnostics
    return found.message, found.why, found.mend


@pytest.mark.parametrize(
    ("key", "why", "mend"),
    [
        ("temprature: 0", "", "did you mean temperature?"),
        ("response-format: x", "", "did you mean response_format?"),
        ("Model: x", "", "did you mean model?"),
        ("model fastest:", "", 'write "model: fastest"'),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, why: str, mend: str) -> None:
    assert words(f"{STEP}{key}")[1:] == (why, mend)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            "zzz: 1\nsteps: {a: {value: 1}}",
            "defaults, description, inputs, name, outputs, schemas, steps",
        ),
        ("steps: {a: {value: 1}}\noutputs: {o: {value: 1, zzz: 1}}", "as, file, foreach, value"),
        ("schemas: {s: {file: x, zzz: 1}}\nsteps: {a: {value: 1}}", "file"),
        ("steps: {a: {prompt: {file: x, zzz: 1}}}", "file"),
        ("defaults: {system: {file: x, zzz: 1}}\nsteps: {a: {value: 1}}", "file"),
        ("steps: {a: {prompt: x, response_format: {type: text, zzz: 1}}}", "json_schema, type"),
        (
            "steps: {a: {prompt: x, response_format: {type: json_schema, json_schema: "
            "{name: n, schema: {}, zzz: 1}}}}",
            "description, name, schema, strict",
        ),
        ("steps: {a: {messages: [{role: user, content: x, zzz: 1}]}}", "content, role"),
        (
            "steps: {a: {messages: [{role: user, content: [{type: text, text: x, zzz: 1}]}]}}",
            "text, type",
        ),
        (
            "steps: {a: {messages: [{role: user, content: [{type: image_url, image_url: "
            "{url: 'http://x'}, zzz: 1}]}]}}",
            "image_url, type",
        ),
        (
            "steps: {a: {messages: [{role: user, content: [{type: image_url, image_url: "
            "{url: 'http://x', zzz: 1}}]}]}}",
            "url",
        ),
    ],
)  # fmt: skip
def test_without_a_near_one_the_known_keys_are_named(text: str, known: str) -> None:
    found = [each for each in checked(text, {"x": "{}"}).diagnostics if each.code == "unknown-key"]
    assert [(each.message, each.why) for each in found] == [
        ('unknown key "zzz"', f"known here: {known}")
    ]


def test_an_unknown_key_of_defaults_names_the_known_ones() -> None:
    _, why, mend = words("defaults: {prompt: x}\nsteps: {a: {value: 1}}")
    assert why.startswith("known here: cache, fallback, frequency_penalty, ")
    assert mend == "leave it out; keys of your own start with x-"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tools: {}\nsteps: {a: {value: 1}}", "1:1"),
        ("budget: {}\nsteps: {a: {value: 1}}", "1:1"),
        ("defaults: {tool_choice: x}\nsteps: {a: {value: 1}}", "1:12"),
        ("steps: {a: {prompt: x, max_turns: 3}}", "1:24"),
    ],
)
def test_a_word_that_waits_is_told_as_such(text: str, place: str) -> None:
    (found,) = told(text)
    assert found.startswith(place)
    assert found.endswith(" is not yet supported [not-yet-supported]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call: x\nsteps: {a: {value: 1}}", 'unknown key "call"'),
        ("defaults: {uses: x}\nsteps: {a: {value: 1}}", 'unknown key "uses"'),
    ],
)
def test_a_word_that_waits_elsewhere_is_unknown_here(text: str, message: str) -> None:
    assert words(text)[0] == message


@pytest.mark.parametrize(
    ("line", "message", "mend"),
    [
        ("cache: no", '"cache" must be true or false, not "no"', "write false"),
        ("needs: b", '"needs" must be a list, not "b"', "write [b]"),
        ("foreach: [1]", '"foreach" must be text or a mapping, not a list', "write the list"),
        ("foreach: 3", '"foreach" must be text or a mapping, not 3', ""),
        ("on_error: fial", '"on_error" must be "fail" or "ignore", not "fial"', "did you mean"),
        ("on_error: 3", '"on_error" must be "fail" or "ignore", not 3', ""),
        ("modalities: []", '"modalities" must have 1 or more entries', ""),
        ("stop: [a, b, c, d, e]", '"stop" must have 4 entries at most, not 5', ""),
        ("samples: 0", '"samples" must be 1 or more, not 0', ""),
        ("repetition_penalty: 0", '"repetition_penalty" must be above 0, not 0', ""),
        ("top_p: 1.5", '"top_p" must be 1 or less, not 1.5', ""),
        ("top_p: warm", '"top_p" must be a number, or a template that gives one, not "warm"', ""),
        ("seed: 1.5", '"seed" must be a whole number or text, not 1.5', ""),
        ("logit_bias: {a: b}", '"a" must be a number, not "b"', ""),
        ("samples: 1" + "0" * 40, '"samples" must be 1000 or less, not so large a number', ""),
        ("user: {a: b}", '"user" must be text, not a mapping', ""),
        ("retry: true", '"retry" must be a whole number, not true', ""),
        ("expect: [a, 3]", 'entry 2 of "expect" must be text, not 3', ""),
        ("if:", '"if" must be text or true or false, not nothing', ""),
        (f"timeout: {'x' * 50}", '"timeout" must be a number above 0 with its unit: 500ms, 90s, 5m '
         f'or 1h, not "{"x" * 40}…"', ""),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_told_with_its_mend(
    line: str, message: str, mend: str
) -> None:
    found = [each for each in checked(STEP + line).diagnostics if each.code == "wrong-value"]
    assert [each.message for each in found] == [message]
    assert found[0].mend.startswith(mend)
    assert bool(found[0].mend) == bool(mend)


def test_a_key_without_a_blank_behind_it_is_recognised() -> None:
    assert words("steps:\n  a:\n    prompt:Say hello.") == (
        '"a" must be a mapping, not "prompt:Say hello."',
        "",
        'write a blank behind ":"',
    )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("name: x", ['1:1: the file has no "steps" [missing-key]']),
        (
            "steps: {a: {messages: [{content: x}]}}",
            ['1:24: entry 1 of "messages" has no "role" [missing-key]'],
        ),
        (
            "steps: {a: {messages: [{rol: user, content: x}]}}",
            ['1:25: unknown key "rol" [unknown-key]'],
        ),
        (
            "steps: {a: {messages: [{who: user, content: x}]}}",
            [
                '1:24: entry 1 of "messages" has no "role" [missing-key]',
                '1:25: unknown key "who" [unknown-key]',
            ],
        ),
        (
            "steps: {a: {messages: [{role: user, content: [{type: 3}]}]}}",
            [
                '1:47: entry 1 of "content" must have a "type" of "text" or "image_url" '
                "[wrong-value]"
            ],
        ),
    ],
)
def test_what_is_missing_is_told_unless_it_is_there_misspelt(
    text: str, messages: list[str]
) -> None:
    assert told(text) == messages


def test_keys_are_named_as_the_file_writes_them() -> None:
    assert known_keys(OutputForm) == ["value", "file", "foreach", "as"]
    assert known_keys(WireFormat) == ["type", "json_schema"]
