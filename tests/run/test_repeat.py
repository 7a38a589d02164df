"""repeat: again until it holds, for every kind of step."""

from __future__ import annotations

import tracemalloc

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer
from flowrun.run.events import StepFinished, StepRound, StepStarted
from tests.support.running import Models, Run, Stage, run, said
from tests.support.tooling import Box, Counting


def failing(request: ChatRequest) -> Answer:
    return Unavailable("down") if "bad" in said(request) else said(request)


def rounds(found: Run) -> list[tuple[str, int | None, int, bool]]:
    return [(each.step, each.item, each.number, each.holds) for each in found.of(StepRound)]


def test_a_prompt_is_asked_until_it_holds() -> None:
    found = run("""
    steps:
      a: {prompt: "{{ round }}: {{ previous }}", repeat: {until: "round == 3", max: 9}}
      after: {value: "{{ a }}!"}
    """)
    assert found.prompts == ["1: null", "2: 1: null", "3: 2: 1: null"]
    assert found.value("after") == "3: 2: 1: null!"
    assert rounds(found) == [("a", None, 1, False), ("a", None, 2, False), ("a", None, 3, True)]
    started = [each.step for each in found.of(StepStarted)]
    assert started == ["a", "after"]


def test_until_sees_this_round_the_one_before_and_all() -> None:
    found = run("""
    steps:
      a:
        value:
          previous: "{{ previous.n if previous else 0 }}"
          n: "{{ round * 10 }}"
          all: "{{ rounds | map(attribute='n') | list }}"
        repeat:
          until: "a.n == 30 and previous.n == 20 and rounds | length == 3 and round == 3"
          max: 5
    """)
    assert found.value("a") == {"previous": 20, "n": 30, "all": [10, 20]}


@pytest.mark.parametrize(
    ("repeat", "value", "reason"),
    [
        ("{until: 'a > 9', max: 4}", 4, "after 4 rounds it still does not hold that a > 9"),
        ("{until: 'a > 9', max: 1}", 1, "after 1 round it still does not hold that a > 9"),
        ("{until: false, max: 3}", 3, ""),
        ("{until: true, max: 3}", 1, ""),
        ("{until: 'a == 4', max: 4}", 4, ""),
    ],
)
def test_the_last_round_counts_if_it_never_holds(repeat: str, value: int, reason: str) -> None:
    found = run(f"steps: {{a: {{value: '{{{{ round }}}}', repeat: {repeat}}}}}")
    assert (found.status("a"), found.value("a"), found.reason("a")) == ("done", value, reason)
    assert found.result.is_done


def test_a_block_is_repeated_with_all_its_steps() -> None:
    found = run("""
    steps:
      a:
        repeat: {until: "a.mark >= 3", max: 5}
        steps:
          draft: {prompt: "draft {{ round }} {{ previous.draft if previous else 'new' }}"}
          deep: {steps: {inner: {value: "{{ round }} of {{ rounds | length }}"}}}
          mark: {value: "{{ round }}"}
    """)
    assert found.prompts == ["draft 1 new", "draft 2 draft 1 new", "draft 3 draft 2 draft 1 new"]
    assert found.value("a") == {
        "draft": "draft 3 draft 2 draft 1 new",
        "deep": {"inner": "3 of 2"},
        "mark": 3,
    }
    inside = [each.within for each in found.of(StepStarted) if each.step == "a.draft"]
    assert inside == [(0,), (1,), (2,)]
    assert [each.within for each in found.of(StepStarted) if each.step == "a"] == [()]


def test_each_item_repeats_by_itself() -> None:
    found = run("""
    steps:
      a:
        foreach: "[1, 3, 2]"
        as: wanted
        steps:
          b: {value: "{{ wanted }}.{{ round }}", repeat: {until: "round == wanted", max: 9}}
        output: "{{ b }}"
        repeat: {until: "round == 2", max: 2}
    """)
    assert found.value("a") == ["1.1", "3.3", "2.2"]
    within = {each.within for each in found.of(StepRound) if each.step == "a.b"}
    assert within == {(item, number) for item in range(3) for number in range(2)}
    assert {each.within for each in found.of(StepRound) if each.step == "a"} == {()}


def test_a_pipeline_that_is_used_is_repeated() -> None:
    files = {
        "child.yaml": "inputs: {n: {}}\nsteps: {b: {prompt: 'n is {{ inputs.n }}'}}\n"
        "outputs: {o: '{{ b }}'}"
    }
    found = Stage(files=files).run("""
    steps:
      a:
        uses: ./child.yaml
        with: {n: "{{ previous.o if previous else 'first' }}"}
        repeat: {until: "rounds | length == 2", max: 5}
    """)
    assert found.value("a") == {"o": "n is n is first"}


def test_a_call_is_repeated_and_made_each_time() -> None:
    tool = Counting(act=lambda arguments: f"sun {len(tool.called)}")
    stage = Stage(toolbox=Box([tool], {}))
    found = stage.run("""
    tools:
      weather:
        http: {url: "https://example.org/w"}
        parameters: {type: object, properties: {city: {type: string}}, required: [city]}
    steps:
      a: {call: weather, with: {city: Rome}, repeat: {until: "a == 'sun 3'", max: 5}}
    """)
    assert (found.value("a"), len(tool.called)) == ("sun 3", 3)


def test_expect_is_checked_on_each_round() -> None:
    found = run("""
    steps:
      a: {value: "{{ round }}", expect: "a < 3", repeat: {until: "a == 5", max: 5}}
    """)
    assert found.reason("a") == ("round 3: the value is not as expected: it must hold that a < 3")
    assert len(found.of(StepRound)) == 2


@pytest.mark.parametrize(("more", "status"), [("", "failed"), ("on_error: ignore,", "ignored")])
def test_a_failed_round_fails_the_step(more: str, status: str) -> None:
    found = Stage(models=Models(failing)).run(f"""
    defaults: {{retry: 0}}
    steps:
      a: {{{more} prompt: "{{{{ 'bad' if previous else 'good' }}}}",
           repeat: {{until: false, max: 9}}}}
      b: {{{more} repeat: {{until: false, max: 9}}, steps: {{c: {{prompt: bad}}}}}}
    """)
    assert found.statuses == {"a": status, "b": status}
    assert found.reason("a") == "round 2: down"
    assert found.reason("b") == 'round 1: step "c" failed: down'
    assert found.prompts.count("good") == 1


def test_an_until_that_cannot_be_evaluated_fails_the_step() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {value: 1, repeat: {until: "a / inputs.x", max: 3}}}
    """, x=0)  # fmt: skip
    assert found.reason("a").startswith("its `until`: ")
    assert found.status("a") == "failed"


def test_a_step_whose_if_is_false_has_no_round() -> None:
    found = run("steps: {a: {prompt: hi, if: '1 > 2', repeat: {until: false, max: 3}}}")
    assert (found.status("a"), found.prompts) == ("skipped", [])


def test_a_round_that_is_skipped_ends_the_step() -> None:
    found = run("""
    steps:
      a: {repeat: {until: false, max: 3}, steps: {b: {value: 1, if: "round < 2"}}}
    """)
    assert (found.status("a"), found.reason("a")) == ("skipped", "all its steps were skipped")


def test_a_failure_ignored_inside_a_round_makes_it_partial() -> None:
    found = Stage(models=Models(failing)).run("""
    defaults: {retry: 0}
    steps:
      a:
        repeat: {until: false, max: 2}
        steps: {b: {prompt: bad, on_error: ignore}, c: {value: "{{ round }}"}}
    """)
    assert (found.status("a"), found.value("a")) == ("ignored", {"b": None, "c": 2})
    assert found.reason("a") == 'step "b" failed: down'


def test_rounds_are_draws_of_their_own_and_kept() -> None:
    models = Models(["one", "two", "three"])
    stage = Stage(models=models)
    source = "steps: {a: {prompt: again, repeat: {until: \"a == 'three'\", max: 9}}}"
    assert stage.run(source).value("a") == "three"
    again = stage.run(source)
    assert (again.status("a"), again.value("a"), len(models.requests)) == ("cached", "three", 3)
    assert again.result.cost_usd == 0


def test_what_rounds_have_cost_is_added_up() -> None:
    found = run("steps: {a: {prompt: a b, repeat: {until: false, max: 3}}}")
    assert found.result.usage.total_tokens == 3 * 4
    finished = found.of(StepFinished)[-1]
    assert (finished.model, len(finished.key)) == ("scripted/recommended", 64)


def test_rounds_that_nobody_names_are_not_held() -> None:
    text = """
        steps:
          a:
            repeat: {until: false, max: 200}
            value: "{{ 'x' * 100000 ~ round }}"
    """
    tracemalloc.start()
    try:
        result = run(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(result.value("a")).endswith("x200")
    assert peak < 10_000_000
