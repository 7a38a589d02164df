"""A run that reaches its budget: its own exit code, what it says, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.command import flowrun, write
from tests.support.endpoint import Server, endpoint

PIPELINE = """
    budget: {usd: 2}
    defaults: {model: mine/echo, max_completion_tokens: 1}
    steps:
      a: {prompt: one}
      b: {prompt: "b {{ a }}"}
      c: {prompt: "c {{ b }}"}
    """
REASON = (
    "the budget of the run is reached: of $2.00 it has spent $2.00, and the next call may cost "
    "$1.00 at worst; raise its usd, or lower max_completion_tokens"
)


@pytest.fixture
def server() -> Iterator[Server]:
    """An endpoint where each token that is said costs a dollar; a reply of ours has one or two."""
    with endpoint() as found:
        write(
            "flowrun.toml",
            f"""
            [endpoints.mine]
            base_url = "{found.url}"
            [prices."mine/echo"]
            input = 0
            output = 1000000
            """,
        )
        write("three.yaml", PIPELINE)
        yield found


def test_it_ends_with_its_own_code_and_says_how_to_go_on(server: Server) -> None:
    done = flowrun("execute", "three.yaml")
    assert done.code == 4
    assert REASON in done.err
    assert done.errors[-1] == (
        "failed in step c; a budget was reached: raise it and run again: what was answered is kept"
    )
    assert len(server.seen) == 2


def test_raised_it_goes_on_from_the_store(server: Server) -> None:
    flowrun("execute", "three.yaml", "-q")
    write("three.yaml", PIPELINE.replace("usd: 2", "usd: 4"))
    done = flowrun("execute", "three.yaml", "-q")
    assert (done.code, done.out) == (0, "c b one\n")
    assert len(server.seen) == 3


@pytest.mark.usefixtures("server")
def test_json_says_so() -> None:
    found = json.loads(flowrun("execute", "three.yaml", "--json").out)
    assert (found["status"], found["budget_reached"]) == ("failed", True)
    assert found["steps"]["c"]["reason"] == REASON
    assert found["cost_usd"] == "2"
    write("three.yaml", PIPELINE.replace("usd: 2", "usd: 9"))
    found = json.loads(flowrun("execute", "three.yaml", "--json").out)
    assert (found["status"], found["budget_reached"]) == ("done", False)


def test_streamed_replies_are_paid_out_of_it_too(server: Server) -> None:
    assert flowrun("execute", "three.yaml", "--stream").code == 4
    assert len(server.seen) == 2


def test_a_model_without_a_price_is_not_asked(server: Server) -> None:
    write("three.yaml", PIPELINE.replace("mine/echo", "mine/word"))
    done = flowrun("execute", "three.yaml")
    assert done.code == 1
    assert (
        'write its price into flowrun.toml: [prices."mine/word"] with input and output' in done.err
    )
    assert server.seen == []


@pytest.mark.usefixtures("server")
def test_the_embedded_and_the_scripted_models_cost_nothing() -> None:
    write("three.yaml", PIPELINE.replace("mine/echo", "fake/echo").replace("usd: 2", "usd: 0.001"))
    assert flowrun("execute", "three.yaml", "-q").code == 0
