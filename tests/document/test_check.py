"""A whole check: every fault at once, in the file's order; or a plan."""

from __future__ import annotations

import pytest

from flowrun.document.check import check
from flowrun.document.source import load
from flowrun.errors import FlowrunError, PipelineError
from flowrun.proofs import FullProofs
from tests.document.checking import Models, checked, plan, told

SOUND = "steps: {a: {prompt: x}}"


def test_a_sound_file_has_a_plan_with_its_name() -> None:
    found = plan("name: story\ndescription: A tale.\nsteps: {a: {prompt: x}}")
    assert (found.name, found.path, found.description) == ("story", "p.yaml", "A tale.")


def test_without_a_name_the_files_own_is_taken() -> None:
    loaded = load(SOUND, "some/where/tale.yaml")
    found = check(loaded, read_file=str, proofs=FullProofs()).sound_plan()
    assert (found.name, found.description) == ("tale", "")


def test_a_faulty_file_has_no_plan_but_all_its_errors() -> None:
    text = """
    inputs: {rows: {type: array, items: {properties: {a: {}}}}}
    steps: {a: {prompt: "{{ inputs.rows[0].b }}"}, b: {prompt: "{{ c }}", retry: many}}
    schemas: {s: {propertys: {}}}
    """
    found = checked(text)
    assert found.plan is None
    with pytest.raises(PipelineError) as caught:
        found.sound_plan()
    assert [each.severity for each in found.diagnostics].count("warning") == 1
    assert caught.value.diagnostics == tuple(
        each for each in found.diagnostics if each.severity == "error"
    )


def test_warnings_alone_leave_a_plan() -> None:
    found = checked("schemas: {s: {propertys: {}}}\nsteps: {a: {prompt: x}}")
    assert [each.severity for each in found.diagnostics] == ["warning"]
    assert found.sound_plan().tasks[0].id == "a"


def test_every_kind_of_fault_is_told_at_once_in_the_files_order() -> None:
    text = """\
nme: x
inputs: {a: {type: integer, default: x}}
schemas: {s: {type: objct}}
steps:
  a: {prompt: "{{ open"}
  b: {prompt: "{{ c }}", retry: many}
  d: {prompt: "{{ e }}"}
  e: {prompt: "{{ d }} {{ inputs.x }}"}
  f: {prompt: x, model: nobody}
outputs: {o: {value: x, file: ../x}}
"""
    assert [each.split(" [")[1] for each in told(text, models=Models())] == [
        "unknown-key]", "wrong-default]", "bad-schema]", "template-syntax]", "unknown-step]",
        "wrong-value]", "cycle]", "unknown-field]", "unknown-model]", "bad-path]",
    ]  # fmt: skip


def test_a_fault_of_defaults_is_told_once() -> None:
    text = "defaults: {system: '{{ x }}'}\nsteps: {a: {prompt: x}, b: {prompt: x}}"
    assert told(text) == ['1:24: unknown step "x" [unknown-step]']


def test_a_template_of_defaults_that_is_no_template_is_told_once() -> None:
    text = "defaults: {system: '{{ x'}\nsteps: {a: {prompt: x}, b: {prompt: x}}"
    assert told(text) == ['1:24: unexpected end of template, expected "}}" [template-syntax]']


def test_without_models_nothing_is_said_of_them() -> None:
    assert told("steps: {a: {prompt: x, model: nobody}}") == []


def test_a_loop_is_shown_with_the_place_of_each_reference() -> None:
    (found,) = checked("steps:\n  a: {value: '{{ b }}'}\n  b: {needs: [a], value: 1}").diagnostics
    assert str(found) == (
        "p.yaml:3:15: steps need each other in a loop: a → b → a [cycle]\n"
        "      b: {needs: [a], value: 1}\n"
        "                  ^\n"
        "  why:  b names a at p.yaml:3:15; a names b at p.yaml:2:18\n"
        "  mend: take one of these references out"
    )


def test_a_long_loop_is_cut_short() -> None:
    steps = "".join(f"  s{n}: {{value: '{{{{ s{(n + 1) % 20} }}}}'}}\n" for n in range(20))
    (found,) = checked(f"steps:\n{steps}").diagnostics
    assert found.message == (
        "steps need each other in a loop: s0 → s19 → s18 → s17 → s16 → s15 → s14 → … 13 more … → s0"
    )
    assert found.why.count(" names ") == 8
    assert found.why.endswith("; …")


def test_a_file_without_steps_that_can_be_read_blames_nobody_else() -> None:
    assert told("steps: [a]\noutputs: {o: '{{ a.b }}'}") == [
        '1:8: "steps" must be a mapping, not a list [wrong-value]'
    ]


def test_free_keys_stand_anywhere() -> None:
    text = """
    x-a: 1
    inputs: {x-b: 1, i: {x-c: 1, type: string, default: x}}
    schemas: {x-d: 1}
    defaults: {x-e: 1}
    steps:
      x-f: 1
      a:
        x-g: 1
        messages: [{x-h: 1, role: user, content: [{x-i: 1, type: text, text: x}]}]
        response_format: {x-j: 1, type: json_object}
    outputs: {x-k: 1, o: {x-l: 1, value: "{{ a }}"}}
    """
    assert told(text) == []
    assert [output.name for output in plan(text).outputs] == ["o"]


def test_a_file_that_is_not_there_is_a_fault_of_the_file_that_names_it() -> None:
    def refuse(name: str) -> str:
        raise FlowrunError(f"{name}? no")

    found = check(
        load("steps: {a: {prompt: {file: x.md}}}", "p.yaml"), read_file=refuse, proofs=FullProofs()
    )
    assert [str(each.mark) for each in found.diagnostics] == ["p.yaml:1:28"]


def test_a_fault_of_an_input_leaves_the_step_of_its_name_known() -> None:
    text = "inputs: {a-b: {typ: x}, a: {typ: x}}\nsteps: {a: {prompt: x}, b: {value: '{{ a.x }}'}}"
    assert [each.split(" [")[1] for each in told(text)] == [
        "bad-name]", "unknown-key]", "unknown-key]", "not-an-object]",
    ]  # fmt: skip
