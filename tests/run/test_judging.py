"""Steps whose model is `auto`: the rule, the judge, what is kept and what is paid."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.api import Options, execute
from flowrun.run.execution import RunResult
from tests.cli.command import write
from tests.support.endpoint import Server, endpoint

FAKES = """
[auto]
easy = "fake/small"
hard = "fake/large"
image = "fake/image"
JUDGE
[fake.small]
replies = ["small"]
[fake.large]
replies = ["large"]
[fake.judge]
replies = ["easy", "hard"]
"""
JUDGED = FAKES.replace("JUDGE", 'judge = "fake/judge"')


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


ONE = "steps: {a: {model: auto, prompt: hello}}"


def ran(steps: str, settings: str, **options: bool) -> RunResult:
    write("flowrun.toml", settings)
    write("p.yaml", steps)
    return execute("p.yaml", options=Options(**options))  # type: ignore[arg-type] # of any field


def models(result: RunResult) -> dict[str, str | None]:
    return {name: each.model for name, each in result.steps.items()}


def judged_by(server: Server, *, price: str = "") -> str:
    """The judge is a model over HTTP, which echoes: so the rest is hard."""
    lines = f'[endpoints.mine]\nbase_url = "{server.url}"\n{price}'
    return FAKES.replace("JUDGE", 'judge = "mine/echo"') + lines


def test_the_form_of_a_request_decides_in_a_run_too() -> None:
    steps = """
    steps:
      plain: {model: auto, prompt: hello}
      long: {model: auto, prompt: "{{ 'x' * 12001 }}"}
      data: {model: auto, prompt: hello, response_format: s}
      drawn: {model: auto, prompt: hello, modalities: [image]}
      other: {model: fake/echo, fallback: [auto], prompt: other}
    schemas: {s: {type: object}}
    """
    assert models(ran(steps, FAKES.replace("JUDGE", "").replace('"large"', '"{}"'))) == {
        "plain": "fake/small",
        "long": "fake/large",
        "data": "fake/large",
        "drawn": "fake/image",
        "other": "fake/echo",
    }


def test_a_judge_is_asked_once_for_one_request() -> None:
    steps = "steps: {a: {model: auto, prompt: hello, samples: 3}, b: {model: auto, prompt: other}}"
    result = ran(steps, JUDGED)
    assert {str(each.value) for each in result.steps.values()} <= {
        "['small', 'small', 'small']", "['large', 'large', 'large']", "small", "large",
    }  # fmt: skip
    assert set(models(result).values()) == {"fake/small", "fake/large"}


def test_a_further_run_asks_neither_the_judge_nor_the_model() -> None:
    with endpoint() as server:
        first = ran(ONE, judged_by(server))
        again = ran(ONE, judged_by(server))
    assert (first.steps["a"].status, again.steps["a"].status) == ("done", "cached")
    assert models(first) == models(again) == {"a": "fake/large"}
    assert len(server.seen) == 1


def test_nothing_is_kept_of_a_run_without_a_cache() -> None:
    with endpoint() as server:
        for _ in range(2):
            ran(ONE, judged_by(server), cache=False)
    assert len(server.seen) == 2


def test_the_step_pays_for_its_judge() -> None:
    price = '[prices."mine/echo"]\ninput = 1\noutput = 1\n'
    with endpoint() as server:
        found = ran(ONE, judged_by(server, price=price))
    step = found.steps["a"]
    assert step.cost_usd is not None
    assert step.cost_usd > Decimal(0)


def test_a_judge_may_cost_more_than_there_is() -> None:
    price = '[prices."mine/echo"]\ninput = 1\noutput = 1\n'
    steps = ONE.replace("prompt: hello", "prompt: hello, budget: {usd: 0.0000001}")
    with endpoint() as server:
        found = ran(steps, judged_by(server, price=price))
    assert found.steps["a"].status == "failed"
    assert "the budget of" in found.steps["a"].reason
    assert server.seen == []


@pytest.mark.parametrize(("name", "model"), [("chaos-500.1", "large"), ("chaos-400", "large")])
def test_a_judge_that_fails_is_asked_again_or_gone_without(name: str, model: str) -> None:
    with endpoint() as server:
        settings = judged_by(server).replace("mine/echo", f"mine/{name}")
        found = ran(ONE.replace("prompt: hello", "prompt: hello, retry: 1"), settings)
    assert (found.steps["a"].value, found.steps["a"].status) == (model, "done")
