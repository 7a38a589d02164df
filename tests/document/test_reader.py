"""What each key of a step, an input and an output becomes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from flowrun.document.slots import Slot, Tree
from flowrun.document.task import Ask, Repeat, Task
from tests.document.checking import plan, told


def task(step: str, head: str = "", files: Mapping[str, str] | None = None) -> Task:
    found = plan(f"{head}\nsteps:\n  last: {step}\n  a: {{value: 1}}", files)
    return next(each for each in found.tasks if each.id == "last")


def ask(step: str, head: str = "", files: Mapping[str, str] | None = None) -> Ask:
    found = task(step, head, files).ask
    assert found is not None
    return found


def sources(tree: Tree) -> object:
    """A tree with the text of its templates."""
    match tree:
        case Slot():
            return tree.template.source
        case tuple():
            return [sources(each) for each in tree]
        case Mapping():
            return {name: sources(each) for name, each in tree.items()}
        case _:
            return tree


def turns(found: Ask) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (turn.role, [(piece.kind, piece.slot.template.source) for piece in turn.pieces])
        for turn in found.turns
    ]


def test_a_prompt_is_a_conversation_of_one_or_two_turns() -> None:
    assert turns(ask("{prompt: x}")) == [("user", [("text", "x")])]
    assert turns(ask("{prompt: x, system: y}")) == [
        ("system", [("text", "y")]),
        ("user", [("text", "x")]),
    ]


def test_messages_keep_their_parts() -> None:
    found = ask(
        "{messages: [{role: assistant, content: x}, {role: user, content: [{type: text, text: y}, "
        "{type: image_url, image_url: {url: 'http://z'}}]}]}",
        "defaults: {system: not here}",
    )
    assert turns(found) == [
        ("assistant", [("text", "x")]),
        ("user", [("text", "y"), ("image", "http://z")]),
    ]


def test_a_conversation_may_be_an_expression() -> None:
    found = ask("{messages: '{{ [] }}'}")
    assert found.turns == ()
    assert found.history is not None
    assert found.history.template.source == "{{ [] }}"


def test_text_may_stand_in_a_file() -> None:
    files = {"p.md": "P {{ 1 }}", "s.md": "S"}
    found = ask("{prompt: {file: p.md}, system: {file: s.md}}", files=files)
    assert turns(found) == [("system", [("text", "S")]), ("user", [("text", "P {{ 1 }}")])]
    value = task("{value: {file: p.md}}", files=files).value
    assert sources(value) == "P {{ 1 }}"
    assert sources(task("{value: {file: p.md, more: 1}}").value) == {"file": "p.md", "more": 1}


def test_what_a_step_does_not_say_defaults_say() -> None:
    head = (
        "defaults: {model: m, system: s, temperature: 0, seed: 1, retry: 9, repair: 8, "
        "cache: false, timeout: 5s, fallback: [f], provider: {order: [x]}, user: u}"
    )
    found = task("{prompt: x, seed: null, retry: 2, user: '{{ a }}'}", head)
    assert found.timeout_s == 5
    assert found.ask is not None
    assert (found.ask.model, found.ask.retry, found.ask.repair) == ("m", 2, 8)
    assert (found.ask.fallback, found.ask.cache) == (("f",), False)
    assert sources(found.ask.options) == {"temperature": 0, "user": "{{ a }}"}
    assert sources(found.ask.provider) == {"order": ["x"]}
    assert task("{value: 1}", head).timeout_s is None


def test_what_nobody_says_has_its_default() -> None:
    found = ask("{prompt: x}")
    assert (found.model, found.retry, found.repair, found.cache) == ("recommended", 4, 1, True)
    assert (found.samples, found.fallback, found.modalities) == (None, (), ("text",))
    assert ask("{prompt: x, modalities: [image]}").model == "image"
    assert not found.wants_image


def test_the_flow_of_a_step() -> None:
    found = task(
        "{prompt: x, if: a, foreach: '[1]', as: n, needs: [a], samples: 3, expect: [last, n], "
        "timeout: 2m, on_error: ignore, budget: {usd: 0.10}}"
    )
    assert sources(found.condition if isinstance(found.condition, Slot) else None) == "a"
    assert [(loop.name, sources(loop.items)) for loop in found.loops] == [("n", "[1]")]
    assert (found.needs, found.timeout_s, found.ignores_errors) == (("a",), 120, True)
    assert found.budget_usd == Decimal("0.1")
    assert [sources(each) for each in found.expects] == ["last", "n"]
    assert found.kind == "prompt"
    assert not found.is_partial


@pytest.mark.parametrize(
    ("step", "loops"),
    [
        ("{value: 1}", []),
        ("{value: 1, foreach: '[1]'}", [("item", "[1]")]),
        ("{value: 1, foreach: {x: '[1]', y: '[x]'}}", [("x", "[1]"), ("y", "[x]")]),
    ],
)
def test_loops_have_names(step: str, loops: list[tuple[str, str]]) -> None:
    assert [(loop.name, sources(loop.items)) for loop in task(step).loops] == loops


@pytest.mark.parametrize(
    ("said", "condition"), [("", True), (", if: true", True), (", if: false", False)]
)
def test_a_condition_may_be_constant(said: str, condition: bool) -> None:
    assert task(f"{{value: 1{said}}}").condition is condition


def test_one_expectation_needs_no_list() -> None:
    assert [sources(each) for each in task("{value: 1, expect: last > 0}").expects] == ["last > 0"]


def test_an_images_configuration_is_data_with_templates() -> None:
    found = ask("{prompt: x, modalities: [image], image_config: {size: '{{ a }}', n: [1, null]}}")
    assert sources(found.image_config) == {"size": "{{ a }}", "n": [1, None]}
    assert found.wants_image


def test_inputs_are_data_images_or_files() -> None:
    found = plan("""
    inputs:
      a: {type: string, description: some, default: x, maxLength: 3}
      b: {type: image}
      c: {type: file, default: c.md}
      d: {}
    steps: {s: {value: 1}}
    """).inputs
    assert [(each.name, each.kind, each.is_required, each.default) for each in found] == [
        ("a", "data", False, "x"),
        ("b", "image", True, None),
        ("c", "file", False, "c.md"),
        ("d", "data", True, None),
    ]
    assert found[0].schema == {"type": "string", "description": "some", "maxLength": 3}
    assert found[0].description == "some"
    assert found[1].schema == {}


def test_outputs_are_data_or_forms() -> None:
    found = plan("""
    steps: {s: {value: 1}}
    outputs:
      a: "{{ s }}"
      b: {x: "{{ s }}", y: [1]}
      c: {value: "{{ s }}", file: c.md}
      d: {value: "{{ n }}", foreach: "[s]", as: n, file: "{{ n }}.md"}
      e: {value: "{{ item }}", foreach: "[s]"}
      f: 3
    """).outputs
    assert [sources(each.value) for each in found] == [
        "{{ s }}", {"x": "{{ s }}", "y": [1]}, "{{ s }}", "{{ n }}", "{{ item }}", 3,
    ]  # fmt: skip
    assert [each.file and sources(each.file) for each in found] == [
        None, None, "c.md", "{{ n }}.md", None, None,
    ]  # fmt: skip
    assert [each.loop and each.loop.name for each in found] == [
        None, None, None, "n", "item", None,
    ]  # fmt: skip


def test_a_block_is_steps_with_an_output() -> None:
    found = task("{steps: {b: {value: 1}, c: {prompt: '{{ a }}'}}, output: {x: '{{ b }}'}}")
    assert found.kind == "block"
    assert found.block is not None
    assert [(each.id, each.kind, each.path) for each in found.block.tasks] == [
        ("b", "value", ("steps", "last", "steps", "b")),
        ("c", "prompt", ("steps", "last", "steps", "c")),
    ]
    assert (found.block.has_output, sources(found.block.output)) == (True, {"x": "{{ b }}"})


def test_the_output_of_a_block_may_be_null_or_missing() -> None:
    silent = task("{steps: {b: {value: 1}}}").block
    null = task("{steps: {b: {value: 1}}, output: null}").block
    assert silent is not None
    assert null is not None
    assert (silent.has_output, null.has_output) == (False, True)


def test_the_output_of_a_block_may_stand_in_a_file() -> None:
    found = task("{steps: {b: {value: 1}}, output: {file: o.md}}", files={"o.md": "{{ b }}"}).block
    assert found is not None
    assert sources(found.output) == "{{ b }}"


@pytest.mark.parametrize(
    ("said", "repeat"),
    [("true", Repeat(True, 3)), ("false", Repeat(False, 3))],
)
def test_a_repeat_may_go_on_to_its_end(said: str, repeat: Repeat) -> None:
    assert task(f"{{value: 1, repeat: {{until: {said}, max: 3}}}}").repeat == repeat


def test_a_repeat_ends_when_an_expression_holds() -> None:
    found = task("{value: 1, repeat: {until: last > 1, max: 3}}").repeat
    assert found is not None
    assert isinstance(found.until, Slot)
    assert (sources(found.until), found.most) == ("last > 1", 3)
    assert found.until.path == ("steps", "last", "repeat", "until")


def test_a_repeat_whose_expression_is_faulty_is_told_alone() -> None:
    text = "steps: {a: {value: '{{ round }} {{ previous }}', repeat: {until: 'a ==', max: 3}}}"
    assert [each.split(" [")[1] for each in told(text)] == ["template-syntax]"]


def test_a_pipeline_that_is_used_is_given_its_inputs() -> None:
    files = {"c.yaml": "inputs: {x: {}}\nsteps: {s: {value: 1}}"}
    found = task("{uses: ./c.yaml, with: {x: '{{ a }}'}}", files=files)
    assert found.kind == "uses"
    assert found.uses is not None
    assert sources(found.uses.arguments) == {"x": "{{ a }}"}
    assert found.uses.plan.name == "c"


def test_a_tool_that_is_called_is_given_its_arguments() -> None:
    found = task("{call: t, with: '{{ {} }}'}", "tools: {t: {shell: [x]}}")
    assert found.kind == "call"
    assert found.call is not None
    assert (found.call.tool.name, sources(found.call.arguments)) == ("t", "{{ {} }}")


def test_the_flow_of_a_step_goes_with_every_kind() -> None:
    flow = "if: a, foreach: '[1]', needs: [a], expect: last, timeout: 2s, on_error: ignore"
    for kind in ("steps: {b: {value: 1}}", "call: t", "uses: c.yaml"):
        files = {"c.yaml": "steps: {s: {value: 1}}"}
        found = task(f"{{{kind}, {flow}}}", "tools: {t: {shell: [x]}}", files)
        assert [loop.name for loop in found.loops] == ["item"]
        assert (found.timeout_s, found.ignores_errors, found.needs) == (2, True, ("a",))
        assert len(found.expects) == 1


def test_defaults_bound_the_time_of_steps_that_ask_and_of_no_others() -> None:
    found = task("{steps: {b: {prompt: x}}}", "defaults: {timeout: 5s}")
    assert found.timeout_s is None
    assert found.block is not None
    assert found.block.tasks[0].timeout_s == 5


@pytest.mark.parametrize(
    "step",
    [
        "{steps: {b: {value: 1, retry: 3}, c: {value: '{{ b.x }}'}}}",
        "{steps: {b: {value: '{{ '}, c: {value: '{{ b.x }}'}}}",
        "{uses: c.yaml}",
        "{call: nobody}",
        "{prompt: x, tools: [nobody]}",
        "{steps: 3}",
    ],
)
def test_of_a_step_with_a_fault_anything_may_be_read(step: str) -> None:
    text = f"steps: {{a: {step}, d: {{value: '{{{{ a.b.c.d }}}}'}}}}"
    assert len(told(text)) == 1
