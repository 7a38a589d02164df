"""§2 of docs/language.md: step kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.api import examine
from flowrun.chat.images import Image
from flowrun.providers.fake import Calls
from tests.cli.command import write
from tests.document.checking import told
from tests.support.citing import says
from tests.support.running import Models, Stage, picture, reply, run
from tests.support.tooling import Box, Counting

KINDS = {
    "prompt": "prompt: hi",
    "messages": "messages: [{role: user, content: hi}]",
    "call": "call: t",
    "value": "value: 1",
    "uses": "uses: ./child.yaml",
    "steps": "steps: {b: {value: 1}}",
}
WEATHER = """
tools:
  weather:
    http: {url: "https://example.org/w"}
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
"""
CHILD = "steps: {x: {prompt: x}}\noutputs: {o: '{{ x }}'}"
OUTER = "tools: {t: {shell: [x]}}\nsteps: {a: {KIND}}"


@says("§2", "Each step has exactly one of these:")
@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_a_step_has_exactly_one_kind(first: str, second: str) -> None:
    words = KINDS[first] if first == second else f"{KINDS[first]}, {KINDS[second]}"
    faults = told(OUTER.replace("KIND", words), {"child.yaml": CHILD})
    assert (faults == []) == (first == second)


@says("§2", "Each step has exactly one of these:")
def test_a_step_has_a_kind() -> None:
    assert told("steps: {a: {if: x}}") == ['1:9: step "a" does nothing [no-kind]']


@says("§2", "prompt, or … asks a model text;")
def test_a_prompt_asks_a_model() -> None:
    found = run("steps: {a: {prompt: hello}}", ["hi there"])
    assert (found.prompts, found.value("a")) == (["hello"], "hi there")


@says("§2", "messages (a list, or a template that gives one) asks a model text;")
def test_messages_ask_a_model() -> None:
    roles = "[{role: system, content: s}, {role: user, content: u}, {role: assistant, content: a}]"
    listed = run(f"steps: {{a: {{messages: {roles}}}}}")
    given = run(
        f"steps: {{h: {{value: {roles}}}, a: {{messages: '{{{{ h }}}}'}}}}",
    )
    for found in (listed, given):
        (request,) = found.models.requests
        assert [each.role for each in request.messages] == ["system", "user", "assistant"]
        assert found.value("a") == "u"


@says("§2", "data when response_format asks for JSON;")
def test_a_prompt_gives_data_where_json_is_asked_for() -> None:
    source = "steps: {a: {prompt: hi, response_format: {type: json_object}}}"
    assert run(source, ['{"x": [1]}']).value("a") == {"x": [1]}


@says("§2", "an image when modalities has image;")
def test_a_prompt_gives_an_image_where_one_is_asked_for() -> None:
    assert isinstance(run("steps: {a: {prompt: cat, modalities: [image]}}").value("a"), Image)


@says("§2", "a tool call (see 5)")
def test_a_prompt_gives_a_call_of_a_route() -> None:
    source = "tools: {refund: {description: Pay.}}\nsteps: {a: {prompt: hi, tools: [refund]}}"
    found = run(source, [Calls([("refund", {})])])
    assert found.value("a") == {"tool": "refund", "arguments": {}}


@says("§2", "call + with calls a tool without a model the tool's return value")
def test_a_call_calls_a_tool_without_a_model() -> None:
    tool = Counting(act=lambda arguments: {"sun": arguments["city"]})
    stage = Stage(toolbox=Box([tool], {}))
    found = stage.run(WEATHER + "steps: {a: {call: weather, with: {city: Rome}}}")
    assert (found.value("a"), found.prompts) == ({"sun": "Rome"}, [])
    assert tool.called == [{"city": "Rome"}]


@says("§2", "value computes data or text here the value")
def test_a_value_is_computed_here() -> None:
    found = run("steps: {a: {value: {x: '{{ 1 + 1 }}'}}, b: {value: 'x is {{ a.x }}'}}")
    assert (found.value("a"), found.value("b")) == ({"x": 2}, "x is 2")


@says("§2", "uses + with runs another pipeline file its outputs, as an object")
def test_uses_runs_another_file() -> None:
    child = """
    inputs: {n: {type: integer}, m: {default: 5}}
    steps: {x: {prompt: "n is {{ inputs.n }}"}}
    outputs: {said: "{{ x }}", sum: "{{ inputs.n + inputs.m }}"}
    """
    stage = Stage(files={"sub/child.yaml": child.replace("\n    ", "\n")})
    found = stage.run("steps: {a: {uses: ./sub/child.yaml, with: {n: 2}}}")
    assert found.value("a") == {"said": "n is 2", "sum": 7}


@says("§2", "steps (+ output) a block: steps with their own scope, which also sees the outer one")
def test_a_block_has_a_scope_of_its_own_that_sees_the_outer_one() -> None:
    found = run("""
    steps:
      outer: {value: 1}
      a: {steps: {inner: {value: "{{ outer + 1 }}"}, next: {value: "{{ inner + 1 }}"}}}
      b: {steps: {inner: {value: "{{ outer + 10 }}"}}}
    """)
    assert found.value("a") == {"inner": 2, "next": 3}
    assert found.value("b") == {"inner": 11}


@says("§2", "output, or all its steps' outputs as an object")
@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("", {"x": 1, "y": 2}),
        (", output: '{{ x + y }}'", 3),
        (", output: {z: ['{{ y }}']}", {"z": [2]}),
    ],
)
def test_a_block_gives_its_output_or_all(output: str, value: object) -> None:
    found = run(f"steps: {{a: {{steps: {{x: {{value: 1}}, y: {{value: 2}}}}{output}}}}}")
    assert found.value("a") == value


@says(
    "§2", "An image has mime_type, width, height, sha256 and text (what the model said beside it)."
)
def test_an_image_has_facts() -> None:
    image = picture("cat")
    names = "[a.mime_type, a.width, a.height, a.sha256, a.text]"
    found = run(
        f"steps: {{a: {{prompt: cat, modalities: [image]}}, b: {{value: '{{{{ {names} }}}}'}}}}",
        [reply("Here it is.", images=(image,))],
    )
    facts = [image.mime_type, image.width, image.height, image.sha256, "Here it is."]
    assert found.value("b") == facts
    assert all(facts)


@says("§2", "Where a reply holds several images, the step's output is the final one;")
@says("§2", "partial frames are progress, never output.")
@pytest.mark.parametrize("is_watched", [False, True])
def test_of_several_images_the_final_one_is_the_output(is_watched: bool) -> None:
    frames = [picture("one"), picture("two"), picture("three")]
    stage = Stage(models=Models([reply("", images=tuple(frames))]), is_watched=is_watched)
    found = stage.run("steps: {a: {prompt: cat, modalities: [image]}}").value("a")
    assert isinstance(found, Image)
    assert found.sha256 == frames[2].sha256


@says("§2", "The steps of a block cannot be named from outside: write block.step.")
def test_what_is_in_a_block_is_named_through_it() -> None:
    block = "a: {steps: {inner: {value: 1}}}"
    (fault,) = told(f"steps: {{{block}, b: {{value: '{{{{ inner }}}}'}}}}")
    assert 'unknown step "inner"' in fault
    assert run(f"steps: {{{block}, b: {{value: '{{{{ a.inner }}}}'}}}}").value("b") == 1


@says("§2", "Without output, a skipped step's output is null in the object.")
def test_a_skipped_step_of_a_block_is_null_in_its_object() -> None:
    found = run("steps: {a: {steps: {x: {value: 1}, y: {if: false, value: 2}}}}")
    assert found.value("a") == {"x": 1, "y": None}


@says("§2", "A file that is used has its faults told at its own lines,")
def test_the_faults_of_a_file_that_is_used_are_told_there(here: Path) -> None:
    (here / "sub").mkdir()
    write("sub/child.yaml", "steps:\n  x: {value: '{{ nothing }}'}\noutputs: {o: '{{ x }}'}\n")
    write("p.yaml", "steps: {a: {uses: ./sub/child.yaml}}")
    (fault,) = examine("p.yaml").diagnostics
    assert str(fault).startswith('sub/child.yaml:2:18: unknown step "nothing" [unknown-step]')


@says("§2", "and reads files under its own folder;")
def test_a_file_that_is_used_reads_under_its_own_folder() -> None:
    child = "steps: {x: {value: {file: text.md}}}\noutputs: {o: '{{ x }}'}"
    files = {"sub/child.yaml": child, "sub/text.md": "mine", "text.md": "not mine"}
    found = Stage(files=files).run("steps: {a: {uses: ./sub/child.yaml}}")
    assert found.value("a") == {"o": "mine"}


@says("§2", "and reads files under its own folder;")
def test_a_file_that_is_used_reads_no_others(here: Path) -> None:
    (here / "sub").mkdir()
    write("text.md", "not mine")
    write("sub/child.yaml", "steps: {x: {value: {file: ../text.md}}}\noutputs: {o: '{{ x }}'}")
    write("p.yaml", "steps: {a: {uses: ./sub/child.yaml}}")
    (fault,) = examine("p.yaml").diagnostics
    assert "leads out of the folder" in fault.message


@says("§2", "files that use each other in a circle are an error.")
def test_files_that_use_each_other_in_a_circle_are_an_error() -> None:
    text = "steps: {a: {uses: ./q.yaml}}\noutputs: {o: '{{ a }}'}"
    files = {"q.yaml": text.replace("q.yaml", "r.yaml"), "r.yaml": text}
    circle = "pipelines use each other in a ring: q.yaml → r.yaml → q.yaml [file-cycle]"
    assert told(text, files) == [f"r.yaml:1:19: {circle}"]
