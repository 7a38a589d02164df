from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from flowrun.errors import LedgerError
from flowrun.gateway.database import Transaction
from flowrun.gateway.sqlite import SqliteDatabase

MAKE = "CREATE TABLE seen (number INTEGER CHECK (number >= 0))"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "money" / "ledger.db"


def count(transaction: Transaction) -> int:
    return int(transaction.execute("SELECT count(*) FROM seen")[0][0])


def insert(number: int, transaction: Transaction) -> None:
    transaction.execute("INSERT INTO seen VALUES (:number)", {"number": number})


def test_the_file_and_its_log_are_their_owners_only(path: Path) -> None:
    async def work() -> list[int]:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "soon")
        modes = [each.stat().st_mode & 0o777 for each in (path.parent, *path.parent.iterdir())]
        await database.aclose()
        return modes

    assert asyncio.run(work()) == [0o700, 0o600, 0o600, 0o600]
    assert [each.name for each in path.parent.iterdir()] == ["ledger.db"]


def test_what_is_asked_for_at_once_is_committed_at_once(path: Path) -> None:
    async def work() -> list[int]:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "soon")

        async def seen_by_another(number: int) -> int:
            await database.transact(lambda t: insert(number, t), "now")
            with sqlite3.connect(path) as other:
                found = other.execute("SELECT count(*) FROM seen").fetchone()[0]
            other.close()
            return int(found)

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(seen_by_another(number)) for number in range(20)]
        await database.aclose()
        return [each.result() for each in asked]

    assert asyncio.run(work()) == [20] * 20


def test_a_work_that_fails_leaves_the_others_alone(path: Path) -> None:
    def half(transaction: Transaction) -> None:
        insert(1, transaction)
        raise KeyError("half done")

    async def work() -> list[object]:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "soon")
        ended = await asyncio.gather(
            database.transact(lambda t: insert(1, t), "now"),
            database.transact(half, "now"),
            database.transact(lambda t: insert(-1, t), "now"),
            database.transact(lambda t: insert(2, t), "now"),
            return_exceptions=True,
        )
        assert await database.transact(count, "read") == 2
        await database.aclose()
        return [repr(each) for each in ended]

    said = "the ledger refuses it: CHECK constraint failed: number >= 0"
    assert asyncio.run(work()) == ["None", "KeyError('half done')", f"LedgerError('{said}')",
                                   "None"]  # fmt: skip


def test_who_is_cancelled_is_served_all_the_same(path: Path) -> None:
    async def work() -> int:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "soon")
        task = asyncio.ensure_future(database.transact(lambda t: insert(1, t), "now"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        found = await database.transact(count, "read")
        await database.aclose()
        return found

    assert asyncio.run(work()) == 1


def test_closing_ends_what_was_asked_for_and_a_later_verb_opens_anew(path: Path) -> None:
    async def work() -> int:
        database = SqliteDatabase(path)
        await database.aclose()
        await database.transact(lambda t: t.execute(MAKE), "soon")
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(database.transact(lambda t, n=number: insert(n, t), "now"))  # type: ignore[misc] # mypy does not infer a lambda with a default
            await asyncio.sleep(0)
            await database.aclose()
        found = await database.transact(count, "read")
        await database.aclose()
        return found

    assert asyncio.run(work()) == 5


def test_the_log_is_written_back_now_and_then(path: Path) -> None:
    async def work() -> int:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "soon")
        for number in range(1200):
            await database.transact(lambda t, n=number: insert(n, t), "soon")  # type: ignore[misc] # mypy does not infer a lambda with a default
        size = path.with_name("ledger.db-wal").stat().st_size
        await database.aclose()
        return size

    assert asyncio.run(work()) < 800 * 8192


def test_several_processes_share_the_file(path: Path) -> None:
    async def work() -> int:
        one, two = SqliteDatabase(path), SqliteDatabase(path)
        async with asyncio.TaskGroup() as group:
            group.create_task(one.transact(count_of_versions, "read"))
            group.create_task(two.transact(count_of_versions, "read"))
        await one.transact(lambda t: t.execute(MAKE), "now")
        async with asyncio.TaskGroup() as group:
            for number in range(200):
                database = one if number % 2 else two
                group.create_task(
                    database.transact(lambda t, n=number: insert(n, t), "now")  # type: ignore[misc] # mypy does not infer a lambda with a default
                )
        found = await two.transact(count, "read")
        await one.aclose()
        await two.aclose()
        return found

    assert asyncio.run(work()) == 200


def count_of_versions(transaction: Transaction) -> int:
    return len(transaction.execute("SELECT version FROM ledger_version"))


def test_another_process_that_writes_for_long_is_said(path: Path) -> None:
    async def work() -> str:
        database = SqliteDatabase(path, patience_s=0.05)
        await database.transact(lambda t: t.execute(MAKE), "soon")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await database.transact(count, "read") == 0
        with pytest.raises(LedgerError) as caught:
            await database.transact(lambda t: insert(1, t), "now")
        with pytest.raises(LedgerError, match="in use elsewhere"):  # while it is opened again
            await database.transact(lambda t: insert(1, t), "now")
        other.execute("ROLLBACK")
        other.close()
        await database.transact(lambda t: insert(1, t), "now")
        await database.aclose()
        return str(caught.value)

    assert asyncio.run(work()) == f'the ledger "{path}" was in use elsewhere for 0.05 s'


def test_a_file_that_another_process_makes_for_long_is_said(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def work() -> str:
        database = SqliteDatabase(path, patience_s=0.05)
        with pytest.raises(LedgerError) as caught:
            await database.transact(count_of_versions, "read")
        other.execute("ROLLBACK")
        assert await database.transact(count_of_versions, "read") == 1
        await database.aclose()
        return str(caught.value)

    assert asyncio.run(work()) == f'the ledger "{path}" was in use elsewhere for 0.05 s'
    other.close()


@pytest.mark.parametrize("is_open", [True, False])
def test_a_damaged_file_is_said(path: Path, is_open: bool) -> None:
    async def work() -> str:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "now")
        if not is_open:
            await database.aclose()
        for each in path.parent.iterdir():
            size = each.stat().st_size
            each.write_bytes(b"\xff" * size)
        for _ in range(2):
            with pytest.raises(LedgerError) as caught:
                await database.transact(lambda t: insert(1, t), "now")
        await database.aclose()
        return str(caught.value)

    assert asyncio.run(work()) == f'the ledger "{path}" is damaged: file is not a database'


def test_a_statement_that_cannot_be_done_is_said(path: Path) -> None:
    async def work() -> str:
        database = SqliteDatabase(path)
        with pytest.raises(LedgerError) as caught:
            await database.transact(count, "read")
        await database.aclose()
        return str(caught.value)

    assert asyncio.run(work()) == f'the ledger "{path}" cannot be used: no such table: seen'


def test_a_place_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    async def work() -> str:
        database = SqliteDatabase(tmp_path / "not" / "there" / "ledger.db")
        with pytest.raises(LedgerError) as caught:
            await database.transact(count, "read")
        await database.aclose()
        return str(caught.value)

    place = tmp_path / "not" / "there" / "ledger.db"
    assert asyncio.run(work()) == f'the ledger "{place}" cannot be used: No such file or directory'


def test_a_file_that_was_taken_away_under_it_is_made_anew(path: Path) -> None:
    """What is open stays open: only the next process meets the loss."""

    async def work() -> int:
        database = SqliteDatabase(path)
        await database.transact(lambda t: t.execute(MAKE), "now")
        shutil.rmtree(path.parent)
        await database.aclose()
        versions = await database.transact(count_of_versions, "read")
        await database.aclose()
        return versions

    assert asyncio.run(work()) == 1
    assert [each.name for each in path.parent.iterdir()] == ["ledger.db"]
