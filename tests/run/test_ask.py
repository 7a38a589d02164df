"""Answers that are kept, answers that are not, and equal requests at one time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.digest import JsonValue
from flowrun.errors import Unavailable
from flowrun.providers.fake import Answer, Held
from flowrun.run.execution import Execution
from flowrun.store.base import Policy
from flowrun.store.memory import MemoryStore
from flowrun.store.sqlite import SqliteStore
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, echo, picture, plan_of, reply, said, until

TWO = """
steps:
  a: {prompt: one}
  b: {prompt: "two {{ a }}"}
"""


def again(stage: Stage, source: str, **inputs: object) -> list[str]:
    """The prompts that a further run sends."""
    before = len(stage.models.requests)
    stage.run(source, **inputs)
    return stage.models.prompts[before:]


# Reuse


def test_a_second_run_asks_nothing_and_gives_the_same() -> None:
    stage = Stage()
    first, second = stage.run(TWO), stage.run(TWO)
    assert stage.models.prompts == ["one", "two one"]
    assert second.statuses == {"a": "cached", "b": "cached"}
    assert (first.outputs, second.outputs) == ({"b": "two one"}, {"b": "two one"})
    assert second.result.cost_usd == 0


@pytest.mark.parametrize(
    "edit",
    [
        lambda source: f"# a comment\n{source}\n\n",
        lambda source: source.replace("{prompt: one}", "{  prompt:   one  }"),
        lambda source: source.replace("  a: {prompt: one}", "  a:\n    prompt: 'one'"),
        lambda source: source.replace(" a: ", " renamed: ").replace("{{ a }}", "{{ renamed }}"),
        lambda source: source.replace("{{ a }}", "{{a}}"),
        lambda source: f"{source}  c: {{value: 1, needs: [b]}}\n",
        lambda source: source.replace("prompt: one", "prompt: one, retry: 9, repair: 3"),
        lambda source: source.replace("prompt: one", "prompt: one, timeout: 9m, on_error: ignore"),
        lambda source: source.replace("prompt: one", "prompt: one, expect: 'STEP'"),
        lambda source: f"description: new\nname: other\n{source}",
    ],
    ids=["comment", "whitespace", "style", "rename", "braces", "more", "retry", "timeout", "expect",
         "name"],
)  # fmt: skip
def test_an_edit_that_changes_no_request_asks_nothing(edit: Callable[[str], str]) -> None:
    stage = Stage()
    stage.run(TWO)
    assert again(stage, edit(TWO).replace("STEP", "a | length > 0")) == []


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ("prompt: '{{ item }}', model: other", 2),
        ("prompt: '{{ item }}', temperature: 0.5", 2),
        ("prompt: '{{ item }}', system: Be brief.", 2),
        ("prompt: '{{ item }} '", 2),
        ("prompt: '{{ item }}', seed: 3", 2),
        ("prompt: '{{ item }}', response_format: {type: json_object}, repair: 0", 2),
        ("prompt: '{{ item }}', modalities: [image]", 2),
        ("prompt: '{{ item }}', provider: {order: [x]}", 2),
        ("prompt: '{{ item }}', samples: 2", 2),
        ("prompt: '{{ item | upper }}'", 2),
        ("prompt: '{{ item | lower }}'", 0),
        ("messages: [{role: user, content: '{{ item }}'}]", 0),
    ],
)
def test_a_change_of_the_request_asks_again(change: str, asked: int) -> None:
    stage = Stage()
    stage.run("steps: {a: {foreach: \"['x', 'y']\", prompt: '{{ item }}'}}")
    changed = f"steps: {{a: {{foreach: \"['x', 'y']\", {change}}}}}"
    assert len(again(stage, changed)) == asked


def test_one_new_element_asks_once() -> None:
    stage = Stage()
    source = "inputs: {x: {}}\nsteps: {a: {foreach: inputs.x, prompt: '{{ item }}'}}"
    stage.run(source, x=["a", "b"])
    assert again(stage, source, x=["b", "new", "a"]) == ["new"]


def test_a_changed_answer_reruns_what_depends_on_it_and_nothing_else() -> None:
    source = """
    steps:
      a: {{prompt: {0}}}
      b: {{prompt: "b {{{{ a }}}}"}}
      c: {{prompt: "c {{{{ b }}}}"}}
      other: {{prompt: other}}
    """
    stage = Stage()
    stage.run(source.format("one"))
    assert again(stage, source.format("two")) == ["two", "b two", "c b two"]


def test_an_unchanged_answer_stops_the_rebuild() -> None:
    stage = Stage(models=Models(lambda request: said(request)[:3]))
    stage.run("steps: {a: {prompt: one}, b: {prompt: 'b {{ a }}'}}")
    assert again(stage, "steps: {a: {prompt: one more}, b: {prompt: 'b {{ a }}'}}") == ["one more"]


def test_a_run_without_a_store_asks_everything() -> None:
    stage = Stage()
    stage.run(TWO)
    stage.policy = Policy.OFF
    assert again(stage, TWO) == ["one", "two one"]
    stage.policy = Policy.USE
    assert again(stage, TWO) == []


def test_cache_false_neither_reads_nor_keeps() -> None:
    stage = Stage()
    source = "steps: {a: {prompt: one, cache: false}}"
    assert [again(stage, source) for _ in range(2)] == [["one"], ["one"]]
    assert again(stage, "steps: {a: {prompt: one}}") == ["one"]
    assert again(stage, source) == ["one"]


def test_defaults_can_say_cache_false_and_a_step_otherwise() -> None:
    stage = Stage()
    source = "defaults: {cache: false}\nsteps: {a: {prompt: a}, b: {prompt: b, cache: true}}"
    stage.run(source)
    assert again(stage, source) == ["a"]


def test_an_answer_of_a_fallback_is_found_again() -> None:
    def script(request: ChatRequest) -> Answer:
        return Unavailable("down") if request.model == "first" else request.model

    stage = Stage(models=Models(script))
    source = "steps: {a: {prompt: hi, model: first, retry: 0, fallback: [second]}}"
    assert stage.run(source).value("a") == "second"
    found = stage.run(source)
    assert (found.value("a"), found.status("a"), len(found.prompts)) == ("second", "cached", 2)
    assert found.result.steps["a"].model == "scripted/second"


# R6: edits and an oracle

WIDE = 12


def steps_of(edges: Mapping[int, tuple[int, ...]], words: list[str]) -> str:
    """A pipeline in which each step says its word and what the steps before it said."""
    lines = ["steps:"]
    for number, word in enumerate(words):
        parts = " ".join(f"{{{{ s{each} }}}}" for each in edges[number])
        lines.append(f'  s{number}: {{prompt: "{word} {parts}"}}')
    return "\n".join(lines)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_exactly_what_an_edit_reaches_runs_again(seed: int) -> None:
    luck = random.Random(seed)
    edges = {
        each: tuple(luck.sample(range(each), min(each, luck.randrange(3)))) for each in range(WIDE)
    }
    words = [f"word{number}" for number in range(WIDE)]
    stage = Stage()
    stage.run(steps_of(edges, words))
    changed = luck.randrange(WIDE)
    words[changed] = f"{words[changed]} changed"
    reached = {changed}
    for number in range(changed + 1, WIDE):
        if reached & set(edges[number]):
            reached.add(number)
    found = stage.run(steps_of(edges, words))
    ran = {name for name, status in found.statuses.items() if status == "done"}
    assert ran == {f"s{number}" for number in reached}


# What is never kept


FAULTY: dict[str, ChatReply] = {
    "length": reply("cut o", "length"),
    "content_filter": reply("filtered", "content_filter"),
    "refusal": reply("", refusal="no"),
    "tool_calls": reply("call", "tool_calls"),
    "empty": reply(""),
    "no json": reply("not json"),
    "wrong schema": reply('{"b": 1}'),
    "not expected": reply('{"a": 0}'),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_answer_is_never_kept(name: str) -> None:
    source = """
    schemas: {s: {type: object, properties: {a: {type: integer}}, required: [a]}}
    steps: {a: {prompt: hi, response_format: s, repair: 0, expect: a.a > 0}}
    """
    stage = Stage(models=Models([FAULTY[name], reply('{"a": 1}')]))
    assert stage.run(source).status("a") == "failed"
    found = stage.run(source)
    assert (found.status("a"), found.value("a")) == ("done", {"a": 1})
    assert stage.run(source).status("a") == "cached"


def test_a_repair_that_failed_is_not_kept() -> None:
    source = "steps: {a: {prompt: hi, response_format: {type: json_object}}}"
    stage = Stage(models=Models(["no", "no again", "{}"]))
    assert stage.run(source).status("a") == "failed"
    assert stage.run(source).value("a") == {}
    assert len(stage.models.requests) == 3


def test_a_repaired_answer_is_kept_under_the_first_request() -> None:
    source = "steps: {a: {prompt: hi, response_format: {type: json_object}}}"
    stage = Stage(models=Models(["no", "{}"]))
    stage.run(source)
    found = stage.run(source)
    assert (found.status("a"), len(found.prompts)) == ("cached", 2)


def test_a_picture_is_kept_with_what_was_said_beside_it() -> None:
    stage = Stage(models=Models([reply("a cat", images=(picture("a"), picture("b")))]))
    source = "steps: {a: {prompt: hi, modalities: [image]}, b: {value: '{{ a.text }}'}}"
    first, second = stage.run(source), stage.run(source)
    assert first.value("a") == second.value("a") == replace(picture("b"), text="a cat")
    assert second.value("b") == "a cat"
    assert second.status("a") == "cached"


# What is kept and yet asked again


def test_a_kept_answer_that_is_no_longer_as_expected_is_asked_again() -> None:
    stage = Stage(models=Models(["short", "long enough"]))
    stage.run("steps: {a: {prompt: hi}}")
    stricter = "steps: {a: {prompt: hi, expect: a | length > 8}}"
    assert stage.run(stricter).value("a") == "long enough"
    assert stage.run("steps: {a: {prompt: hi}}").value("a") == "long enough"
    assert len(stage.models.requests) == 2


def test_a_kept_answer_whose_picture_is_gone_is_asked_again(tmp_path: Path) -> None:
    stage = Stage(store=SqliteStore(tmp_path), models=Models(echo), out=tmp_path / "out")
    source = "steps: {a: {prompt: hi, modalities: [image]}}"
    stage.run(source)
    (blob,) = (tmp_path / "blobs").glob("??/*")
    blob.unlink()
    found = stage.run(source)
    assert (found.status("a"), len(found.prompts)) == ("done", 2)
    assert stage.run(source).status("a") == "cached"
    stage.store.close()


@pytest.mark.parametrize(
    "damage",
    [
        {"text": None},
        {"finish_reason": "unheard of"},
        {"images": [{"sha256": "0" * 64}]},
        {"finish_reason": "length"},
    ],
)
def test_a_kept_answer_of_another_form_is_asked_again(damage: Mapping[str, JsonValue]) -> None:
    stage = Stage()
    source = "steps: {a: {prompt: hi}}"
    key = stage.run(source).result.steps["a"].key
    assert key is not None
    stage.store.put(key, {**(stage.store.get(key) or {}), **damage})
    assert again(stage, source) == ["hi"]
    assert again(stage, source) == []


def test_an_answer_is_kept_before_anything_depends_on_it() -> None:
    class Telling(MemoryStore):
        def put(
            self,
            key: str,
            answer: Mapping[str, JsonValue],
            blobs: Mapping[str, bytes] | None = None,
        ) -> None:
            order.append(f"kept {answer['text']}")
            super().put(key, answer, blobs)

    def script(request: ChatRequest) -> Answer:
        order.append(f"asked {said(request)}")
        return said(request)

    order: list[str] = []
    Stage(models=Models(script), store=Telling()).run(TWO)
    assert order == ["asked one", "kept one", "asked two one", "kept two one"]


# Single flight


def equal(count: int, more: str = "") -> str:
    """So many steps with one request."""
    steps = "\n".join(f"  s{each}: {{prompt: same{more}}}" for each in range(count))
    return f"steps:\n{steps}\n"


def test_equal_requests_at_one_time_are_sent_once() -> None:
    found = Stage(concurrency=32).run(equal(100))
    assert found.prompts == ["same"]
    assert set(found.statuses.values()) == {"done", "cached"}
    assert list(found.statuses.values()).count("done") == 1


def test_the_failure_of_one_is_not_shared() -> None:
    models = Models([Unavailable("500"), "yes"])
    found = Stage(models=models, concurrency=32).run(equal(100, ", retry: 0"))
    assert len(found.prompts) == 2
    assert list(found.statuses.values()).count("failed") == 1
    assert list(found.statuses.values()).count("cached") == 98


def test_equal_requests_that_are_not_to_be_kept_are_sent_each() -> None:
    assert len(Stage().run(equal(3, ", cache: false")).prompts) == 3
    assert len(Stage(policy=Policy.OFF).run(equal(3)).prompts) == 3


def test_one_that_waits_for_an_equal_request_has_its_own_time_limit() -> None:
    async def main() -> Run:
        gate = asyncio.Event()
        stage = Stage(models=Models(lambda _: Held(gate, "late")))
        source = "steps: {a: {prompt: same}, b: {prompt: same, timeout: 2s}}"
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan_of(source), {}))
            await until(lambda: any(getattr(e, "reason", "") for e in stage.events))
            gate.set()
        return running.result()

    found = virtual_time.run(main())
    assert found.value("a") == "late"
    assert found.reason("b") == "took longer than 2 s"
    assert len(found.prompts) == 1


def test_one_whose_leader_ran_out_of_time_asks_itself() -> None:
    async def main() -> Run:
        stage = Stage(models=Models([Held(asyncio.Event(), "never"), "now"]))
        source = "steps: {a: {prompt: same, timeout: 1s}, b: {prompt: same}}"
        return await stage.go(plan_of(source), {})

    found = virtual_time.run(main())
    assert found.statuses == {"a": "failed", "b": "done"}
    assert found.value("b") == "now"


# Stopping


def test_after_stop_samples_that_wait_are_not_sent() -> None:
    async def main() -> Run:
        gate = asyncio.Event()
        models = Models(lambda request: Held(gate, said(request)))
        executions: list[Execution] = []
        stage = Stage(models=models, concurrency=2, on_start=executions.append)
        plan = plan_of("steps: {a: {prompt: hi, samples: 9, on_error: ignore}}")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: models.fake.in_flight == 2)
            executions[0].stop()
            gate.set()
        return running.result()

    found = virtual_time.run(main())
    assert len(found.prompts) == 2
    assert (found.status("a"), found.reason("a")) == ("cancelled", "the run was stopped")
    assert found.result.status == "interrupted"
