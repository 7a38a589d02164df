"""Budgets and times of pipelines that are tools, and what a model is told of them."""

from __future__ import annotations

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.document.tool import SubPipeline
from flowrun.providers.fake import Answer
from flowrun.run.events import ToolFinished
from flowrun.run.versions import plan_version
from tests.support.running import Models, Stage, plan_of
from tests.support.spending import costing, reached, slowly, stage
from tests.support.tooling import calling, results

REVIEW = """
budget: {usd: 2}
defaults: {max_completion_tokens: 1}
inputs: {text: {type: string}}
steps: {judge: {foreach: range(9) | list, prompt: "judge {{ item }} {{ inputs.text }}"}}
outputs: {verdict: "{{ judge | join }}"}
"""
BOSS = """
budget: {{usd: {usd}}}
tools: {{review: {{uses: ./review.yaml, description: reviews}}}}
steps: {{a: {{prompt: boss, tools: [review], max_completion_tokens: 1}}}}
"""


def boss(request: ChatRequest) -> Answer:
    """Calls the tool once, then says what it gave."""
    if not request.tools:
        return slowly(costing(1))
    told = results(request)
    return costing(1, told[0]) if told else calling(("review", '{"text": "x"}'))


def test_a_model_is_told_that_the_budget_of_a_tool_is_reached() -> None:
    on = stage(boss, concurrency=1, files={"review.yaml": REVIEW})
    found = on.run(BOSS.format(usd=100))
    assert found.status("a") == "done"
    assert reached('the pipeline "review.yaml"', "$2.00", "$2.00") in str(found.value("a"))
    assert not found.result.is_budget_reached


def test_a_budget_around_the_conversation_is_not_the_tools_failure() -> None:
    on = stage(boss, concurrency=1, files={"review.yaml": REVIEW})
    found = on.run(BOSS.format(usd=2))
    assert found.reason("a") == reached("the run", "$2.00", "$2.00")
    assert found.result.is_budget_reached
    assert [each.is_error for each in found.of(ToolFinished)] == [True]
    raised = on.run(BOSS.format(usd=100))
    assert raised.status("a") == "done"


def test_a_call_of_a_pipeline_ends_for_its_budget() -> None:
    source = """
    tools: {review: {uses: ./review.yaml, description: reviews}}
    steps: {a: {call: review, with: {text: x}}}
    """
    on = stage(concurrency=1, files={"review.yaml": REVIEW})
    found = on.run(source)
    assert found.result.is_budget_reached
    on.files = {"review.yaml": REVIEW.replace("usd: 2", "usd: 9")}
    again = on.run(source)
    assert (again.status("a"), len(again.prompts)) == ("done", 9)


def test_the_budget_is_no_part_of_what_a_pipeline_does() -> None:
    source = BOSS.format(usd=100)
    plans = [
        plan_of(source, {"review.yaml": REVIEW.replace("usd: 2", f"usd: {n}")}) for n in (2, 9)
    ]
    actions = [plan.tools[0].action for plan in plans]
    versions = {plan_version(each.plan, {}) for each in actions if isinstance(each, SubPipeline)}
    assert len(versions) == 1


@pytest.mark.parametrize("seconds", [59, 3600 * 30])
def test_a_pipeline_may_take_as_long_as_its_steps_do(seconds: float) -> None:
    def script(request: ChatRequest) -> Answer:
        return boss(request) if request.tools else slowly(costing(0, "late"), seconds)

    files = {"review.yaml": REVIEW.replace("budget: {usd: 2}\n", "")}
    found = Stage(models=Models(script), concurrency=1, files=files).run(
        BOSS.format(usd=1).replace("budget: {usd: 1}\n", "")
    )
    assert "late" in str(found.value("a"))


def test_unless_it_has_a_timeout() -> None:
    def script(request: ChatRequest) -> Answer:
        return boss(request) if request.tools else slowly(costing(0, "late"), 90)

    files = {"review.yaml": REVIEW.replace("budget: {usd: 2}\n", "")}
    source = BOSS.format(usd=1).replace("budget: {usd: 1}\n", "")
    source = source.replace("description: reviews", "description: reviews, timeout: 30s")
    found = Stage(models=Models(script), concurrency=1, files=files).run(source)
    assert found.value("a") == "error: it took longer than 30 s"
