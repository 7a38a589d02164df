"""What a client survives: replies without measure, and calls cancelled by the thousand."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import product

import pytest

from flowrun.providers.base import Provider
from tests.support.asking import (
    IN_FLIGHT,
    MODES,
    TRANSPORTS,
    Mode,
    Transport,
    asking,
    outcome_of,
    request,
)
from tests.support.endpoint import Server, endpoint

MOST_GROWTH = 64 * 2**20
WAYS = [pytest.param(*way, id="-".join(way)) for way in product(TRANSPORTS, MODES)]


@pytest.mark.parametrize(("transport", "mode"), WAYS)
def test_replies_without_measure_end_within_64_mb(transport: Transport, mode: Mode) -> None:
    names = ("huge", "endless", "gzip-bomb", "huge-line", "huge-header")
    models = [f"chaos-{name}" for name in names]
    with endpoint() as server:
        command = [sys.executable, "-m", "tests.support.weighing", server.url, transport, mode]
        done = subprocess.run([*command, *models], capture_output=True, text=True, check=True)
    found: dict[str, tuple[str, int]] = json.loads(done.stdout)
    outcomes = {model: outcome for model, (outcome, _) in found.items()}
    header = outcomes.pop("chaos-huge-header")
    assert header.startswith("Unavailable: bench broke the connection: ")
    assert outcomes == dict.fromkeys(models[:-1], "ProviderError: bench sent a reply above 48 MiB")
    assert max(growth for _, growth in found.values()) <= MOST_GROWTH


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("calls", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_cancelled_calls_leave_the_client_healthy(calls: int, transport: Transport) -> None:
    width = IN_FLIGHT[transport]

    async def ask(server: Server) -> list[str]:
        async with asking(server.url, transport) as provider:
            await _cancel(provider, calls, width)
            async with asyncio.TaskGroup() as group:
                asked = [request("echo", f"after {n}") for n in range(100)]
                tasks = [group.create_task(outcome_of(provider, each, "send")) for each in asked]
            assert len(asyncio.all_tasks()) == 1
            assert len(server.log.open) <= width + 2
        return [task.result() for task in tasks]

    with endpoint() as server:
        assert asyncio.run(ask(server)) == [f"after {n} [stop]" for n in range(100)]


async def _cancel(provider: Provider, calls: int, width: int) -> None:
    """So many calls that cannot end in time, by twice as many workers as may be in flight."""
    dice = random.Random(calls)
    models: Sequence[str] = ("chaos-hang", "chaos-hang-headers", "chaos-hang-body", "chaos-slow")
    left = iter(range(calls))

    async def work() -> None:
        for number in left:
            mode = MODES[number % 2]
            asked = request(dice.choice(models), f"call {number}")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(dice.uniform(0, 0.02)):
                    await outcome_of(provider, asked, mode)

    async with asyncio.TaskGroup() as group:
        for _ in range(2 * width):
            group.create_task(work())
