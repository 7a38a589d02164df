from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.base import Provider
from flowrun.providers.fake import Answer, Fake
from flowrun.providers.health import Health
from flowrun.providers.wrap import Retrying
from tests.support.virtual_time import CLOCK, run
from tests.support.wrapped import ASKED, AsyncReply, both_ways, limited, unavailable


def test_many_who_fail_at_once_do_not_come_back_at_once() -> None:
    async def main() -> list[float]:
        health, dice, times = Health(clock=CLOCK), random.Random(1), []

        async def step() -> None:
            provider = Retrying(
                Fake([unavailable(1.0, 429), "hi"]), health=health, clock=CLOCK, dice=dice.random
            )
            await provider.send(ASKED)
            times.append(CLOCK.now())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(1000):
                tasks.create_task(step())
        return times

    times = run(main())
    assert min(times) >= 1.0
    assert max(Counter(int(each * 10) for each in times).values()) <= 50


def stack(provider: Provider, in_flight: int) -> Callable[[], Retrying]:
    health = Health(in_flight=in_flight, clock=CLOCK)
    shared, dice = limited(provider, in_flight, health), random.Random(3)
    return lambda: Retrying(shared, health=health, clock=CLOCK, dice=dice.random)


async def run_steps(
    steps: int, in_flight: int, provider: Callable[[], Retrying], ask: AsyncReply
) -> Counter[str]:
    """What came of so many steps of one call each, by kind."""
    slots, outcomes = asyncio.Semaphore(in_flight), Counter[str]()

    async def step() -> None:
        async with slots:
            try:
                await ask(provider())
                outcomes["done"] += 1
            except ProviderError as error:
                outcomes[type(error).__name__] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(steps):
            tasks.create_task(step())
    return outcomes


@both_ways
def test_a_dead_provider_is_not_hammered(ask: AsyncReply) -> None:
    async def main() -> tuple[int, Counter[str], float]:
        fake = Fake([unavailable()])
        outcomes = await run_steps(1000, 32, stack(fake, 32), ask)
        return len(fake.requests), outcomes, CLOCK.now()

    requests, outcomes, took_s = run(main())
    assert requests <= 200
    assert outcomes.total() == 1000
    assert not outcomes["done"]
    assert took_s < 120


@both_ways
def test_a_run_goes_on_by_itself_when_the_provider_is_back(ask: AsyncReply) -> None:
    async def main() -> tuple[Counter[str], float]:
        def script(_: ChatRequest) -> Answer:
            return Unavailable("refused") if 1 < CLOCK.now() < 31 else "hi"

        slow = Fake(script)

        class Slow(Fake):
            async def send(self, request: ChatRequest) -> ChatReply:
                await asyncio.sleep(0.2)
                return await slow.send(request)

        outcomes = await run_steps(1000, 32, stack(Slow(["hi"]), 32), ask)
        return outcomes, CLOCK.now()

    outcomes, took_s = run(main())
    assert outcomes == {"done": 1000}
    assert took_s <= 31 + 15 + 1000 / 32 * 0.2


@both_ways
def test_a_faulty_provider_loses_nothing_and_wastes_nothing(ask: AsyncReply) -> None:
    async def main() -> tuple[Counter[str], int, int]:
        dice, faults, in_a_row = random.Random(7), 0, Counter[str]()

        def script(request: ChatRequest) -> Answer:
            nonlocal faults
            if dice.random() < 0.2 and in_a_row[request.model] < 4:
                in_a_row[request.model] += 1
                faults += 1
                return dice.choice([unavailable(), unavailable(0.3, 429), Unavailable("reset")])
            return "hi"

        fake = Fake(script)
        outcomes = await run_steps(1000, 32, stack(fake, 32), ask)
        return outcomes, len(fake.requests), faults

    outcomes, requests, faults = run(main())
    assert outcomes == {"done": 1000}
    assert requests == 1000 + faults
