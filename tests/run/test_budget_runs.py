"""Runs under budgets: of the run, of steps with all that is inside, of pipelines that are used."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Price
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer
from flowrun.run.events import StepFinished
from flowrun.run.execution import Execution
from tests.support import virtual_time
from tests.support.running import Models, plan_of, said
from tests.support.spending import A_DOLLAR_A_TOKEN, costing, paid, reached, slowly, stage
from tests.support.tooling import Box, Counting, calling, results

D = Decimal
WIDE = """
budget: {{usd: {usd}}}
defaults: {{max_completion_tokens: {worst}}}
steps:
  a: {{foreach: "range({items}) | list", prompt: "{{{{ item }}}}"}}
"""


def wide(usd: float = 100, items: int = 500, worst: int = 1) -> str:
    """A run that asks for many things at once."""
    return WIDE.format(usd=usd, items=items, worst=worst)


# The whole run


@pytest.mark.parametrize("concurrency", [1, 16, 500])
@pytest.mark.parametrize("keep_going", [False, True])
def test_of_500_calls_exactly_those_are_made_that_fit(concurrency: int, keep_going: bool) -> None:
    found = stage(concurrency=concurrency, keep_going=keep_going).run(wide())
    assert len(found.prompts) == 100
    assert found.result.cost_usd == 100
    assert (found.result.status, found.result.is_budget_reached) == ("failed", True)
    assert reached("the run", "$100.00", "$100.00") in found.reason("a")


def test_a_run_that_stays_below_is_done() -> None:
    found = stage().run(wide(usd=500))
    assert (found.result.status, found.result.is_budget_reached) == ("done", False)
    assert len(found.prompts) == 500


def test_what_was_reserved_and_not_spent_is_spent_by_others() -> None:
    found = stage(paid(1)).run(wide(usd=30, items=50, worst=10))
    assert len(found.prompts) == 21
    assert found.result.cost_usd == 21


def test_a_reply_of_unknown_cost_counts_as_its_worst_case() -> None:
    found = stage(paid(None)).run(wide(usd=30, items=50, worst=10))
    assert len(found.prompts) == 3


def test_branches_end_on_their_own_and_steps_without_models_go_on() -> None:
    found = stage().run(
        """
        budget: {usd: 1}
        defaults: {max_completion_tokens: 1}
        steps:
          a: {prompt: a}
          b: {prompt: "b {{ a }}"}
          c: {value: "{{ b }}"}
          d: {value: "{{ a }}!"}
        """
    )
    assert found.statuses == {"a": "done", "b": "failed", "d": "done", "c": "skipped"}
    assert found.value("d") == "a!"


def test_raised_it_goes_on_where_it_stood() -> None:
    on = stage(concurrency=16)
    assert len(on.run(wide(usd=40, items=100)).prompts) == 40
    again = on.run(wide(usd=60, items=100))
    assert again.result.status == "done"
    assert len(again.prompts) == 100
    assert again.result.cost_usd == 60


def test_kept_answers_cost_nothing() -> None:
    on = stage()
    on.run(wide(usd=500))
    again = on.run(wide(usd=0.001))
    assert (again.status("a"), len(again.prompts)) == ("cached", 500)


def test_what_costs_nothing_is_asked_without_a_limit() -> None:
    free = Price(D(0), D(0))
    found = stage(prices={"recommended": free}).run("budget: {usd: 0.01}\nsteps: {a: {prompt: x}}")
    assert found.status("a") == "done"


def test_what_nobody_can_price_is_not_asked() -> None:
    found = stage().run("budget: {usd: 1}\nsteps: {a: {prompt: x}, b: {prompt: y, model: new}}")
    assert found.prompts == []
    assert "set max_completion_tokens" in found.reason("a")
    assert 'flowrun.toml: [prices."scripted/new"]' in found.reason("b")
    assert not found.result.is_budget_reached


# One step


def test_a_step_may_spend_so_much_with_all_its_items() -> None:
    found = stage().run(
        """
        defaults: {max_completion_tokens: 1}
        steps:
          a: {foreach: range(10) | list, prompt: "{{ item }}", budget: {usd: 3}}
          b: {foreach: range(10) | list, prompt: "b {{ item }}"}
        """
    )
    assert found.statuses == {"a": "failed", "b": "done"}
    assert len(found.prompts) == 13
    assert reached('step "a"', "$3.00", "$3.00") in found.reason("a")


def test_ignored_it_leaves_a_run_that_is_partial() -> None:
    found = stage(concurrency=1).run(
        """
        defaults: {max_completion_tokens: 1}
        steps:
          a: {foreach: range(4) | list, prompt: "{{ item }}", on_error: ignore, budget: {usd: 2}}
        """
    )
    assert found.value("a") == ["0", "1", None, None]
    assert (found.result.status, found.result.partial) == ("done", True)
    assert not found.result.is_budget_reached


@pytest.mark.parametrize(
    "step",
    [
        'prompt: "{{ item }}", foreach: range(4) | list',
        'steps: {i: {prompt: "{{ item }}"}}, foreach: range(4) | list',
        "prompt: '{{ round }}', repeat: {until: false, max: 4}",
    ],
)
def test_a_budget_around_a_step_is_not_the_steps_to_ignore(step: str) -> None:
    found = stage(concurrency=1).run(
        f"""
        budget: {{usd: 2}}
        defaults: {{max_completion_tokens: 1}}
        steps:
          a: {{{step}, on_error: ignore}}
        """
    )
    assert (found.status("a"), found.result.is_budget_reached) == ("failed", True)
    assert len(found.prompts) == 2


@pytest.mark.parametrize(
    ("step", "asked"),
    [
        ('prompt: "{{ item }}", foreach: range(9) | list', 3),
        ('steps: {i: {prompt: "{{ item }}"}}, foreach: range(9) | list', 3),
        ("prompt: '{{ round }}', repeat: {until: false, max: 9}", 3),
        ("steps: {i: {prompt: '{{ round }}'}}, repeat: {until: false, max: 9}", 3),
        ("prompt: x, samples: 9", 3),
        ("prompt: x, repair: 9, expect: a == 'y'", 3),
        ("steps: {i: {steps: {j: {prompt: '{{ item }}'}}}}, foreach: range(9) | list", 3),
        ("uses: ./child.yaml", 3),
        ("uses: ./child.yaml, foreach: range(2) | list", 3),
    ],
)
def test_it_holds_for_all_that_is_inside(step: str, asked: int) -> None:
    child = """
    defaults: {max_completion_tokens: 1}
    steps: {c: {foreach: range(9) | list, prompt: "{{ item }}", cache: false}}
    """
    source = f"""
    defaults: {{max_completion_tokens: 1}}
    steps:
      a: {{{step}, budget: {{usd: 3}}}}
      other: {{prompt: free of it}}
    """
    found = stage(concurrency=1, files={"child.yaml": child}).run(source)
    assert len(found.prompts) == asked + 1
    assert (found.status("a"), found.status("other")) == ("failed", "done")
    assert reached('step "a"', "$3.00", "$3.00") in found.reason("a")
    assert found.result.is_budget_reached


def test_inside_of_a_block_it_holds_for_each_of_the_blocks_items_anew() -> None:
    found = stage(concurrency=4, keep_going=True).run(
        """
        budget: {usd: 7}
        defaults: {max_completion_tokens: 1}
        steps:
          a:
            foreach: range(2) | list
            as: x
            steps:
              b: {foreach: range(9) | list, prompt: "{{ x }} {{ item }}", budget: {usd: 3}}
          c: {foreach: range(9) | list, prompt: "c {{ item }}", needs: [a]}
        """
    )
    assert len([each for each in found.prompts if each.startswith(("0", "1"))]) == 6
    whose = {each.reason for each in found.of(StepFinished) if each.step == "a.b"}
    assert any('the budget of step "a.b" is reached' in each for each in whose)


def test_a_pipeline_that_is_used_has_the_budget_at_its_top() -> None:
    child = """
    budget: {usd: 2}
    defaults: {max_completion_tokens: 1}
    inputs: {x: {type: integer}}
    steps: {c: {foreach: range(9) | list, prompt: "{{ inputs.x }} {{ item }}"}}
    """
    source = """
    steps:
      a: {foreach: range(2) | list, uses: ./child.yaml, with: {x: "{{ item }}"}, on_error: ignore}
    """
    found = stage(files={"child.yaml": child}).run(source)
    assert len(found.prompts) == 4
    assert found.value("a") == [None, None]
    assert reached('the pipeline "child.yaml"', "$2.00", "$2.00") in found.reason("a")


def test_samples_that_are_paid_for_are_kept() -> None:
    on = stage(concurrency=9)
    source = """
    defaults: {{max_completion_tokens: 1}}
    steps: {{a: {{prompt: x, samples: 5, budget: {{usd: {usd}}}}}}}
    """
    assert len(on.run(source.format(usd=3)).prompts) == 3
    again = on.run(source.format(usd=5))
    assert (again.status("a"), len(again.prompts), again.result.cost_usd) == ("done", 5, D(2))


# Every request counts


def test_each_try_counts_that_may_be_billed() -> None:
    tries: list[str] = []

    def script(request: ChatRequest) -> Answer:
        tries.append(said(request))
        return slowly(Unavailable("broke the connection"))

    found = stage(script).run(
        """
        steps: {a: {prompt: x, retry: 9, max_completion_tokens: 1, budget: {usd: 3}}}
        """
    )
    assert (len(tries), found.result.is_budget_reached) == (3, True)


def test_a_try_that_was_refused_costs_nothing() -> None:
    answers: list[Answer] = [*[Unavailable("busy", status=429)] * 5, costing(1)]
    on = stage()
    on.models = Models(answers, prices={"recommended": A_DOLLAR_A_TOKEN})
    found = on.run("steps: {a: {prompt: x, retry: 9, max_completion_tokens: 1, budget: {usd: 1}}}")
    assert (found.status("a"), len(found.prompts)) == ("done", 6)


def test_room_is_given_back_while_a_retry_is_waited_for() -> None:
    def script(request: ChatRequest) -> Answer:
        if said(request) == "a" and not seen.count("a"):
            seen.append("a")
            return Unavailable("busy", status=503, retry_after_s=60)
        seen.append(said(request))
        return costing(1)

    seen: list[str] = []
    found = stage(script).run(
        """
        budget: {usd: 3}
        defaults: {max_completion_tokens: 3}
        steps: {a: {prompt: a}, b: {prompt: b}}
        """
    )
    assert seen == ["a", "b"]
    assert found.statuses == {"a": "failed", "b": "done"}


def test_each_turn_of_a_conversation_counts() -> None:
    def script(request: ChatRequest) -> Answer:
        number = len(results(request))
        return slowly(calling(("weather", f'{{"city": "{number}"}}', f"c{number}")))

    tool = Counting()
    on = stage(script)
    on.toolbox = Box([tool], {})
    found = on.run(
        """
        tools:
          weather:
            shell: [x]
            parameters: {type: object, properties: {city: {type: string}}}
        steps: {a: {prompt: x, tools: [weather], max_completion_tokens: 1, budget: {usd: 3}}}
        """
    )
    assert (len(found.prompts), len(tool.called)) == (3, 3)
    assert found.result.is_budget_reached


def test_each_model_is_priced_by_itself() -> None:
    def script(request: ChatRequest) -> Answer:
        return Unavailable("down", status=503) if request.model == "dear" else costing(1)

    cents = Price(D(0), D(10_000))
    found = stage(script, prices={"cheap": cents, "dear": A_DOLLAR_A_TOKEN}).run(
        """
        steps:
          a: {prompt: x, model: dear, fallback: [cheap], retry: 0, max_completion_tokens: 1,
              budget: {usd: 1}}
          b: {prompt: y, model: dear, fallback: [cheap], retry: 0, max_completion_tokens: 2,
              budget: {usd: 1}}
        """
    )
    assert (found.status("a"), found.result.steps["a"].cost_usd) == ("done", D("0.01"))
    assert found.reason("b") == reached('step "b"', "$1.00", "$0.00", "$2.00")


def test_equal_requests_at_one_time_are_paid_once() -> None:
    found = stage().run(
        """
        budget: {usd: 1}
        defaults: {max_completion_tokens: 1}
        steps: {a: {prompt: x}, b: {prompt: x}}
        """
    )
    assert found.result.status == "done"
    assert len(found.prompts) == 1


def test_a_step_whose_time_is_over_while_it_waits_for_room_reserves_nothing() -> None:
    found = stage(lambda request: slowly(costing(1, said(request)), 9)).run(
        """
        budget: {usd: 5}
        defaults: {max_completion_tokens: 4}
        steps: {a: {prompt: a}, b: {prompt: b, timeout: 2s}, c: {prompt: c, needs: [a]}}
        """
    )
    assert found.statuses == {"a": "done", "b": "failed", "c": "done"}
    assert found.reason("b") == "took longer than 2 s"


def test_a_stop_while_it_waits_for_room_begins_nothing() -> None:
    async def main() -> list[str]:
        on = stage(lambda request: slowly(costing(1, said(request)), 9))

        def stop_soon(execution: Execution) -> None:
            asyncio.get_running_loop().call_later(2, execution.stop)

        on.on_start = stop_soon
        found = await on.go(plan_of(wide(usd=5, items=2, worst=4)), {})
        assert found.result.status == "interrupted"
        assert [status for _, status, _ in found.items("a")] == ["done", "cancelled"]
        return found.prompts

    assert virtual_time.run(main()) == ["0"]
