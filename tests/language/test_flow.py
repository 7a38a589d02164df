"""§3 of docs/language.md: flow."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import StepRetried, StepRound
from flowrun.store.memory import MemoryStore
from tests.cli.command import flowrun, write
from tests.document.checking import told
from tests.support import virtual_time
from tests.support.citing import says
from tests.support.endpoint import endpoint
from tests.support.running import Models, Stage, plan_of, run, said, until
from tests.support.spending import stage as spending


def failing(request: ChatRequest) -> Answer:
    """What says "bad" is not answered."""
    return Unsupported("no") if "bad" in said(request) else said(request)


# if


@says("§3", "if: expr false: the step is skipped.")
@pytest.mark.parametrize(("condition", "status"), [("n > 2", "done"), ("n > 3", "skipped")])
def test_a_false_condition_skips_the_step(condition: str, status: str) -> None:
    found = run(f"steps: {{n: {{value: '{{{{ 3 }}}}'}}, a: {{if: {condition}, prompt: hi}}}}")
    assert (found.status("a"), len(found.prompts)) == (status, status == "done")


@says("§3", "With foreach it is asked for each item; a skipped item is null in the list.")
def test_a_condition_is_asked_for_each_item() -> None:
    found = run("steps: {a: {foreach: '[1, 2, 3]', if: item != 2, value: '{{ item }}'}}")
    assert found.value("a") == [1, None, 3]


# foreach


@says("§3", "foreach: expr, as: name once for each element, … the output is a list in the")
@says("§3", "input's order.")
def test_a_foreach_is_done_once_for_each_element() -> None:
    found = run("steps: {a: {foreach: \"['x', 'y']\", as: letter, prompt: 'say {{ letter }}'}}")
    assert found.value("a") == ["say x", "say y"]


@says("§3", "in parallel; the output is a list in the input's order.")
def test_a_foreach_is_done_in_parallel_and_keeps_the_order() -> None:
    async def main() -> tuple[int, object]:
        gates = [asyncio.Event() for _ in range(3)]
        stage = Stage(models=Models(lambda asked: Held(gates[int(said(asked))], said(asked))))
        plan = plan_of("steps: {a: {foreach: '[0, 1, 2]', prompt: '{{ item }}'}}")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: stage.models.fake.in_flight == 3)
            at_once = stage.models.fake.in_flight
            for gate in reversed(gates):
                gate.set()
                await asyncio.sleep(0.001)
        return at_once, running.result().value("a")

    assert virtual_time.run(main()) == (3, ["0", "1", "2"])


@says("§3", "name defaults to item; loop.index and friends as in Jinja.")
def test_an_element_is_called_item_and_loop_counts() -> None:
    names = "index, loop.index0, loop.first, loop.last, loop.length, loop.revindex"
    found = run(f"steps: {{a: {{foreach: '[7, 8]', value: '{{{{ [item, loop.{names}] }}}}'}}}}")
    assert found.value("a") == [[7, 1, 0, True, False, 2, 2], [8, 2, 1, False, True, 2, 1]]


@says("§3", "A mapping of names to expressions gives every combination, the last name fastest.")
def test_a_mapping_gives_every_combination() -> None:
    found = run("""
    steps: {a: {foreach: {x: "[1, 2]", y: "['a', 'b']"}, value: "{{ x }}{{ y }}"}}
    """)
    assert found.value("a") == ["1a", "1b", "2a", "2b"]


# repeat


COUNTING = """
steps:
  a:
    value: {last: "{{ previous.number if previous else none }}", number: "{{ round }}",
            before: "{{ rounds | length }}"}
    repeat: {until: "UNTIL", max: 4}
"""


@says("§3", "repeat: {until: expr, max: n} again until the expression holds,")
@says("§3", "previous is the last round's output (null in the first),")
@says("§3", "rounds the list of all so far, round counts from 1.")
def test_a_repeat_is_done_again_until_it_holds() -> None:
    found = run(COUNTING.replace("UNTIL", "a.number == 3"))
    assert found.value("a") == {"last": 2, "number": 3, "before": 2}
    first = run(COUNTING.replace("UNTIL", "true"))
    assert first.value("a") == {"last": None, "number": 1, "before": 0}


@says("§3", "again until the expression holds, max times at most;")
@says("§3", "When max rounds did not make until hold, the step is done with the last round's")
@says("§3", "output, and says so.")
def test_a_repeat_ends_after_max_rounds_and_says_so() -> None:
    found = run(COUNTING.replace("UNTIL", "a.number == 9"))
    assert found.status("a") == "done"
    assert found.value("a") == {"last": 3, "number": 4, "before": 3}
    assert found.reason("a") == "after 4 rounds it still does not hold that a.number == 9"


@says("§3", "repeat: {until: expr, max: n}")
@pytest.mark.parametrize("words", ["until: a", "max: 3", "until: a, max: 0", "until: a, max: 1001"])
def test_a_repeat_needs_an_end(words: str) -> None:
    assert len(told(f"steps: {{a: {{value: 1, repeat: {{{words}}}}}}}")) == 1


@says("§3", "Every round stands in the record.")
def test_every_round_stands_in_the_record(here: Path) -> None:
    write("p.yaml", COUNTING.replace("UNTIL", "a.number == 3"))
    assert flowrun("execute", "p.yaml").code == 0
    (record,) = (here / ".flowrun" / "runs").glob("*.jsonl")
    lines = map(json.loads, record.read_text("utf-8").splitlines())
    rounds = [(each["number"], each["holds"]) for each in lines if each.get("event") == "StepRound"]
    assert rounds == [(1, False), (2, False), (3, True)]


@says("§3", "In until the step's own name is this round's output.")
def test_until_names_the_round_as_the_step() -> None:
    found = run("""
    steps: {a: {value: "{{ round * 10 }}", repeat: {until: "a == 20 and previous == 10", max: 5}}}
    """)
    assert found.value("a") == 20
    assert [each.preview for each in found.of(StepRound)] == ["10", "20"]


# samples, needs, retry


@says("§3", "samples: n n independent answers to one request; the output is a list.")
def test_samples_are_answers_to_one_request() -> None:
    found = run("steps: {a: {samples: 3, prompt: hi}}", ["one", "two", "three"])
    value = found.value("a")
    assert isinstance(value, list)
    assert sorted(value) == ["one", "three", "two"]
    assert found.prompts == ["hi"] * 3


@says("§3", "Where a seed is set, each sample adds its number to it.")
def test_samples_have_seeds_of_their_own() -> None:
    found = run("steps: {a: {samples: 3, seed: 40, prompt: hi}}")
    assert sorted(each.options["seed"] for each in found.models.requests) == [40, 41, 42]  # type: ignore[type-var]  # numbers


@says("§3", "needs: [ids] extra edges")
def test_needs_are_extra_edges() -> None:
    assert run("steps: {b: {prompt: b, needs: [a]}, a: {prompt: a}}").prompts == ["a", "b"]
    assert "[unknown-step]" in told("steps: {a: {prompt: a, needs: [nobody]}}")[0]


@says("§3", "retry: n transport faults, 408, 429, 5xx … full-jitter back-off,")
def test_what_passes_is_asked_again() -> None:
    faults = ["408", "429", "500", "503", "529", "reset-early"]
    with endpoint() as server:
        write("flowrun.toml", f'[endpoints.mine]\nbase_url = "{server.url}"\n')
        steps = [
            f"  a{n}: {{model: mine/chaos-{each}.1, prompt: hi}}\n" for n, each in enumerate(faults)
        ]
        write("p.yaml", "steps:\n" + "".join(steps))
        done = flowrun("execute", "p.yaml", "--json")
    assert done.code == 0, done.err


@says("§3", "transport faults, 408, 429, 5xx (default 4): full-jitter back-off,")
def test_four_retries_are_made_each_later() -> None:
    down = Unavailable("down")
    found = run("steps: {a: {prompt: hi}}", [down])
    assert len(found.prompts) == 5
    delays = [each.delay_s for each in found.of(StepRetried)]
    assert delays == sorted(delays)
    assert delays[-1] > 4 * delays[0]
    assert len(run("steps: {a: {prompt: hi, retry: 2}}", [down]).prompts) == 3


@says("§3", "retry-after obeyed")
def test_retry_after_is_obeyed() -> None:
    found = run("steps: {a: {prompt: hi}}", [Unavailable("later", retry_after_s=20.0), "ok"])
    (retried,) = found.of(StepRetried)
    assert found.value("a") == "ok"
    assert 20 <= retried.delay_s < 25


@says("§3", "transport faults, 408, 429, 5xx")
@pytest.mark.parametrize("error", [AccessDenied("401"), Unsupported("400"), ProviderError("x")])
def test_nothing_else_is_asked_again(error: ProviderError) -> None:
    assert len(run("steps: {a: {prompt: hi}}", [error]).prompts) == 1


# repair, expect


JSON = "steps: {a: {prompt: hi, response_format: {type: json_object}MORE}}"


@says("§3", "repair: n a reply that is not the JSON asked for is sent back with what is wrong")
@says("§3", "(default 1)")
def test_a_faulty_reply_is_sent_back_once() -> None:
    found = run(JSON.replace("MORE", ""), ["{oops", '{"x": 1}'])
    assert found.value("a") == {"x": 1}
    messages = found.models.requests[1].messages
    assert [each.role for each in messages] == ["user", "assistant", "user"]
    assert "JSON" in found.prompts[1]
    assert run(JSON.replace("MORE", ""), ["{oops", "{oops", "{}"]).status("a") == "failed"


@says("§3", "repair: n a reply that is not the JSON asked for")
@pytest.mark.parametrize("repair", [0, 3])
def test_repair_says_how_often(repair: int) -> None:
    found = run(JSON.replace("MORE", f", repair: {repair}"), ["{oops"])
    assert (found.status("a"), len(found.prompts)) == ("failed", repair + 1)


@says("§3", "expect: [expr, …] must hold of the step's own output (named as later steps name it);")
@says("§3", "what does not, … is sent back within repair, then fails the step")
def test_what_is_not_expected_is_sent_back_then_fails() -> None:
    source = "steps: {a: {prompt: hi, expect: [\"'x' in a\", a | length < 9]}}"
    assert run(source, ["no", "yes: x"]).value("a") == "yes: x"
    found = run(source, ["no"])
    assert (found.status("a"), len(found.prompts)) == ("failed", 2)
    assert "'x' in a" in found.prompts[1]


@says("§3", "what does not, or cannot be evaluated, is sent back within repair,")
def test_what_cannot_be_evaluated_is_sent_back() -> None:
    found = run("steps: {a: {prompt: hi, expect: a | int(none) > 1}}", ["no", "3"])
    assert (found.value("a"), len(found.prompts)) == ("3", 2)


@says("§3", "must hold of the step's own output … then fails the step")
def test_a_value_that_is_not_as_expected_fails() -> None:
    found = run("steps: {a: {value: 1, expect: [a > 1]}}")
    assert found.reason("a") == "the value is not as expected: it must hold that a > 1"


# fallback, timeout, on_error, cache


@says("§3", "fallback: [models] tried in order when a model is unavailable or cannot take the")
@says("§3", "request's shape")
@pytest.mark.parametrize("error", [Unavailable("down"), Unsupported("no such shape")])
def test_fallbacks_are_tried_in_order(error: ProviderError) -> None:
    found = run(
        "steps: {a: {model: one, fallback: [two, three], prompt: hi, retry: 0}}",
        lambda asked: "ok" if asked.model == "three" else error,
    )
    assert found.value("a") == "ok"
    assert [each.model for each in found.models.requests] == ["one", "two", "three"]


@says("§3", "timeout: 90s of the whole step, … (500ms, 90s, 5m, 1h)")
@pytest.mark.parametrize(
    ("written", "seconds"), [("500ms", 0.5), ("90s", 90), ("5m", 300), ("1h", 3600)]
)
def test_a_timeout_is_of_the_whole_step(written: str, seconds: float) -> None:
    async def main() -> tuple[str, float]:
        stage = Stage(models=Models([Held(asyncio.Event(), "never")]))
        plan = plan_of(f"steps: {{a: {{prompt: hi, timeout: {written}}}}}")
        started = asyncio.get_running_loop().time()
        found = await stage.go(plan, {})
        return found.status("a"), asyncio.get_running_loop().time() - started

    status, took = virtual_time.run(main())
    assert status == "failed"
    assert took == pytest.approx(seconds, rel=0.01)


@says("§3", "of the whole step,")
def test_a_timeout_holds_for_retries_and_blocks_too() -> None:
    down = Unavailable("down", retry_after_s=40.0)
    source = "steps: {a: {timeout: 60s, prompt: hi}, b: {timeout: 60s, steps: {c: {prompt: ho}}}}"
    found = run(source, [down])
    assert found.statuses == {"a": "failed", "b": "failed"}
    assert "60 s" in found.reason("a")
    assert found.prompts.count("hi") == found.prompts.count("ho") == 2


@says("§3", "with foreach of each item")
def test_a_timeout_is_of_each_item() -> None:
    slow = Unavailable("down", retry_after_s=40.0)
    found = Stage(models=Models([slow, "a", slow, "b"]), concurrency=1).run(
        "steps: {a: {timeout: 60s, foreach: '[1, 2]', prompt: 'hi {{ item }}'}}"
    )
    assert found.value("a") == ["a", "b"]


@says("§3", r"on_error: fail \| ignore ignore: the value is null, the run goes on and is reported")
@says("§3", "as partial")
def test_an_ignored_failure_is_null_and_the_run_partial() -> None:
    source = "steps: {a: {prompt: bad, on_error: WORD}, b: {value: '{{ a is none }}'}}"
    found = run(source.replace("WORD", "ignore"), failing)
    assert (found.value("a"), found.value("b")) == (None, True)
    assert (found.result.status, found.result.partial) == ("done", True)
    assert run(source.replace("WORD", "fail"), failing).result.status == "failed"


@says("§3", "cache: false never reuse an answer")
@pytest.mark.parametrize(("more", "asked"), [("", 1), (", cache: false", 2)])
def test_an_answer_is_reused_unless_the_step_forbids_it(more: str, asked: int) -> None:
    stage = Stage(store=MemoryStore())
    for _ in range(2):
        stage.run(f"steps: {{a: {{prompt: hi{more}}}}}")
    assert len(stage.models.requests) == asked


BUDGET = """
defaults: {max_completion_tokens: 1}
TOP
steps:
  a: {foreach: "range(5) | list", prompt: "{{ item }}"MORE}
  b: {prompt: b, needs: [a]}
"""


@says("§3", "budget: {usd: 0.10} so much at most for all calls of the step;")
@says("§3", "one that does not fit is not sent and fails the step.")
def test_a_step_spends_no_more_than_its_budget() -> None:
    found = spending().run(BUDGET.replace("TOP", "").replace("MORE", ", budget: {usd: 3}"))
    assert (found.status("a"), len(found.prompts)) == ("failed", 3)
    assert 'the budget of step "a" is reached' in found.reason("a")


@says("§3", "at the top of the file for the whole run.")
def test_a_run_spends_no_more_than_its_budget() -> None:
    found = spending().run(BUDGET.replace("TOP", "budget: {usd: 4}").replace("MORE", ""))
    assert found.result.is_budget_reached
    assert found.result.cost_usd == 4
    assert "the budget of the run is reached" in found.reason("a")


@says("§3", "The worst case is reserved before a request is sent;")
def test_the_worst_case_is_reserved() -> None:
    source = BUDGET.replace("MORE", "").replace("TOP", "budget: {usd: 9.5}")
    found = spending(concurrency=16).run(source.replace("tokens: 1", "tokens: 5"))
    assert len(found.prompts) == 5
    found = spending().run(source.replace("tokens: 1", "tokens: 10"))
    assert found.prompts == []
