"""The order of a run: what waits for what, what is skipped, and what ends it."""

from __future__ import annotations

import asyncio

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.errors import AccessDenied, Unavailable
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import StepExpanded, StepFinished, StepStarted
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, run, said, until

DIAMOND = """
steps:
  top:    {prompt: "top"}
  left:   {prompt: "left of {{ top }}"}
  right:  {prompt: "right of {{ top }}"}
  bottom: {prompt: "{{ left }} and {{ right }}"}
"""


def test_a_step_runs_after_all_that_it_needs() -> None:
    found = run(DIAMOND)
    assert found.value("bottom") == "left of top and right of top"
    assert found.prompts[0] == "top"
    assert found.prompts[-1] == "left of top and right of top"


def test_needs_orders_steps_that_no_template_joins() -> None:
    found = run("""
    steps:
      second: {prompt: second, needs: [first]}
      first:  {prompt: first}
    """)
    assert found.prompts == ["first", "second"]


def test_the_events_of_a_step_are_started_then_finished() -> None:
    found = run("steps: {a: {prompt: hi}}")
    kinds = [type(each).__name__ for each in found.events]
    assert kinds == ["RunStarted", "StepStarted", "StepFinished", "OutputWritten", "RunFinished"]


def test_the_events_of_a_foreach_are_started_expanded_items_finished() -> None:
    found = run("steps: {a: {foreach: '[1, 2]', value: '{{ item }}'}}")
    steps = [e for e in found.events if isinstance(e, StepStarted | StepExpanded | StepFinished)]
    assert [(type(e).__name__, getattr(e, "item", None)) for e in steps] == [
        ("StepStarted", None),
        ("StepExpanded", None),
        ("StepStarted", 0),
        ("StepFinished", 0),
        ("StepStarted", 1),
        ("StepFinished", 1),
        ("StepFinished", None),
    ]


# Conditions and skipping


def test_a_step_whose_if_is_false_is_skipped_and_says_why() -> None:
    found = run("""
    inputs: {wanted: {type: boolean, default: false}}
    steps:
      a: {prompt: hi, if: "inputs.wanted"}
      b: {prompt: hi, if: false}
      c: {prompt: "hi", if: "not inputs.wanted"}
    """, wanted=False)  # fmt: skip
    assert found.statuses == {"a": "skipped", "b": "skipped", "c": "done"}
    assert found.reason("a") == "its `if` does not hold: inputs.wanted"
    assert found.reason("b") == "its `if` is false"
    assert found.prompts == ["hi"]
    assert found.result.status == "done"


def test_what_needs_a_skipped_value_is_skipped_because_of_it() -> None:
    found = run("""
    steps:
      a: {prompt: a, if: "1 > 2"}
      b: {prompt: "{{ a }}"}
      c: {prompt: "{{ b }}"}
    """)
    assert found.statuses == {"a": "skipped", "b": "skipped", "c": "skipped"}
    assert found.reason("b") == 'needs "a", which was skipped'
    assert found.reason("c") == 'needs "b", which was skipped'
    assert found.prompts == []


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("{{ a or 'none' }}", "none"),
        ("{{ b or a }}", "b"),
        ("{{ a or b }}", "b"),
        ("{{ a | default('none') }}", "none"),
        ("{{ a is defined }}", False),
        ("{{ 'yes' if a is none else 'no' }}", "yes"),
        ("{% if a %}{{ a }}{% else %}none{% endif %}", "none"),
    ],
)
def test_a_reference_that_can_do_without_a_skipped_step_does(value: str, given: object) -> None:
    found = run(f"""
    steps:
      a: {{prompt: a, if: "1 > 2"}}
      b: {{prompt: b}}
      c: {{value: "{value}"}}
    """)
    assert found.value("c") == given


def test_needs_waits_for_a_skipped_step_and_does_not_need_its_value() -> None:
    found = run("steps: {a: {prompt: a, if: '1 > 2'}, b: {prompt: b, needs: [a]}}")
    assert found.status("b") == "done"


def test_an_if_that_cannot_be_evaluated_fails_the_step() -> None:
    found = run("""
    inputs: {x: {}}
    steps: {a: {prompt: a, if: "inputs.x.y.z"}, b: {value: 1}}
    """, x={})  # fmt: skip
    assert found.statuses == {"a": "failed", "b": "done"}
    assert 'no field "y"' in found.reason("a")


def test_the_facts_of_a_run_are_read_of_earlier_steps() -> None:
    stage = Stage()
    source = """
    steps:
      a: {prompt: hello, model: some}
      b: {prompt: b, if: "1 > 2"}
      facts:
        value:
          model: "{{ run.a.model }}"
          tokens: "{{ run.a.usage.total_tokens }}"
          seconds: "{{ run.a.seconds >= 0 }}"
          cost: "{{ run.a.cost }}"
          status: ["{{ run.a.status }}", "{{ run.b.status }}"]
    """
    assert stage.run(source).value("facts") == {
        "model": "scripted/some",
        "tokens": 2,
        "seconds": True,
        "cost": None,
        "status": ["done", "skipped"],
    }
    assert stage.run(source).value("facts") == {
        "model": "scripted/some",
        "tokens": 0,
        "seconds": True,
        "cost": 0.0,
        "status": ["cached", "skipped"],
    }


# Failing


def failing(*prompts: str, error: Exception | None = None) -> Models:
    """Models that refuse some prompts."""

    def script(request: ChatRequest) -> Answer:
        if said(request) in prompts:
            return error if isinstance(error, Unavailable | AccessDenied) else Unavailable("down")
        return said(request)

    return Models(script)


def test_branches_that_do_not_need_a_failed_step_finish() -> None:
    found = Stage(models=failing("bad")).run("""
    defaults: {retry: 0}
    steps:
      bad:    {prompt: bad}
      after:  {prompt: "{{ bad }}"}
      later:  {prompt: "{{ after }}"}
      good:   {prompt: good}
      better: {prompt: "{{ good }} too"}
    """)
    assert found.statuses == {
        "bad": "failed",
        "after": "skipped",
        "later": "skipped",
        "good": "done",
        "better": "done",
    }
    assert found.reason("bad") == "down"
    assert found.reason("after") == found.reason("later") == 'needs "bad", which failed'
    assert found.result.status == "failed"


def test_a_failed_step_holds_back_even_those_that_could_do_without_it() -> None:
    found = Stage(models=failing("bad")).run("""
    defaults: {retry: 0}
    steps:
      bad:  {prompt: bad}
      good: {prompt: good}
      join: {value: "{{ bad or good }}"}
      next: {prompt: next, needs: [bad]}
    """)
    assert found.status("join") == "skipped"
    assert found.status("next") == "skipped"


def test_a_step_that_would_be_skipped_anyway_does_not_blame_a_failure() -> None:
    found = Stage(models=failing("bad")).run("""
    defaults: {retry: 0}
    steps:
      bad:  {prompt: bad}
      off:  {prompt: off, if: "1 > 2"}
      both: {prompt: "{{ bad }} {{ off }}"}
      join: {value: "{{ both or 'without' }}"}
    """)
    assert found.reason("both") == 'needs "off", which was skipped'
    assert found.value("join") == "without"


def test_an_ignored_failure_is_null_and_makes_the_run_partial() -> None:
    found = Stage(models=failing("bad")).run("""
    defaults: {retry: 0}
    steps:
      bad:   {prompt: bad, on_error: ignore}
      after: {value: "{{ bad is none }}"}
    """)
    assert found.statuses == {"bad": "ignored", "after": "done"}
    assert found.value("after") is True
    assert found.reason("bad") == "down"
    assert (found.result.status, found.result.partial) == ("done", True)


# No waves, and the bound


def test_a_slow_branch_never_holds_a_fast_one() -> None:
    async def main() -> Run:
        slow = asyncio.Event()

        def script(request: ChatRequest) -> Answer:
            if said(request) == "slow":
                return Held(slow, "slow")
            if said(request) == "fast 3":
                slow.set()
            return said(request)

        plan = plan_of("""
        steps:
          slow:  {prompt: slow}
          fast1: {prompt: fast 1}
          fast2: {prompt: "fast 2", needs: [fast1]}
          fast3: {prompt: "fast 3", needs: [fast2]}
          end:   {prompt: "{{ slow }} {{ fast3 }}"}
        """)
        return await Stage(models=Models(script)).go(plan, {})

    assert virtual_time.run(main()).value("end") == "slow fast 3"


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_no_more_calls_are_under_way_than_allowed(concurrency: int) -> None:
    async def main() -> int:
        gate, most = asyncio.Event(), 0
        models = Models(lambda request: Held(gate, said(request)))
        stage = Stage(models=models, concurrency=concurrency)
        plan = plan_of("""
        steps:
          wide: {foreach: "range(20) | list", prompt: "{{ item }}", samples: 2}
          one:  {prompt: one, samples: 5}
          two:  {prompt: two}
        """)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            while not running.done():
                await asyncio.sleep(0.001)
                most = max(most, models.fake.in_flight)
                if models.fake.in_flight == concurrency:
                    gate.set()
                    await asyncio.sleep(0)
                    gate.clear()
                elif len(models.requests) == 46:
                    gate.set()
        assert running.result().result.is_done
        return most

    assert virtual_time.run(main()) == concurrency


def test_a_wide_foreach_does_not_hold_what_is_ready_beside_it() -> None:
    found = Stage(concurrency=1).run("""
    steps:
      wide: {foreach: "range(10) | list", prompt: "wide {{ item }}"}
      one:  {prompt: one}
      two:  {prompt: "{{ one }} two"}
    """)
    assert found.prompts.index("one two") <= 4


def test_values_are_computed_while_every_call_is_held() -> None:
    async def main() -> Run:
        gate = asyncio.Event()

        def script(request: ChatRequest) -> Answer:
            return Held(gate, said(request))

        stage = Stage(models=Models(script), concurrency=1)
        plan = plan_of("""
        steps:
          call: {prompt: hi}
          a: {value: 1}
          b: {value: "{{ a + 1 }}"}
        """)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: stage.models.fake.in_flight == 1)
            done = [each.step for each in stage.events if isinstance(each, StepFinished)]
            gate.set()
        assert done == ["a", "b"]
        return running.result()

    assert virtual_time.run(main()).result.is_done


def test_a_long_chain_of_values_does_not_recurse() -> None:
    steps = "\n".join(f"  s{i}: {{value: '{{{{ s{i - 1} + 1 }}}}'}}" for i in range(1, 10_000))
    found = run(f"steps:\n  s0: {{value: 0}}\n{steps}\noutputs: {{end: '{{{{ s9999 }}}}'}}")
    assert found.outputs == {"end": 9999}


def test_a_long_chain_of_empty_loops_does_not_recurse() -> None:
    steps = "\n".join(
        f"  s{i}: {{foreach: s{i - 1}, value: '{{{{ item }}}}'}}" for i in range(1, 10_000)
    )
    found = run(f"steps:\n  s0: {{value: []}}\n{steps}\noutputs: {{end: '{{{{ s9999 }}}}'}}")
    assert found.outputs == {"end": []}


def test_a_long_chain_of_skipped_steps_does_not_recurse() -> None:
    steps = "\n".join(f"  s{i}: {{value: '{{{{ s{i - 1} }}}}'}}" for i in range(1, 10_000))
    found = run(f"steps:\n  s0: {{value: 0, if: false}}\n{steps}\noutputs: {{end: 1}}")
    assert found.status("s9999") == "skipped"


def test_a_wide_foreach_of_values_lets_others_have_their_turn() -> None:
    async def main() -> int:
        turns = 0
        plan = plan_of("steps: {a: {foreach: 'range(5000) | list', value: '{{ item }}'}}")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(Stage().go(plan, {}))
            while not running.done():
                await asyncio.sleep(0)
                turns += 1
        assert running.result().result.is_done
        return turns

    assert virtual_time.run(main()) > 20
