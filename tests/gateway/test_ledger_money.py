"""What must hold of the money whatever happens: balance = top-ups less charges, nothing held."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from flowrun.gateway.auth import fingerprint, new_key
from flowrun.gateway.base import Account, Charge, Hold, Ledger
from flowrun.gateway.ledger import open_ledger
from tests.support.ledgers import (
    ANN,
    fill,
    on,
    opened,
    require_books_balance,
    rows,
    standing,
)

HELD_S = 120.0


class Customer:
    """One account's calls, and what its money must be after them."""

    def __init__(self, address: str, ledger: Ledger, seed: int) -> None:
        self.address = address
        self.ledger = ledger
        self.chance = random.Random(seed)
        self.account = Account(f"k_{seed}", f"key {seed}", f"fingerprint {seed}")
        self.units = 0
        self.now = 0.0
        self.running: list[Hold] = []
        self.ids = (f"{seed}-{number}" for number in count())

    async def sequence(self) -> None:
        """Some twenty things that happen, in any order."""
        await self.ledger.add(self.account, now=0.0)
        happens = [self.start] * 6 + [self.finish] * 3 + [self.fail, self.cancel, self.top_up]
        happens += [self.sweep, self.renew]
        for _ in range(self.chance.randrange(5, 25)):
            self.now += self.chance.randrange(0, 40)
            await self.chance.choice(happens)()
        if self.chance.random() < 0.2:
            await self.crash()
        await self.ledger.sweep(now=self.now + HELD_S + 1)

    async def start(self) -> None:
        units = self.chance.randrange(0, 3 * 10**6)
        hold = Hold(next(self.ids), self.account.id, units, self.now + HELD_S)
        if await self.ledger.reserve(hold):
            self.running.append(hold)

    async def finish(self) -> None:
        for hold in self._one():
            spent = self.chance.randrange(0, 4 * 10**6)
            for _ in range(self.chance.randrange(1, 3)):
                await self.ledger.settle(hold.id, Charge(spent, "m/x", "done"), now=self.now)
            self.units -= spent

    async def fail(self) -> None:
        for hold in self._one():
            await self.ledger.release(hold.id)

    async def cancel(self) -> None:
        for hold in self._one():
            task = asyncio.ensure_future(self.ledger.release(hold.id))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

    async def top_up(self) -> None:
        units = self.chance.randrange(1, 10**7)
        await self.ledger.top_up(self.account.name, units, note="", now=self.now)
        self.units += units

    async def sweep(self) -> None:
        await self.ledger.sweep(now=self.now)

    async def renew(self) -> None:
        await self.ledger.renew([each.id for each in self.running], self.now + HELD_S)

    async def crash(self) -> None:
        """Nothing is released: another process opens the ledger."""
        await self.ledger.aclose()
        self.running = []
        self.ledger = open_ledger(self.address, Path("nowhere"))

    def _one(self) -> list[Hold]:
        if not self.running:
            return []
        return [self.running.pop(self.chance.randrange(len(self.running)))]


async def sequences(address: str, number: int) -> None:
    ledger = open_ledger(address, Path("nowhere"))
    try:
        expected = []
        for seed in range(number):
            customer = Customer(address, ledger, seed)
            await customer.sequence()
            ledger = customer.ledger
            expected.append((customer.account, customer.units, 0))
        await ledger.sweep(now=1e12)
        standings = {each.account.id: each for each in await ledger.standings()}
        assert [
            (found.account, found.balance_units, found.held_units)
            for account, _, _ in expected
            for found in [standings[account.id]]
        ] == expected
    finally:
        await ledger.aclose()


def test_random_sequences_leave_top_ups_less_charges(address: str) -> None:
    asyncio.run(sequences(address, 100))
    require_books_balance(address)


@pytest.mark.slow
def test_a_thousand_random_sequences_leave_top_ups_less_charges(address: str) -> None:
    asyncio.run(sequences(address, 1000))
    require_books_balance(address)


def test_g2_many_calls_at_once_leave_one_entry_each(address: str) -> None:
    chance = random.Random(7)
    costs = {f"r{number}": chance.randrange(0, 1000) for number in range(400)}

    async def work(ledger: Ledger) -> None:
        await fill(ledger, 100)

        async def call(id: str, cost: int) -> None:
            assert await ledger.reserve(Hold(id, ANN.id, 1000, 1e12))
            async with asyncio.TaskGroup() as group:  # a charge that is sent twice
                for _ in range(2):
                    group.create_task(ledger.settle(id, Charge(cost, "m/x", "done"), now=3.0))

        async with asyncio.TaskGroup() as group:
            for id, cost in costs.items():
                group.create_task(call(id, cost))
        assert (await standing(ledger)).held_units == 0

    on(address, work)
    require_books_balance(address)
    charged = rows(address, "SELECT id, -units FROM ledger_entries WHERE kind = 'charge'")
    assert sorted(charged) == sorted(costs.items())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_g1_processes_killed_while_they_spend_lose_nothing(address: str, workers: int) -> None:
    on(address, lambda ledger: fill(ledger, 100_000))
    for turn in range(5):
        words = [sys.executable, "-m", "tests.support.spender", address]
        spenders = [
            subprocess.Popen([*words, f"{turn}-{number}"], stdout=subprocess.PIPE)
            for number in range(workers)
        ]
        try:
            for each in spenders:
                assert each.stdout is not None
                assert each.stdout.readline() == b"spending\n"
        finally:
            for each in spenders:
                each.kill()
                each.communicate()
        require_books_balance(address)

    async def work(ledger: Ledger) -> None:
        await ledger.sweep(now=time.time() + 60)
        found = await standing(ledger)
        assert found.held_units == 0
        assert 0 < found.balance_units < 100_000 * 10**6

    on(address, work)
    require_books_balance(address)


def test_k3_no_key_stands_in_the_ledger(tmp_path: Path) -> None:
    keys = [new_key() for _ in range(100)]
    place = tmp_path / "ledger.db"

    async def work() -> None:
        async with opened(f"sqlite:///{place}") as ledger:
            for number, key in enumerate(keys):
                mark = fingerprint(key, b"a pepper of the test")
                each = replace(ANN, id=f"k_{number}", name=f"n{number}", fingerprint=mark)
                await ledger.add(each, now=1.0)
            require_no_key()  # in the log neither

    def require_no_key() -> None:
        written = b"".join(each.read_bytes() for each in tmp_path.glob("ledger.db*"))
        assert b"n99" in written
        assert [key for key in keys if key[3:].encode() in written] == []

    asyncio.run(work())
    require_no_key()
