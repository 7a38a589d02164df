from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest

from flowrun.errors import LedgerError, UsageError
from flowrun.gateway.database import Transaction
from flowrun.gateway.postgres import PostgresDatabase
from tests.support.ledgers import charge, fill, hold, money, opened, require_books_balance
from tests.support.postgres import Postgres

T = TypeVar("T")


def on(url: str, work: Callable[[PostgresDatabase], Awaitable[T]], patience_s: float = 10.0) -> T:
    async def whole() -> T:
        database = PostgresDatabase(url, patience_s=patience_s)
        try:
            return await work(database)
        finally:
            await database.aclose()

    return asyncio.run(whole())


def one(transaction: Transaction) -> int:
    return int(transaction.execute("SELECT :number + 0", {"number": 1})[0][0])


def test_a_server_that_was_started_again_is_met_again(server: Postgres) -> None:
    async def work() -> None:
        async with opened(server.new_url()) as ledger:
            await fill(ledger, 10)
            async with asyncio.TaskGroup() as group:  # so that there are several connections
                for number in range(6):
                    group.create_task(ledger.reserve(hold(str(number))))
            server.stop()
            with pytest.raises(LedgerError, match="cannot be used: "):
                await ledger.settle("0", charge(), now=3.0)
            server.start()
            async with asyncio.TaskGroup() as group:
                for number in range(6):
                    group.create_task(ledger.settle(str(number), charge(), now=3.0))
            assert await money(ledger) == (4, 0)

    asyncio.run(work())


def test_a_connection_that_is_lost_is_not_noticed(server: Postgres) -> None:
    url = server.new_url()

    async def work() -> None:
        async with opened(url) as ledger:
            await fill(ledger, 10)
            for number in range(3):
                assert await ledger.reserve(hold(str(number)))
                with psycopg.connect(server.url(), autocommit=True) as other:
                    other.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'flowrun'"
                    )
                await ledger.settle(str(number), charge(), now=3.0)
            assert await money(ledger) == (7, 0)

    asyncio.run(work())
    require_books_balance(url)


def test_a_password_is_never_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    async def work(database: PostgresDatabase) -> str:
        with pytest.raises(LedgerError) as caught:
            await database.transact(one, "now")
        return str(caught.value)

    said = on(f"postgresql://me:s3cret@127.0.0.1:{port}/money", work)
    assert said.startswith('the ledger "127.0.0.1/money" cannot be used: connection failed: ')
    assert "s3cret" not in said


def test_a_server_that_repeats_the_password_is_masked(server: Postgres) -> None:
    url = server.new_url().replace("flowrun@/", "flowrun:s3cret@/")

    async def work(database: PostgresDatabase) -> str:
        with pytest.raises(LedgerError) as caught:
            await database.transact(lambda t: t.execute("SELECT s3cret"), "read")
        return str(caught.value)

    assert on(url, work).endswith('cannot be used: column "***" does not exist')


@pytest.mark.parametrize("url", ["postgresql://me:s3cret@[bad/db", "postgresql://h/db?s3cret=1"])
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        PostgresDatabase(url)
    assert str(caught.value) == "FLOWRUN_LEDGER is no URL that PostgreSQL knows"
    assert caught.value.__suppress_context__


def test_a_server_that_does_not_answer_is_given_up(server: Postgres) -> None:
    url = server.new_url()
    go_on = threading.Event()

    async def work(database: PostgresDatabase) -> str:
        with pytest.raises(LedgerError) as caught:
            await database.transact(lambda _: go_on.wait(), "now")
        go_on.set()
        return str(caught.value)

    assert on(url, work, 0.05).endswith(" did not answer within 0.05 s")


def test_an_error_that_comes_too_late_is_heard_by_nobody(server: Postgres) -> None:
    url = server.new_url()
    go_on = threading.Event()

    def late(_: Transaction) -> None:
        go_on.wait()
        raise KeyError("too late")

    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(LedgerError):
            await database.transact(late, "now")
        go_on.set()

    on(url, work, 0.05)


def test_what_fails_is_rolled_back(server: Postgres) -> None:
    def half(transaction: Transaction) -> None:
        transaction.execute("DELETE FROM ledger_version")
        raise KeyError("half done")

    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(KeyError):
            await database.transact(half, "soon")
        rows = await database.transact(
            lambda t: t.execute("SELECT version FROM ledger_version"), "read"
        )
        assert rows == [(1,)]

    on(server.new_url(), work)


def test_what_is_in_the_way_of_another_is_tried_again(server: Postgres) -> None:
    tries = []

    def unlucky(transaction: Transaction) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise psycopg.errors.DeadlockDetected
        return one(transaction)

    def hopeless(_: Transaction) -> None:
        raise psycopg.errors.SerializationFailure("still in the way")

    async def work(database: PostgresDatabase) -> str:
        assert await database.transact(unlucky, "now") == 1
        with pytest.raises(LedgerError) as caught:
            await database.transact(hopeless, "now")
        return str(caught.value)

    assert on(server.new_url(), work).endswith("cannot be used: still in the way")


def test_several_gateways_make_the_tables_once(server: Postgres) -> None:
    url = server.new_url()

    async def work() -> None:
        databases = [PostgresDatabase(url) for _ in range(8)]
        async with asyncio.TaskGroup() as group:
            for each in databases:
                group.create_task(each.transact(one, "read"))
        for each in databases:
            await each.aclose()

    asyncio.run(work())


def test_tables_that_may_not_be_made_are_said(server: Postgres) -> None:
    url = server.url("nowhere")

    async def work(database: PostgresDatabase) -> str:
        with pytest.raises(LedgerError) as caught:
            await database.transact(one, "read")
        return str(caught.value)

    assert on(url, work).endswith("cannot be used: no schema has been selected to create in")
