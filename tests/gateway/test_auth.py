from __future__ import annotations

import asyncio
import re
import stat
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.errors import LedgerError, UsageError
from flowrun.gateway.auth import Keyring, fingerprint, new_key, read_pepper
from flowrun.gateway.base import Account
from flowrun.gateway.faults import Fault
from flowrun.gateway.ledger import SqlLedger
from flowrun.gateway.sqlite import SqliteDatabase
from tests.support.ledgers import ANN

PEPPER = b"a pepper of the test"
KEY = "fr-" + "k" * 43
ME = replace(ANN, fingerprint=fingerprint(KEY, PEPPER))


class Counting(SqlLedger):
    """A ledger that counts its look-ups, and can hold them up or fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(SqliteDatabase(folder / "ledger.db"))
        self.finds = 0
        self.lists = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: LedgerError | None = None

    async def find(self, fingerprint: str) -> Account | None:
        self.finds += 1
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return await super().find(fingerprint)

    async def standings(self):  # type: ignore[no-untyped-def] # as in SqlLedger
        self.lists += 1
        return await super().standings()


class Clock:
    """A time that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def on(folder: Path, work: Callable[[Keyring, Counting, Clock], Awaitable[None]]) -> None:
    """Runs some work with a keyring over a ledger that has one key."""

    async def whole() -> None:
        ledger, clock = Counting(folder), Clock()
        await ledger.add(ME, now=1.0)
        await work(Keyring(ledger, PEPPER, now=clock), ledger, clock)
        await ledger.aclose()

    asyncio.run(whole())


async def refused(keyring: Keyring, authorization: str | None) -> tuple[object, ...]:
    with pytest.raises(Fault) as caught:
        await keyring.account(authorization)
    fault = caught.value
    return (fault.status, fault.code, fault.kind, fault.param, fault.message, fault.retry_after_s)


def test_a_key_is_long_random_and_plain() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"fr-[A-Za-z0-9_-]{43}", each) for each in keys)


def test_a_fingerprint_needs_the_pepper() -> None:
    assert fingerprint(KEY, PEPPER) == fingerprint(KEY, PEPPER)
    assert fingerprint(KEY, b"another pepper here") != fingerprint(KEY, PEPPER)
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint(KEY, PEPPER))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_lets_its_account_in(tmp_path: Path, scheme: str) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        assert await keyring.account(f"{scheme} {KEY}") == ME

    on(tmp_path, work)


BAD = {
    "missing": None,
    "empty": "",
    "no key": "Bearer ",
    "blank": "Bearer  ",
    "no scheme": KEY,
    "another scheme": f"Basic {KEY}",
    "unknown": f"Bearer {KEY[:-1]}x",
    "another prefix": f"Bearer sk-{KEY}",
    "short": "Bearer fr-",
    "sql": "Bearer ' OR 1=1; DROP TABLE ledger_accounts; --",
    "other sql": f"Bearer {KEY}' UNION SELECT 1 --",
    "object": 'Bearer {"$ne": null}',
    "not ascii": "Bearer fr-schlüssel",
    "fullwidth": "Bearer \uff46\uff52-" + "k" * 43,
    "lone surrogate": "Bearer fr-\ud800",
    "control": "Bearer \x00\r\n\x1b",
    "twice": f"Bearer {KEY}, Bearer {KEY}",
    "64 KB": "Bearer fr-" + "k" * 65_536,
}


@pytest.mark.parametrize("authorization", BAD.values(), ids=BAD)
def test_g6_every_bad_key_is_refused_alike(tmp_path: Path, authorization: str | None) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        expected = await refused(keyring, "Bearer fr-nobody's")
        assert expected == (
            401, "invalid_api_key", "invalid_request_error", None,
            "the API key is missing or not valid: send it as Authorization: Bearer fr-...", None,
        )  # fmt: skip
        assert await refused(keyring, authorization) == expected
        assert await keyring.account(f"Bearer {KEY}") == ME

    on(tmp_path, work)


def test_g6_what_is_huge_or_not_ascii_costs_no_look_up(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        for name in ("missing", "64 KB", "not ascii", "lone surrogate"):
            await refused(keyring, BAD[name])
        assert ledger.finds == 0

    on(tmp_path, work)


def test_g6_a_revoked_key_is_refused_within_a_second(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        assert await keyring.account(f"Bearer {KEY}") == ME
        await ledger.revoke("ann", now=2.0)
        clock.now = 0.999
        assert await keyring.account(f"Bearer {KEY}") == ME
        clock.now = 1.0
        assert await refused(keyring, f"Bearer {KEY}") == await refused(keyring, None)

    on(tmp_path, work)


def test_a_key_that_was_unknown_works_within_a_second(tmp_path: Path) -> None:
    other = "fr-" + "o" * 43

    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        await refused(keyring, f"Bearer {other}")
        await ledger.add(Account("k_o", "o", fingerprint(other, PEPPER)), now=2.0)
        await refused(keyring, f"Bearer {other}")
        assert ledger.finds == 1
        clock.now = 1.0
        assert (await keyring.account(f"Bearer {other}")).name == "o"

    on(tmp_path, work)


def test_who_asks_for_one_key_at_once_shares_a_look_up(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        ledger.go_on.clear()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(keyring.account(f"Bearer {KEY}")) for _ in range(50)]
            await asyncio.sleep(0)
            ledger.go_on.set()
        assert [each.result() for each in asked] == [ME] * 50
        assert ledger.finds == 1

    on(tmp_path, work)


def test_who_shares_a_look_up_hears_its_failure(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        ledger.go_on.clear()
        ledger.failure = LedgerError("the ledger is away")
        asked = [asyncio.ensure_future(keyring.account(f"Bearer {KEY}")) for _ in range(3)]
        await asyncio.sleep(0)
        ledger.go_on.set()
        await asyncio.wait(asked)
        assert [str(each.exception()) for each in asked] == ["the ledger is away"] * 3
        assert ledger.finds == 1
        ledger.failure = None
        assert await keyring.account(f"Bearer {KEY}") == ME

    on(tmp_path, work)


def test_who_goes_away_while_others_wait_leaves_them_their_answer(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        ledger.go_on.clear()
        first, second = (asyncio.ensure_future(keyring.account(f"Bearer {KEY}")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        ledger.go_on.set()
        assert await second == ME
        assert first.cancelled()
        assert ledger.finds == 2

    on(tmp_path, work)


def test_a_flood_of_wrong_keys_does_not_push_the_right_one_out(tmp_path: Path) -> None:
    async def work(keyring: Keyring, ledger: Counting, clock: Clock) -> None:
        await keyring.account(f"Bearer {KEY}")
        for number in range(1_001):
            await refused(keyring, f"Bearer fr-{number}")
        assert ledger.finds == 1_002
        await keyring.account(f"Bearer {KEY}")
        await refused(keyring, "Bearer fr-1000")
        assert ledger.finds == 1_002
        await refused(keyring, "Bearer fr-0")  # what is oldest is forgotten
        assert ledger.finds == 1_003

    on(tmp_path, work)


def test_it_is_open_until_there_is_a_key(tmp_path: Path) -> None:
    async def work() -> None:
        ledger, clock = Counting(tmp_path), Clock()
        keyring = Keyring(ledger, PEPPER, now=clock)
        assert await keyring.is_open()
        await ledger.add(ME, now=1.0)
        await ledger.revoke("ann", now=2.0)  # a revoked key is one too
        assert await keyring.is_open()
        assert ledger.lists == 1
        clock.now = 1.0
        assert not await keyring.is_open()
        clock.now = 100.0
        assert not await keyring.is_open()
        assert ledger.lists == 2
        await ledger.aclose()

    asyncio.run(work())


def test_the_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    state = tmp_path / "state"
    peppers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: peppers.append(read_pepper(state, {}))) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(peppers) == 8
    assert len(set(peppers)) == 1
    assert len(peppers[0]) == 64
    assert sorted(each.name for each in state.iterdir()) == [".gitignore", "key-pepper"]
    assert stat.S_IMODE((state / "key-pepper").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_the_environment_has_the_first_word(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert read_pepper(state, {"FLOWRUN_KEY_PEPPER": "p" * 16}) == b"p" * 16
    assert not state.exists()
    with pytest.raises(UsageError) as caught:
        read_pepper(state, {"FLOWRUN_KEY_PEPPER": "p" * 15})
    assert str(caught.value) == "FLOWRUN_KEY_PEPPER must have at least 16 characters"


def test_a_damaged_pepper_is_said(tmp_path: Path) -> None:
    (tmp_path / "key-pepper").write_bytes(b"short")
    with pytest.raises(LedgerError) as caught:
        read_pepper(tmp_path, {})
    assert str(caught.value) == (
        f'"{tmp_path / "key-pepper"}" is damaged: without it no key is known'
    )


def test_a_place_without_room_for_the_pepper_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LedgerError) as caught:
        read_pepper(tmp_path / "state", {})
    assert str(caught.value) == (
        f'"{tmp_path / "state" / "key-pepper"}" cannot be used: File exists'
    )


def test_a_pepper_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "key-pepper").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError) as caught:
        read_pepper(tmp_path, {})
    assert str(caught.value) == (
        f'"{tmp_path / "key-pepper"}" cannot be used: No such file or directory'
    )
    assert not (tmp_path / "elsewhere").exists()
