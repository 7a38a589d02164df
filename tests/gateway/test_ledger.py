from __future__ import annotations

import asyncio
import sqlite3
import sys
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import psycopg
import pytest

from flowrun.errors import LedgerError, UsageError
from flowrun.gateway import accounts
from flowrun.gateway.base import MOST_UNITS, UNITS, Account, Charge, Ledger, UsageRow
from flowrun.gateway.database import Database
from flowrun.gateway.entries import Entry
from flowrun.gateway.ledger import open_ledger, path_of
from flowrun.gateway.postgres import PostgresDatabase
from flowrun.gateway.sqlite import SqliteDatabase
from tests.support.ledgers import (
    ANN,
    charge,
    fill,
    hold,
    money,
    on,
    require_books_balance,
    rows,
)

BEN = Account("k_ben", "ben", "fingerprint of ben", requests_per_minute=60, max_in_flight=4)
DAY = 86_400.0


def test_an_account_is_found_by_its_fingerprint(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.add(ANN, now=1.0)
        await ledger.add(BEN, now=2.0)
        assert await ledger.find(BEN.fingerprint) == BEN
        assert await ledger.find("another") is None
        assert [(each.account, each.created_at) for each in await ledger.standings()] == [
            (ANN, 1.0), (BEN, 2.0),
        ]  # fmt: skip

    on(address, work)


def test_a_name_is_given_once(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.add(ANN, now=1.0)
        await ledger.add(ANN, now=2.0)  # as after a connection that was lost
        with pytest.raises(UsageError) as caught:
            await ledger.add(replace(BEN, name="ann"), now=3.0)
        assert str(caught.value) == 'a key is called "ann" already: choose another name'
        assert len(await ledger.standings()) == 1

    on(address, work)


@pytest.mark.parametrize("name", [ANN.name, ANN.id])
def test_a_revoked_key_stays_known_as_such(address: str, name: str) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.add(ANN, now=1.0)
        await ledger.revoke(name, now=5.0)
        await ledger.revoke(name, now=6.0)
        assert await ledger.find(ANN.fingerprint) == replace(ANN, is_revoked=True)

    on(address, work)
    assert rows(address, "SELECT revoked_at FROM ledger_accounts") == [(5.0,)]


@pytest.mark.parametrize(
    ("name", "mend"), [("anne", "did you mean ann?"), ("zoe", "flowrun keys list shows them")]
)
def test_an_unknown_key_names_the_nearest(address: str, name: str, mend: str) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.add(ANN, now=1.0)
        with pytest.raises(UsageError) as caught:
            await ledger.revoke(name, now=2.0)
        assert str(caught.value) == f'no key is called "{name}"; {mend}'
        with pytest.raises(UsageError):
            await ledger.top_up(name, 1, note="", now=2.0)

    on(address, work)


def test_top_ups_add_up_and_can_be_taken_back(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 100)
        assert await ledger.reserve(hold("a", 30))
        found = await ledger.top_up(ANN.id, -70 * UNITS, note="too much", now=3.0)
        assert (found.account, found.balance_units, found.held_units) == (
            ANN, 30 * UNITS, 30 * UNITS,
        )  # fmt: skip
        with pytest.raises(UsageError) as caught:
            await ledger.top_up("ann", -1, note="", now=4.0)
        assert str(caught.value) == (
            '"ann" has 0 credits free (30 set aside): 0.000001 cannot be taken'
        )
        assert await money(ledger) == (30, 30)

    on(address, work)
    require_books_balance(address)
    assert rows(address, "SELECT kind, units, note FROM ledger_entries ORDER BY at") == [
        ("topup", 100 * UNITS, "first"), ("topup", -70 * UNITS, "too much"),
    ]  # fmt: skip


def test_a_top_up_that_is_written_again_counts_once(address: str) -> None:
    """As after a connection that was lost before the commit was confirmed."""

    async def work() -> None:
        database = database_at(address)
        await database.transact(partial(accounts.add, account=ANN, now=1.0), "now")
        again = partial(accounts.top_up, name="ann", units=5, entry=Entry("topup-1", "", 2.0))
        for _ in range(2):
            found = await database.transact(again, "now")
            assert found.balance_units == 5
        await database.aclose()

    asyncio.run(work())
    require_books_balance(address)


def database_at(address: str) -> Database:
    if address.startswith("sqlite:///"):
        return SqliteDatabase(Path(address.removeprefix("sqlite:///")))
    return PostgresDatabase(address)


@pytest.mark.parametrize("units", [0, MOST_UNITS + 1, -MOST_UNITS - 1])
def test_a_top_up_has_bounds(address: str, units: int) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.add(ANN, now=1.0)
        with pytest.raises(UsageError) as caught:
            await ledger.top_up("ann", units, note="", now=2.0)
        assert str(caught.value) == "credits must be other than 0 and at most 1,000,000,000"

    on(address, work)


def test_usage_is_told_by_key_model_and_day(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 100)
        await fill(ledger, 100, BEN)
        tokens = {"input_tokens": 5, "cache_read_tokens": 3, "cache_write_tokens": 2,
                  "cache_write_1h_tokens": 1, "output_tokens": 7}  # fmt: skip
        calls = [
            ("a", ANN, 0.0, Charge(UNITS, "m/one", "done", tokens, cost_usd=Decimal("0.1"))),
            ("b", ANN, 9.0, Charge(UNITS, "m/one", "cut", tokens, cost_usd=Decimal("0.1"))),
            ("c", ANN, DAY, Charge(2 * UNITS, "m/two", "gone", images=1, is_estimate=True)),
            ("d", BEN, DAY, Charge(3, "m/one", "done", cost_usd=Decimal("1E-20"), is_own_key=True)),
        ]
        for id, account, at, each in calls:
            assert await ledger.reserve(hold(id, of=account))
            await ledger.settle(id, each, now=at)
        tiny = Decimal("1E-20")
        assert await ledger.usage(("key",), since=0, until=2 * DAY) == [
            UsageRow(("ann",), 3, 22, 14, 1, 4 * UNITS, Decimal("0.2")),
            UsageRow(("ben",), 1, 0, 0, 0, 3, tiny),
        ]
        assert await ledger.usage(("day", "model"), since=0, until=2 * DAY) == [
            UsageRow(("1970-01-01", "m/one"), 2, 22, 14, 0, 2 * UNITS, Decimal("0.2")),
            UsageRow(("1970-01-02", "m/one"), 1, 0, 0, 0, 3, tiny),
            UsageRow(("1970-01-02", "m/two"), 1, 0, 0, 1, 2 * UNITS, Decimal(0)),
        ]
        assert await ledger.usage((), since=0, until=DAY) == [
            UsageRow((), 2, 22, 14, 0, 2 * UNITS, Decimal("0.2"))
        ]
        assert await ledger.usage((), since=2 * DAY, until=3 * DAY) == []

    on(address, work)
    assert rows(
        address,
        "SELECT id, outcome, is_own_key, is_estimate FROM ledger_entries "
        "WHERE kind = 'charge' ORDER BY id",
    ) == [("a", "done", 0, 0), ("b", "cut", 0, 0), ("c", "gone", 0, 1), ("d", "done", 1, 0)]


@pytest.mark.parametrize("statement", ["UPDATE ledger_entries SET units = 0",
                                       "DELETE FROM ledger_entries"])  # fmt: skip
def test_entries_are_only_added(address: str, statement: str) -> None:
    on(address, fill)
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException)) as caught:
        rows(address, statement)
    assert "entries are only added" in str(caught.value)
    require_books_balance(address)


def test_what_no_database_can_keep_is_left_out(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 100)
        assert await ledger.reserve(hold("a"))
        await ledger.settle("a", replace(charge(), model="m/\0a\ud800b"), now=3.0)
        (row,) = await ledger.usage(("model",), since=0, until=9)
        assert row.group == ("m/a?b",)

    on(address, work)


def test_tables_of_a_newer_flowrun_are_left_alone(address: str) -> None:
    on(address, fill)
    rows(address, "UPDATE ledger_version SET version = 99")
    with pytest.raises(LedgerError) as caught:
        on(address, money)
    assert str(caught.value) == (
        "the ledger has format 99, and this flowrun knows 1: use a newer flowrun"
    )


def test_without_an_address_it_is_a_file_of_the_state_folder(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = open_ledger(None, tmp_path / "state")
        assert not (tmp_path / "state").exists()
        await fill(ledger)
        await ledger.aclose()

    asyncio.run(work())
    assert sorted(each.name for each in (tmp_path / "state").iterdir()) == [
        ".gitignore", "ledger.db",
    ]  # fmt: skip


ADDRESSES = "write sqlite:///path or postgresql://user@host/database"


@pytest.mark.parametrize(
    ("url", "said"),
    [("mysql://me:secret@host/db", f'"mysql:" is no ledger; {ADDRESSES}'),
     ("me:secret@host/db", f"is no ledger; {ADDRESSES}"),
     ("host=h password=secret", f"is no ledger; {ADDRESSES}"),
     ("my secret://x?y", f"is no ledger; {ADDRESSES}"),
     ("mysql://host/db", f'"mysql://host/db" is no ledger; {ADDRESSES}'),
     ("sqlite://path", f'"sqlite://path" is no ledger; {ADDRESSES}'),
     ("sqlite:///", f'"sqlite:///" is no ledger; {ADDRESSES}'),
     ("ledger.db", '"ledger.db" is no ledger; write sqlite:///ledger.db'),
     ("/tmp/y.db", '"/tmp/y.db" is no ledger; write sqlite:////tmp/y.db')],
)  # fmt: skip
def test_an_address_of_another_kind_is_refused_without_a_password(url: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_ledger(url, Path("nowhere"))
    assert str(caught.value) == f"FLOWRUN_LEDGER: {said}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [(None, Path("state/ledger.db")), ("", Path("state/ledger.db")),
     ("sqlite:///own/y.db", Path("own/y.db")), ("sqlite:////tmp/y.db", Path("/tmp/y.db")),
     ("postgresql://me:secret@host/db", None)],
)  # fmt: skip
def test_the_file_of_a_ledger_is_known_before_it_is_opened(
    url: str | None, path: Path | None
) -> None:
    assert path_of(url, Path("state")) == path


def test_a_key_that_is_revoked_takes_no_credits_and_keeps_its_name(address: str) -> None:
    async def work(ledger: Ledger) -> None:
        await fill(ledger, 3)
        await ledger.revoke("ann", now=2.0)
        with pytest.raises(UsageError) as caught:
            await ledger.top_up("ann", UNITS, note="", now=3.0)
        assert str(caught.value) == '"ann" is revoked'
        with pytest.raises(UsageError) as caught:
            await ledger.add(Account("k_2", "ann", "other"), now=3.0)
        assert str(caught.value) == (
            'a key was called "ann" and is revoked: names are not used twice'
        )
        (standing,) = await ledger.standings()
        assert standing.balance_units == 3 * UNITS

    on(address, work)


def test_without_its_client_a_ledger_in_postgresql_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "flowrun.gateway.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError) as caught:
        open_ledger("postgresql://me@host/db", Path("nowhere"))
    assert str(caught.value) == (
        'a ledger in PostgreSQL needs psycopg: python -m pip install "psycopg[binary]>=3.3"'
    )
