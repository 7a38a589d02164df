"""Faults of form: which are found, where, and in which words."""

import pytest

from flowrun.document.anatomy import known_keys
from flowrun.document.outline import without, without_free_keys
from flowrun.document.source import load
from flowrun.document.spec import Step, editor_schema
from flowrun.document.spec_chat import Asking, Options
from flowrun.document.spec_tools import ToolSpec
from flowrun.document.structure import flaws
from flowrun.document.vocabulary import (
    ASKING,
    BESIDE_TOOLS,
    KINDS,
    ONLY_ASKING,
    OPTIONS,
    TOOL_KINDS,
)
from tests.document.forming import left


def faults(text: str) -> list[str]:
    return [str(flaw.diagnostic).partition("\n")[0] for flaw in flaws(load(text, "p.yaml"))]


STEP = "steps:\n  a:\n    prompt: hi\n    "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: {a: {prompt: x}}\ninptus: {}", '2:1: unknown key "inptus" [unknown-key]'),
        ("name: x", '1:1: the file has no "steps" [missing-key]'),
        ("steps: {}", "1:1: there are no steps [no-steps]"),
        ("steps: [a]", '1:8: "steps" must be a mapping, not a list [wrong-value]'),
        ("steps: {a: 3}", '1:12: "a" must be a mapping, not 3 [wrong-value]'),
        ("steps: {a: {}}", '1:9: step "a" does nothing [no-kind]'),
        ("steps: {1a: {prompt: x}}", '1:9: "1a" cannot be a name [bad-name]'),
        (
            "name: ' '\nsteps: {a: {prompt: x}}",
            '1:7: "name" must not be empty [wrong-value]',
        ),
        (STEP + "temperature: 3", '4:18: "temperature" must be 2 or less, not 3 [wrong-value]'),
        (
            STEP + "temperature: [1]",
            '4:18: "temperature" must be a number or text, not a list [wrong-value]',
        ),
        (STEP + "retry: -1", '4:12: "retry" must be 0 or more, not -1 [wrong-value]'),
        (STEP + "retry: 1.5", '4:12: "retry" must be a whole number, not 1.5 [wrong-value]'),
        (STEP + "cache: maybe", '4:12: "cache" must be true or false, not "maybe" [wrong-value]'),
        (
            STEP + "timeout: 90",
            '4:14: "timeout" must be a number above 0 with its unit: 500ms, 90s, 5m or 1h, '
            "not 90 [wrong-value]",
        ),
        (
            STEP + "on_error: stop",
            '4:15: "on_error" must be "fail" or "ignore", not "stop" [wrong-value]',
        ),
        (STEP + "budget: {usd: 0}", '4:19: "usd" must be above 0, not 0 [wrong-value]'),
        (STEP + "budget: 2", '4:13: "budget" must be a mapping, not 2 [wrong-value]'),
        (
            STEP + "repeat: {}",
            '4:5: "repeat" has no "until" and no "max" [missing-key]',
        ),
        (STEP + "max_turns: 101", '4:16: "max_turns" must be 100 or less, not 101 [wrong-value]'),
        (STEP + "tools: [b, b]", '4:12: "tools" names "b" twice [wrong-value]'),
        (
            STEP + "value: 3",
            '4:5: "value" cannot stand beside prompt: a step has one kind [wrong-combination]',
        ),
        (
            STEP + "as: x",
            '4:5: "as" names a loop variable, but there is no foreach [wrong-combination]',
        ),
        (
            STEP + "image_config: {size: 1}",
            '4:5: "image_config" has no effect without modalities: [image] [wrong-combination]',
        ),
        (
            "steps: {a: {value: 1, model: x}}",
            '1:23: "model" has no meaning here: this step asks no model [wrong-combination]',
        ),
        (
            "steps: {a: {messages: [{role: user, content: [{type: sound}]}]}}",
            '1:47: entry 1 of "content" must have a "type" of "text" or "image_url" [wrong-value]',
        ),
        (
            "steps: {a: {messages: [{role: bob, content: x}]}}",
            '1:31: "role" must be "system", "user" or "assistant", not "bob" [wrong-value]',
        ),
        ("steps: {a: {prompt: {fil: x}}}", '1:22: unknown key "fil" [unknown-key]'),
        (
            "steps: {a: {prompt: x}}\noutputs: {o: {file: x}}",
            '2:11: "o" has no "value" [missing-key]',
        ),
        (
            "steps: {a: {prompt: x}}\noutputs: {o: {value: x, fle: y}}",
            '2:25: unknown key "fle" [unknown-key]',
        ),
        (
            "steps: {a: {prompt: x}}\noutputs: {o: {value: x, as: y}}",
            '2:25: "as" names a loop variable, but no foreach [wrong-combination]',
        ),
        (
            "steps: {a: {prompt: x, foreach: {b: '[1]'}, as: c}}",
            '1:45: "as" has no meaning here: the mapping names its variables [wrong-combination]',
        ),
        (
            "steps: {a: {messages: x, system: y}}",
            '1:26: "system" cannot stand beside messages: add a system message [wrong-combination]',
        ),
        (
            "steps: {a: {prompt: x, modalities: [image], response_format: x}}",
            '1:45: "response_format" cannot stand beside an image modality [wrong-combination]',
        ),
    ],
)
def test_a_fault_of_form_has_its_place_and_its_words(text: str, message: str) -> None:
    assert f"p.yaml:{message}" in faults(text)


def test_every_fault_is_told_at_once_in_the_files_order() -> None:
    text = STEP + "retry: x\n    iff: y\n  b: {value: 1, seed: 2}\n  c: {}\nnme: x"
    assert [each.split(" ")[0] for each in faults(text)] == [
        "p.yaml:4:12:", "p.yaml:5:5:", "p.yaml:6:17:", "p.yaml:7:3:", "p.yaml:8:1:",
    ]  # fmt: skip


def test_a_sound_file_has_no_flaws() -> None:
    text = """
    name: all
    description: every key
    x-anchors: {a: 1}
    inputs: {a: {type: string, default: x, x-note: y}, b: {type: image}}
    schemas: {s: {type: object}, f: {file: s.json}}
    tools:
      x-tools: 1
      t: {python: "a.b:c", x-tool: 1, parameters: s, returns: {type: string}, pure: true}
      m: {mcp: {command: [a], x-mcp: 1}}
    defaults: {model: fastest, temperature: 0, timeout: 90s, x-more: 1, tools: [t], max_turns: 2}
    steps:
      a: {prompt: {file: a.md}, system: {file: b.md}, response_format: s, x-why: because}
      b:
        messages:
          - role: user
            content: [{type: text, text: x}, {type: image_url, image_url: {url: y}}]
        response_format: {type: json_schema, json_schema: {name: n, schema: {}, strict: true}}
        foreach: {x: a, y: b}
        stop: [a, b]
        seed: "{{ inputs.a }}"
        logit_bias: {"1": -1}
        metadata: {a: b}
        fallback: [x, y]
        samples: 3
        expect: [a, b]
        needs: [a]
        if: a
        on_error: ignore
      c: {value: {a: [1, null, true]}, needs: [], if: false, timeout: 5m}
      d: {prompt: x, modalities: [image, text], image_config: {size: 64x64}}
      e: {prompt: x, foreach: a, as: z, expect: b, tools: [t, m.x], tool_choice: t, max_turns: 3}
      f: {call: m.x, with: {a: "{{ a }}", x-b: 1}, repeat: {until: f, max: 3, x-c: 1}}
      g: {call: t, with: "{{ a }}"}
      h: {uses: ./other.yaml, with: {a: "{{ a }}"}}
      i:
        foreach: a
        steps:
          j: {prompt: x, tool_choice: {type: function, function: {name: t, x-d: 1}, x-e: 1}}
          k: {steps: {l: {value: 1}}, output: {x-f: "{{ l }}"}, expect: k}
        repeat: {until: true, max: 1000}
    outputs:
      a: "{{ a }}"
      b: {value: x, file: y, foreach: z, as: w}
      c: {title: "{{ a }}", n: 3}
    """  # fmt: skip
    assert faults(text) == []


def test_free_keys_are_dropped_where_the_language_has_a_form_and_kept_in_data() -> None:
    data = load(
        "x-a: 1\nsteps: {x-b: 1, a: {value: {x-c: 1}, x-d: 2}}\n"
        "schemas: {s: {x-e: 1}}\noutputs: {o: x}",
        "p",
    ).data
    assert without_free_keys(data) == {
        "steps": {"a": {"value": {"x-c": 1}}},
        "schemas": {"s": {"x-e": 1}},
        "outputs": {"o": "x"},
    }


def test_a_fault_costs_only_the_key_that_has_it() -> None:
    data = without_free_keys(load("steps: {a: {prompt: x, retry: y}, b: {}}\nname: z", "p").data)
    left = without(data, [("steps", "a", "retry", 0), ("steps", "b"), ("name",)])
    assert left == {"steps": {"a": {"prompt": "x"}}}


def test_a_fault_of_the_whole_file_leaves_nothing() -> None:
    assert without({"steps": {}}, [()]) == {}


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("{promt: x}", '1:25: unknown key "promt" [unknown-key]'),
        ("{prompt: x, retry: y}", '1:43: "retry" must be a whole number, not "y" [wrong-value]'),
        ("{prompt: x, budget: {}}", '1:36: "budget" has no "usd" [missing-key]'),
        ("{}", '1:21: step "b" does nothing [no-kind]'),
        ("3", '1:24: "b" must be a mapping, not 3 [wrong-value]'),
        ("{steps: {}}", "1:25: there are no steps [no-steps]"),
        ("{steps: [c]}", '1:32: "steps" must be a mapping, not a list [wrong-value]'),
        ("{repeat: {unti: x, max: 3}, value: 1}", '1:34: unknown key "unti" [unknown-key]'),
        (
            "{value: 1, repeat: {until: x}}",
            '1:35: "repeat" has no "max" [missing-key]',
        ),
        (
            "{steps: {c: {promt: x}}}",
            '1:37: unknown key "promt" [unknown-key]',
        ),
        (
            "{messages: [{role: tool, content: x}]}",
            '1:43: "role" must be "system", "user" or "assistant", not "tool" [wrong-value]',
        ),
    ],
)
def test_a_fault_inside_a_block_has_its_place_and_its_words(inner: str, message: str) -> None:
    assert faults(f"steps: {{a: {{steps: {{b: {inner}}}}}}}") == [f"p.yaml:{message}"]


def test_a_fault_inside_a_block_costs_one_key_of_the_inner_step() -> None:
    text = (
        "steps: {a: {steps: {b: {prompt: x, retry: y}, c: {steps: {d: {sed: 1, value: 2}}}, e: 3}}}"
    )
    assert left(text)["steps"] == {
        "a": {"steps": {"b": {"prompt": "x"}, "c": {"steps": {"d": {"value": 2}}}}}
    }


def test_a_merge_and_free_keys_work_inside_blocks() -> None:
    text = (
        "x-cool: &cool {temperature: 0, x-why: because}\n"
        "steps: {a: {steps: {x-b: 1, c: {<<: *cool, prompt: x, x-d: 1}}}}"
    )
    assert faults(text) == []
    assert left(text) == {"steps": {"a": {"steps": {"c": {"temperature": 0, "prompt": "x"}}}}}


def test_the_vocabulary_is_the_models_own() -> None:
    assert set(OPTIONS) == set(known_keys(Options))
    assert set(ASKING) == set(known_keys(Asking))
    assert set(known_keys(Step)) >= {*KINDS, *ONLY_ASKING}
    assert set(known_keys(ToolSpec)) >= set(TOOL_KINDS)
    assert set(BESIDE_TOOLS) < set(ASKING)


def test_the_editor_schema_describes_every_key_and_allows_free_ones() -> None:
    schema = editor_schema()
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    step = defs["Step"]
    assert isinstance(step, dict)
    assert step["patternProperties"] == {"^x-": {}}
    properties = step["properties"]
    assert isinstance(properties, dict)
    assert all("description" in each for each in properties.values() if isinstance(each, dict))
    assert {"prompt", "if", "foreach", "as"} <= properties.keys()
