"""Whose turn it is: no item waits for another, and what is open is finished first."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import pytest

from flowrun.chat.messages import ChatRequest
from flowrun.document.slots import Slot
from flowrun.document.task import Block, Task
from flowrun.document.templates import parse_expression
from flowrun.providers.fake import Answer, Held
from flowrun.run.events import Event, StepFinished, StepStarted
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, run, said, until

THREE = """
inputs: {n: {type: integer, default: 3}}
steps:
  book:
    foreach: "range(inputs.n) | list"
    steps:
      one: {prompt: "one {{ item }}"}
      two: {prompt: "two {{ one }}"}
      three: {prompt: "three {{ two }}"}
    output: "{{ three }}"
"""


class Open:
    """Counts the items of a step that are open, and the most that ever were."""

    def __init__(self, *steps: str) -> None:
        self.steps = steps
        self.now = self.most = 0

    def __call__(self, event: Event) -> None:
        match event:
            case StepStarted(step=step, item=int()) if step in self.steps:
                self.now += 1
                self.most = max(self.most, self.now)
            case StepFinished(step=step, item=int()) if step in self.steps:
                self.now -= 1


def test_no_item_waits_for_another() -> None:
    async def main() -> Run:
        slow = asyncio.Event()

        def script(request: ChatRequest) -> Answer:
            text = said(request)
            if text.startswith("three two one 2"):
                slow.set()
            return Held(slow, text) if text == "one 0" else text

        return await Stage(models=Models(script)).go(plan_of(THREE), {"n": 3})

    found = virtual_time.run(main())
    assert found.value("book") == [f"three two one {n}" for n in range(3)]
    assert found.prompts.index("three two one 2") < found.prompts.index("two one 0")


def test_what_is_open_goes_before_what_is_to_be_opened() -> None:
    stage = Stage(concurrency=1)
    found = stage.run(THREE, n=3)
    assert [each.split()[-1] for each in found.prompts] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3


async def rolling(stage: Stage, source: str, calls: int, **inputs: object) -> Run:
    """A run whose calls end one at a time, the oldest first, each after all others wait."""
    gates: list[asyncio.Event] = []

    def script(request: ChatRequest) -> Answer:
        gates.append(asyncio.Event())
        return Held(gates[-1], said(request))

    stage.models = Models(script)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(stage.go(plan_of(source), inputs))
        for number in range(calls):
            await until(lambda number=number: len(gates) > number)  # type: ignore[misc]  # bound at once
            gates[number].set()
    return running.result()


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_no_more_items_are_open_than_calls_may_be_made(concurrency: int) -> None:
    items = Open("book")
    stage = Stage(concurrency=concurrency, listener=items)
    found = virtual_time.run(rolling(stage, THREE, 120, n=40))
    assert len(found.prompts) == 120
    assert items.most == concurrency
    assert items.now == 0


def test_nested_items_are_bounded_together() -> None:
    outer, inner = Open("a"), Open("a.b")
    stage = Stage(concurrency=4)

    def listen(event: Event) -> None:
        outer(event)
        inner(event)

    stage.listener = listen
    found = virtual_time.run(
        rolling(
            stage,
            """
            steps:
              a:
                foreach: "range(20) | list"
                steps:
                  b:
                    foreach: "range(3) | list"
                    steps: {c: {prompt: "{{ item }} {{ loop.index }}", cache: false}}
            """,
            60,
        )
    )
    assert len(found.prompts) == 60
    assert inner.most == 4
    assert outer.most <= 3


def test_a_wide_foreach_beside_blocks_holds_none_of_them() -> None:
    found = Stage(concurrency=1).run("""
    steps:
      wide: {foreach: "range(50) | list", prompt: "wide {{ item }}"}
      block: {steps: {one: {prompt: one}, two: {prompt: "{{ one }} two"}}}
      items:
        foreach: "range(3) | list"
        steps: {three: {prompt: "three {{ item }}"}}
      inner: {steps: {broad: {foreach: "range(50) | list", prompt: "inner {{ item }}"}}}
    """)
    assert found.prompts.index("one two") < 12
    assert found.prompts.index("three 2") < 20
    assert found.prompts.index("inner 5") < 40


def test_values_go_on_while_blocks_wait_for_what_is_open() -> None:
    """The steps of an open item are values, then a call: its block is passed over meanwhile."""
    found = Stage(concurrency=2).run("""
    steps:
      a:
        foreach: "range(3) | list"
        steps:
          b: {value: "{{ item }}"}
          c: {value: "{{ b }}"}
          d: {prompt: "d {{ c }}"}
        output: "{{ d }}"
    """)
    assert found.value("a") == ["d 0", "d 1", "d 2"]


def test_rounds_hold_a_place_like_other_calls() -> None:
    items = Open("a")
    stage = Stage(concurrency=2, listener=items)
    found = virtual_time.run(
        rolling(
            stage,
            """
            steps:
              a:
                foreach: "range(10) | list"
                prompt: "{{ item }} {{ round }}"
                repeat: {until: "round == 3", max: 3}
            """,
            30,
        )
    )
    assert len(found.prompts) == 30
    assert items.most <= 2


def test_blocks_of_values_are_done_while_every_call_is_held() -> None:
    async def main() -> Run:
        gate = asyncio.Event()
        stage = Stage(models=Models(lambda request: Held(gate, said(request))), concurrency=1)
        plan = plan_of("""
        steps:
          call: {prompt: hi}
          a: {foreach: "[1, 2]", steps: {b: {steps: {c: {value: 1}}}}}
          r: {value: "{{ round }}", repeat: {until: "r == 3", max: 9}}
        """)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(stage.go(plan, {}))
            await until(lambda: stage.models.fake.in_flight == 1)
            done = {each.step for each in stage.events if isinstance(each, StepFinished)}
            gate.set()
        assert {"a", "r"} <= done
        return running.result()

    assert virtual_time.run(main()).result.is_done


# Depth and width


@pytest.mark.parametrize("kind", ["value", "prompt"])
def test_a_hundred_steps_in_each_other(kind: str) -> None:
    task = plan_of(f"steps: {{a: {{{kind}: deep}}}}").tasks[0]
    for _ in range(100):
        output = Slot((), parse_expression("a"))
        inside = Block((task,), {}, output=output, has_output=True, output_needs={"a": True})
        task = Task("a", ("steps", "a"), block=inside)
    plan = replace(plan_of("steps: {a: {value: 1}}"), tasks=(task,))
    found = Stage(concurrency=1).run_plan(plan)
    assert found.value("a") == "deep"
    assert len(found.of(StepFinished)) == 101


def test_a_long_chain_of_values_in_a_block_does_not_recurse() -> None:
    steps = "\n".join(f"      s{i}: {{value: '{{{{ s{i - 1} + 1 }}}}'}}" for i in range(1, 10_000))
    found = run(f"""
steps:
  a:
    steps:
      s0: {{value: 0}}
{steps}
    output: "{{{{ s9999 }}}}"
""")
    assert found.value("a") == 9999


def test_a_long_chain_of_blocks_does_not_recurse() -> None:
    steps = "\n".join(
        f"  s{i}: {{steps: {{v: {{value: '{{{{ s{i - 1}.v + 1 }}}}'}}}}}}" for i in range(1, 3_000)
    )
    found = run(
        f"steps:\n  s0: {{value: {{v: 0}}}}\n{steps}\noutputs: {{end: '{{{{ s2999.v }}}}'}}"
    )
    assert found.outputs == {"end": 2999}


def test_a_finished_item_keeps_little_memory() -> None:
    """2,000 items of a block of three steps keep their values and not much more."""

    async def main() -> int:
        stage = Stage(concurrency=64, models=Models(lambda _: "x" * 100))
        stage.models.fake.requests = _Forgetting()
        stage.events = _Forgetting()
        plan = plan_of(THREE.replace("{{ three }}", "{{ three | length }}"))
        tracemalloc.start()
        try:
            found = await stage.go(plan, {"n": 2000})
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found.value("book") == [100] * 2000
        return size

    # The store of the test and the events count too.
    assert virtual_time.run(main()) / 2000 < 20_000


class _Forgetting(list):  # type: ignore[type-arg]  # a list of anything
    """Keeps nothing."""

    def append(self, _: object) -> None:
        pass
