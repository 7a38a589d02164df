"""What pydantic finds, in words of the language, with how to mend it."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, told
from tests.document.forming import faults, formed

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
            "budget, defaults, description, inputs, name, outputs, schemas, steps, tools",
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
    _, why, mend = words("defaults: {xyzzy: x}\nsteps: {a: {value: 1}}")
    assert why.startswith("known here: cache, fallback, frequency_penalty, ")
    assert mend == "leave it out; keys of your own start with x-"


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("model: fastest\nsteps: {a: {value: 1}}", "write it under defaults"),
        ("output: x\nsteps: {a: {value: 1}}", "did you mean outputs?"),
        ("prompt: x\nsteps: {a: {value: 1}}", "leave it out here: it is a word for steps"),
        ("defaults: {steps: {}}\nsteps: {a: {value: 1}}", "write it beside defaults"),
        ("defaults: {prompt: x}\nsteps: {a: {value: 1}}", "leave it out here: it is a word for "
         "steps"),
        ("steps: {a: {value: 1, until: a}}", "write it under repeat"),
        ("steps: {a: {steps: {b: {value: 1, max: 3}}}}", "write it under repeat"),
        ("steps: {a: {value: 1, repeat: {until: a, max: 3, expect: a}}}", "write it beside repeat"),
        ("steps: {a: {prompt: {file: x, system: y}}}", "write it beside prompt"),
        ("tools: {t: {method: GET}}\nsteps: {a: {value: 1}}", "write it under http"),
        ("tools: {t: {url: x}}\nsteps: {a: {value: 1}}", "write it under http or mcp"),
        ("tools: {t: {command: [x]}}\nsteps: {a: {value: 1}}", "write it under shell or mcp"),
        ("tools: {t: {http: {url: x, timeout: 3s}}}\nsteps: {a: {value: 1}}",
         "write it beside http"),
        ("tools: {t: {retry: 3}}\nsteps: {a: {value: 1}}", "leave it out here: it is a word for "
         "steps"),
        ("steps: {a: {prompt: x, tool_choice: {name: b}, tools: [b]}}", "leave it out; keys of "
         "your own start with x-"),
    ],
)  # fmt: skip
def test_a_key_that_belongs_elsewhere_is_told_where(text: str, mend: str) -> None:
    found = [each for each in faults(text) if each.code == "unknown-key"]
    assert [each.mend for each in found] == [mend]


def test_a_choice_without_its_keys_is_written_anew() -> None:
    text = "steps: {a: {prompt: x, tool_choice: {}, tools: [b]}}"
    assert [(each.message, each.mend) for each in faults(text)] == [
        (
            '"tool_choice" has no "type" and no "function"',
            "write the tool's name alone, or {type: function, function: {name: TOOL}}",
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call: x\nsteps: {a: {value: 1}}", 'unknown key "call"'),
        ("defaults: {uses: x}\nsteps: {a: {value: 1}}", 'unknown key "uses"'),
        ("defaults: {budget: {}}\nsteps: {a: {value: 1}}", 'unknown key "budget"'),
        ("tools: {t: {budget: {}}}\nsteps: {a: {value: 1}}", 'unknown key "budget"'),
        ("steps: {a: {value: 1, repeat: {budget: 1, until: a, max: 2}}}", 'unknown key "budget"'),
        ("outputs: {o: {value: 1, budget: {}}}\nsteps: {a: {value: 1}}", 'unknown key "budget"'),
    ],
)
def test_a_word_of_elsewhere_is_unknown_here(text: str, message: str) -> None:
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
        ("system: 3", '"system" must be text or {file: …}, not 3', ""),
        ("tools: [a, 3]", 'entry 2 of "tools" must be text, not 3', ""),
        ("tools: [a, '']", 'entry 2 of "tools" must not be empty', ""),
        ("tool_choice: 3", '"tool_choice" must be text or a mapping, not 3', ""),
        ("tools: [a, a]", '"tools" names "a" twice', ""),
        ("max_turns: 0", '"max_turns" must be 1 or more, not 0', ""),
        ("on_error: Ignore", '"on_error" must be "fail" or "ignore", not "Ignore"', "did you mean"),
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


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{call: '{{ x }}'}", '"call" must be written out: it cannot be a template'),
        ("{call: 3}", '"call" must be text, not 3'),
        ("{call: t, with: x}", '"with" must be a mapping, or a template that gives one, not "x"'),
        ("{call: t, with: [x]}", '"with" must be a mapping or text, not a list'),
        ("{uses: ''}", '"uses" must not be empty'),
        ("{uses: '{{ x }}'}", '"uses" must be written out: it cannot be a template'),
        ("{steps: x}", '"steps" must be a mapping, not "x"'),
        ("{value: 1, repeat: {until: x, max: 0}}", '"max" must be 1 or more, not 0'),
        ("{value: 1, repeat: {until: x, max: 1001}}", '"max" must be 1000 or less, not 1001'),
        ("{value: 1, repeat: {until: '', max: 1}}", '"until" must not be empty'),
        ("{value: 1, repeat: {until: 3, max: 1}}", '"until" must be text or true or false, not 3'),
        ("{value: 1, repeat: {max: 1}}", '"repeat" has no "until"'),
    ],
)
def test_the_new_words_have_theirs(step: str, message: str) -> None:
    (found,) = formed(f"steps: {{s: {step}}}")
    assert found.split(": ", 1)[1].rpartition(" [")[0] == message


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ("{python: a}", '"python" must be MODULE:FUNCTION, not "a"'),
        ("{http: {}}", '"http" has no "url"'),
        ("{http: {url: x, query: {a: {}}}}", '"a" must be text, a number, true or false, or a list '
         "of them, not a mapping"),
        ("{http: {url: x, query: {a: [[]]}}}", '"a" must be text, a number, true or false, or a '
         "list of them, not a list"),
        ("{http: {url: x, headers: {a b: x}}}", '"a b" cannot be the name of a header'),
        ("{http: {url: x, bearer: a-b}}", '"bearer" must be the name of an environment variable'),
        ("{shell: []}", '"shell" must have 1 or more entries'),
        ("{shell: {}}", '"shell" has no "command"'),
        ("{shell: 3}", '"shell" must be a list or a mapping, not 3'),
        ("{shell: [a, {each: b}]}", '"each" must be a template that gives a list, not "b"'),
        ("{shell: {command: [a], stdin: 3}}", '"stdin" must be text, not 3'),
        ("{mcp: {url: a}}", '"url" must begin with http:// or https://, not "a"'),
        ("{mcp: {url: '{{ a }}'}}", '"url" must be written out: it cannot be a template'),
        ("{mcp: {command: ['{{ a }}']}}", 'entry 1 of "command" must be written out: it cannot be '
         "a template"),
        ("{mcp: {command: [a], allow: []}}", '"allow" must have 1 or more entries'),
        ("{uses: 3}", '"uses" must be text, not 3'),
        ("{parameters: 3}", '"parameters" must be text or a mapping, not 3'),
        ("{python: 'a:b', timeout: 3}", '"timeout" must be a number above 0 with its unit: 500ms, '
         "90s, 5m or 1h, not 3"),
        ("{python: 'a:b', pure: yes}", '"pure" must be true or false, not "yes"'),
    ],
)  # fmt: skip
def test_tools_have_theirs(tool: str, message: str) -> None:
    (found,) = formed(f"tools: {{t: {tool}}}\nsteps: {{s: {{value: 1}}}}")
    assert found.split(": ", 1)[1].rpartition(" [")[0] == message
