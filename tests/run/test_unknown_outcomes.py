"""A call of unknown outcome inside a pipeline that is a tool: no model is told, a person is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.digest import JsonValue
from flowrun.providers.fake import Answer
from flowrun.run.execution import Execution
from flowrun.store.memory import MemoryStore
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of
from tests.support.tooling import ANY, Box, Counting, calling, results

FILES = {
    "post.yaml": """
tools: {send: {shell: [send]}}
steps: {mail: {call: send}}
outputs: {sent: "{{ mail }}"}
"""
}
TOOL = "tools: {post: {uses: ./post.yaml, description: posts}}\n"
ASKED = f"{TOOL}steps: {{a: {{prompt: go, tools: [post]}}}}"
CALLED = f"{TOOL}steps: {{a: {{call: post}}}}"
UNKNOWN = (
    '"send" was called and its result never came, so it may have taken effect: see whether it did; '
    "`flowrun execute … --redo send` calls it again"
)


def script(request: ChatRequest) -> Answer:
    told = results(request)
    return told[0] if told else calling(("post", "{}"))


def cut_off(source: str) -> Stage:
    """A stage that a run was cut off on while the tool was called."""
    is_hanging = [True]

    async def act(_: Mapping[str, JsonValue]) -> object:
        if is_hanging:
            await asyncio.sleep(100)
        return "sent"

    stage = Stage(models=Models(script), files=FILES)
    stage.toolbox = Box([Counting("send", act, parameters=ANY, timeout_s=999)], {})

    async def main() -> Run:
        def abort_soon(execution: Execution) -> None:
            asyncio.get_running_loop().call_later(5, execution.abort)

        stage.on_start = abort_soon
        return await stage.go(plan_of(source, FILES), {})

    assert virtual_time.run(main()).result.status == "interrupted"
    is_hanging.clear()
    stage.on_start = None
    return stage


@pytest.mark.parametrize("source", [ASKED, CALLED], ids=["asked", "called"])
def test_the_step_fails_and_says_what_to_do(source: str) -> None:
    stage = cut_off(source)
    asked = len(stage.models.requests)
    found = stage.run(source)
    assert (found.status("a"), found.reason("a")) == ("failed", UNKNOWN)
    assert len(found.models.requests) == asked


@pytest.mark.parametrize("source", [ASKED, CALLED], ids=["asked", "called"])
def test_it_is_called_again_on_a_persons_word(source: str) -> None:
    stage = cut_off(source)
    stage.redo = frozenset(["send"])
    found = stage.run(source)
    assert found.status("a") == "done"
    assert "sent" in str(found.value("a"))


def test_who_began_the_call_is_told_while_it_runs() -> None:
    stage = cut_off(CALLED)
    store = stage.store
    assert isinstance(store, MemoryStore)
    ours, theirs = f'"process":{os.getpid()}'.encode(), f'"process":{os.getppid()}'.encode()
    store._answers = {key: each.replace(ours, theirs) for key, each in store._answers.items()}
    who = f"; process {os.getppid()} began it and still runs: if that is a run, wait for its end"
    assert stage.run(CALLED).reason("a") == UNKNOWN + who
