"""What a block gives, and a pipeline that is used as a step."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Usage
from flowrun.errors import AccessDenied, Unavailable
from flowrun.providers.fake import Answer
from flowrun.run.events import StepFinished, StepStarted
from tests.support.running import Models, Stage, picture, plan_of, price, reply, run, said
from tests.support.tooling import Box, Counting


def failing(request: ChatRequest) -> Answer:
    return Unavailable("down") if "bad" in said(request) else said(request)


# Blocks


@pytest.mark.parametrize(
    ("output", "status", "value", "reason"),
    [
        ("'{{ b }}'", "done", "b", ""),
        ("{text: '{{ b }}', more: [1]}", "done", {"text": "b", "more": [1]}, ""),
        ("'{{ off or b }}'", "done", "b", ""),
        ("null", "done", None, ""),
        ("'{{ off }}'", "skipped", None, 'its output needs "off", which was skipped'),
        ("'{{ outer }}'", "skipped", None, 'its output needs "outer", which was skipped'),
        ("'{{ outer or b }}'", "done", "b", ""),
    ],
)
def test_the_output_of_a_block(output: str, status: str, value: object, reason: str) -> None:
    found = run(f"""
    steps:
      outer: {{prompt: outer, if: "1 > 2"}}
      a:
        steps: {{b: {{prompt: b}}, off: {{prompt: off, if: "1 > 2"}}}}
        output: {output}
    """)
    assert (found.status("a"), found.value("a"), found.reason("a")) == (status, value, reason)


def test_an_output_that_cannot_be_rendered_fails_the_block() -> None:
    found = run("""
    inputs: {x: {}}
    steps:
      a: {steps: {b: {value: 1}}, output: "{{ b / inputs.x }}"}
      c: {steps: {b: {value: 1}}, output: "{{ b / inputs.x }}", on_error: ignore}
    """, x=0)  # fmt: skip
    assert found.statuses == {"a": "failed", "c": "ignored"}
    assert "zero" in found.reason("a")


def test_a_block_whose_steps_were_all_skipped_is_skipped() -> None:
    found = run("""
    steps:
      a: {steps: {b: {value: 1, if: false}}, output: "{{ b or 2 }}"}
      c: {value: "{{ a or 3 }}"}
    """)
    assert found.reason("a") == "all its steps were skipped"
    assert found.value("c") == 3


def test_a_block_must_be_as_expected() -> None:
    found = run("""
    steps:
      a: {steps: {b: {value: 3}}, output: "{{ b }}", expect: a > 5}
      c: {foreach: "[1, 9]", steps: {b: {value: 3}}, output: "{{ b }}", expect: c < item}
    """)
    assert found.reason("a") == "the value is not as expected: it must hold that a > 5"
    assert "item 1: the value is not as expected: it must hold that c < item" in found.reason("c")


def test_what_a_block_has_cost_is_what_its_steps_have() -> None:
    models = Models(lambda _: reply("x"), prices={"dear": price("1000000")})
    stage = Stage(models=models)
    source = """
    steps:
      a:
        foreach: "[1, 2]"
        steps:
          b: {prompt: "{{ item }}", model: dear}
          c: {steps: {d: {prompt: "d {{ item }}", model: dear}, e: {value: 1}}}
    """
    found = stage.run(source).result
    assert found.usage == Usage(input_tokens=4, output_tokens=8)
    assert found.cost_usd == Decimal(12)
    assert found.steps["a"].model == "scripted/dear"
    again = stage.run(source)
    assert again.status("a") == "cached"
    assert again.result.cost_usd == 0


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ("{b: {prompt: b}, c: {value: 1}}", "cached"),
        ("{b: {prompt: b}, c: {prompt: c, if: false}}", "cached"),
        ("{b: {prompt: b}, c: {prompt: c, cache: false}}", "done"),
        ("{b: {value: 1}}", "done"),
        ("{b: {value: 1}, c: {prompt: c, if: false}}", "done"),
    ],
)
def test_a_block_is_from_the_store_if_all_its_answers_are(steps: str, status: str) -> None:
    stage = Stage()
    stage.run(f"steps: {{a: {{steps: {steps}}}}}")
    assert stage.run(f"steps: {{a: {{steps: {steps}}}}}").status("a") == status


def test_denied_access_inside_stops_the_run() -> None:
    stage = Stage(models=Models([AccessDenied("no credit")]), concurrency=1)
    found = stage.run("""
    steps:
      a: {steps: {b: {steps: {c: {prompt: c}}}}}
      d: {foreach: "range(9) | list", steps: {e: {value: 1}, f: {prompt: "{{ e }}"}}}
    """)
    assert found.reason("a") == 'step "b" failed: step "c" failed: no credit'
    assert found.reason("d") == 'the run was stopped when "a.b.c" failed'
    assert len(found.prompts) == 1


# Pipelines that are used


REVIEW = """
name: review
inputs:
  text: {type: string}
  stars: {type: integer, default: 3}
  guide: {type: file, default: guide.txt}
steps:
  judge: {prompt: "judge {{ inputs.text }}: {{ inputs.stars }}, {{ inputs.guide }}"}
  extra: {prompt: extra, if: "inputs.stars > 3"}
outputs:
  verdict: "{{ judge }}"
  extra: "{{ extra }}"
  lines: {foreach: "[1, 2]", value: "{{ item }} {{ judge }}"}
  page: {value: "{{ judge }}", file: page.txt}
"""
FILES = {"sub/review.yaml": REVIEW, "sub/guide.txt": "be kind"}


def using(arguments: str, more: str = "") -> str:
    return f"steps: {{a: {{uses: ./sub/review.yaml, with: {arguments}{more}}}}}"


def test_a_pipeline_that_is_used_gives_its_outputs() -> None:
    found = Stage(files=FILES).run(using("{text: hi}"))
    judged = "judge hi: 3, be kind"
    assert found.value("a") == {
        "verdict": judged,
        "extra": None,
        "lines": [f"1 {judged}", f"2 {judged}"],
        "page": judged,
    }
    assert found.result.files == {}


def test_its_steps_are_told_behind_the_step_that_uses_it() -> None:
    found = Stage(files=FILES).run(using("{text: '{{ item }}'}", ", foreach: \"['hi', 'ho']\""))
    told = [(each.step, each.item, each.within) for each in found.of(StepStarted)]
    assert ("a.judge", None, (1,)) in told
    assert [each["verdict"] for each in found.value("a")] == [  # type: ignore[attr-defined]  # a list of objects
        "judge hi: 3, be kind",
        "judge ho: 3, be kind",
    ]


def test_an_input_that_does_not_fit_fails_the_step() -> None:
    source = "inputs: {n: {}}\n" + using("{text: hi, stars: '{{ inputs.n }}'}")
    found = Stage(files=FILES).run(source, n="many")
    assert found.reason("a").startswith('input "stars": ')
    source = "inputs: {n: {}}\n" + using(
        "{text: hi, stars: '{{ inputs.n }}'}", ", on_error: ignore"
    )
    assert Stage(files=FILES).run(source, n="many").status("a") == "ignored"


def test_no_text_that_is_given_is_read_as_the_path_of_a_file() -> None:
    source = "inputs: {n: {}}\n" + using("{text: hi, guide: '{{ inputs.n }}'}")
    found = Stage(files=FILES).run(source, n="/etc/passwd")
    assert found.prompts[0] == "judge hi: 3, /etc/passwd"


def test_pictures_are_passed_in_and_out() -> None:
    files = {
        "child.yaml": """
        inputs: {shot: {type: image}}
        steps:
          seen: {prompt: "see {{ inputs.shot }}"}
          made: {prompt: "made {{ seen }}", modalities: [image]}
        outputs: {shot: "{{ made }}"}
        """
    }
    stage = Stage(files={name: text.replace("\n        ", "\n") for name, text in files.items()})
    found = stage.run(
        "inputs: {shot: {type: image}}\n"
        "steps: {a: {uses: ./child.yaml, with: {shot: '{{ inputs.shot }}'}}}",
        shot=picture(),
    )
    assert stage.models.requests[0].images() == (picture(),)
    assert found.value("a") == {"shot": picture("made see ")}


def test_text_is_no_picture_even_if_it_is_the_path_of_one() -> None:
    files = {"child.yaml": "inputs: {shot: {type: image}}\nsteps: {b: {prompt: hi}}"}
    found = Stage(files=files).run(
        "inputs: {n: {}}\nsteps: {a: {uses: ./child.yaml, with: {shot: '{{ inputs.n }}'}}}", n="x"
    )
    assert found.reason("a") == 'input "shot" must be an image'


def test_a_pipeline_without_outputs_gives_its_last_steps() -> None:
    files = {"child.yaml": "steps: {b: {prompt: b}, c: {prompt: '{{ b }} c'}, d: {value: 1}}"}
    found = Stage(files=files).run("steps: {a: {uses: ./child.yaml}}")
    assert found.value("a") == {"c": "b c", "d": 1}


def test_a_failure_in_a_pipeline_that_is_used_fails_the_step() -> None:
    files = {
        "child.yaml": """
defaults: {retry: 0}
steps:
  b: {prompt: bad}
  c: {prompt: good}
outputs: {c: "{{ c }}"}
"""
    }
    stage = Stage(files=files, models=Models(failing))
    found = stage.run("steps: {a: {uses: ./child.yaml}}")
    assert found.reason("a") == 'step "b" failed: down'


def test_an_output_of_it_that_cannot_be_rendered_fails_the_step() -> None:
    files = {"child.yaml": "inputs: {n: {}}\nsteps: {b: {value: 1}}\n"
             "outputs: {o: '{{ b / inputs.n }}'}"}  # fmt: skip
    found = Stage(files=files).run(
        "inputs: {n: {}}\nsteps: {a: {uses: ./child.yaml, with: {n: '{{ inputs.n }}'}}}", n=0
    )
    assert found.reason("a").startswith('output "o": ')


def test_pipelines_use_pipelines_from_their_own_folder() -> None:
    files = {
        "one/child.yaml": "steps: {b: {uses: ./two/grandchild.yaml}}\noutputs: {o: '{{ b.o }}'}",
        "one/two/grandchild.yaml": (
            "inputs: {f: {type: file, default: x.txt}}\n"
            "steps: {c: {prompt: '{{ inputs.f }}'}}\noutputs: {o: '{{ c }}'}"
        ),
        "one/two/x.txt": "deep",
    }
    stage = Stage(files=files, overrides={"a.b.c": "other"})
    found = stage.run("steps: {a: {uses: ./one/child.yaml}}")
    assert found.value("a") == {"o": "deep"}
    assert stage.models.requests[0].model == "other"
    assert [each.step for each in found.of(StepFinished)] == ["a.b.c", "a.b", "a"]


# Calls


WEATHER = """
tools:
  weather:
    http: {url: "https://example.org/w"}
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
"""


def test_a_call_is_a_step_like_others() -> None:
    tool = Counting()
    stage = Stage(toolbox=Box([tool], {}))
    source = (
        WEATHER
        + """
steps:
  a:
    foreach: "['Rome', 'Oslo']"
    call: weather
    with: {city: "{{ item }}"}
    expect: "'sun' in a"
  b: {steps: {c: {call: weather, with: {city: Bonn}}}}
"""
    )
    found = stage.run(source)
    assert found.value("a") == ["sun in Rome", "sun in Oslo"]
    assert found.value("b") == {"c": "sun in Bonn"}
    assert found.result.cost_usd == 0
    assert found.status("b") == "done"
    assert stage.run(source).statuses == {"a": "cached", "b": "cached"}
    assert len(tool.called) == 3


def test_a_call_that_gives_what_is_not_expected_fails() -> None:
    stage = Stage(toolbox=Box([Counting()], {}))
    found = stage.run(
        WEATHER + "steps: {a: {call: weather, with: {city: Bonn}, expect: a == 'rain'}}"
    )
    assert found.reason("a") == "the value is not as expected: it must hold that a == 'rain'"


def test_a_plan_knows_every_step_inside() -> None:
    plan = plan_of("steps: {a: {steps: {b: {prompt: hi}}}}")
    assert [way for way, _ in plan.all_tasks()] == ["a", "a.b"]
