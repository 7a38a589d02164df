from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from flowrun.errors import Unavailable
from flowrun.providers.health import CircuitOpen, Health
from tests.support.virtual_time import CLOCK, run

DOWN = Unavailable("mine answered 503: down", status=503, is_overload=True)
THROTTLED = Unavailable("mine answered 429: slowly", status=429, is_overload=True)


def fail(health: Health, times: int, error: Unavailable = DOWN) -> None:
    for _ in range(times):
        health.failed(error)


async def is_admitted_at_once(health: Health) -> bool:
    now = CLOCK.now()
    await health.admit()
    return CLOCK.now() == now


def test_a_healthy_endpoint_is_asked_at_once() -> None:
    assert run(is_admitted_at_once(Health(clock=CLOCK)))


def test_a_few_faults_do_not_matter() -> None:
    async def main() -> bool:
        health = Health(clock=CLOCK)
        fail(health, 11)
        return await is_admitted_at_once(health)

    assert run(main())


@pytest.mark.parametrize(("in_flight", "faults"), [(1, 12), (32, 48), (256, 384)])
def test_it_takes_more_faults_the_more_is_in_flight(in_flight: int, faults: int) -> None:
    async def main() -> list[bool]:
        health = Health(in_flight=in_flight, clock=CLOCK)
        fail(health, faults - 1)
        before = await is_admitted_at_once(health)
        fail(health, 1)
        return [before, await is_admitted_at_once(health)]

    assert run(main()) == [True, False]


def test_too_many_requests_count_less_than_faults() -> None:
    async def main() -> list[bool]:
        health = Health(clock=CLOCK)
        fail(health, 47, THROTTLED)
        before = await is_admitted_at_once(health)
        fail(health, 1, THROTTLED)
        return [before, await is_admitted_at_once(health)]

    assert run(main()) == [True, False]


def test_a_third_of_faults_is_lived_with() -> None:
    async def main() -> bool:
        health = Health(clock=CLOCK)
        for _ in range(1000):
            health.failed(DOWN)
            health.answered()
            health.answered()
        return await is_admitted_at_once(health)

    assert run(main())


def test_a_dead_endpoint_gets_one_probe_in_ten_seconds() -> None:
    async def main() -> list[float]:
        health = Health(clock=CLOCK)
        fail(health, 12)
        probes = []

        async def ask() -> None:
            with suppress(CircuitOpen):
                while True:
                    await health.admit()
                    probes.append(CLOCK.now())
                    health.failed(DOWN)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(ask())
        return probes

    assert run(main()) == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]


def test_when_patience_is_over_calls_fail_without_asking() -> None:
    async def main() -> None:
        health = Health(clock=CLOCK)
        fail(health, 12)
        await asyncio.sleep(71)
        await health.admit()  # the probe
        await health.admit()

    with pytest.raises(CircuitOpen) as caught:
        run(main())
    assert str(caught.value) == (
        "not asked, for there was no answer in 71 s: mine answered 503: down"
    )
    assert caught.value.is_unsent


def test_who_has_less_patience_fails_sooner() -> None:
    async def main() -> None:
        health = Health(patience_s=5, clock=CLOCK)
        fail(health, 12)
        with pytest.raises(CircuitOpen):
            await health.admit()
        assert 5 < CLOCK.now() <= 6

    run(main())


def test_an_answer_closes_the_circuit_for_all_who_wait() -> None:
    async def main() -> list[float]:
        health = Health(clock=CLOCK)
        fail(health, 12)
        admitted = []

        async def ask() -> None:
            await health.admit()
            health.answered()
            admitted.append(CLOCK.now())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(ask())
        return admitted

    assert run(main()) == [10.0] * 5


def test_after_it_closed_it_takes_several_faults_to_open_again() -> None:
    async def main() -> list[bool]:
        health = Health(clock=CLOCK)
        fail(health, 12)
        await asyncio.sleep(10)
        await health.admit()
        health.answered()
        fail(health, 7)
        before = await is_admitted_at_once(health)
        fail(health, 1)
        return [before, await is_admitted_at_once(health)]

    assert run(main()) == [True, False]
