from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from flowrun.gateway.auth import Keyring, read_pepper
from flowrun.gateway.base import Account
from flowrun.gateway.ledger import open_ledger
from tests.cli.command import flowrun

STATE = Path(".flowrun")


def who(key: str) -> Account:
    """The account that the gateway finds for a key."""

    async def work() -> Account:
        ledger = open_ledger(None, STATE)
        try:
            keyring = Keyring(ledger, read_pepper(STATE, {}), now=time.monotonic)
            return await keyring.account(f"Bearer {key}")
        finally:
            await ledger.aclose()

    return asyncio.run(work())


def test_a_key_is_printed_once_and_works() -> None:
    done = flowrun(
        "keys", "add", "ann", "--credits", "12.5", "--requests-per-minute", "60",
        "--max-in-flight", "4",
    )  # fmt: skip
    assert done.code == 0
    assert re.fullmatch(r"fr-[A-Za-z0-9_-]{43}\n", done.out)
    account = who(done.out.strip())
    assert done.err == (f'the key "ann" ({account.id}) has 12.5 credits; it is not shown again\n')
    assert re.fullmatch(r"k_[0-9a-f]{12}", account.id)
    limits = (account.requests_per_minute, account.max_in_flight)
    assert (account.name, limits) == ("ann", (60, 4))
    listed = flowrun("keys", "list")
    assert done.out.strip() not in listed.out + listed.err


def test_the_list_shows_what_is_on_each_key() -> None:
    flowrun("keys", "add", "ann", "--credits", "12.5")
    flowrun("keys", "add", "ben", "--max-in-flight", "4")
    flowrun("keys", "revoke", "ben")
    head, ann, ben = (line.split() for line in flowrun("keys", "list").out.splitlines())
    assert head == ["name", "id", "credits", "set", "aside", "requests", "a", "minute", "at",
                    "once", "made", "state"]  # fmt: skip
    assert (ann[0], *ann[2:6], ann[7]) == ("ann", "12.5", "0", "-", "-", "valid")
    assert (ben[0], *ben[2:6], ben[7]) == ("ben", "0", "0", "-", "4", "revoked")
    found = json.loads(flowrun("keys", "list", "--json").out)
    assert [(each["name"], each["credits"], each["is_revoked"]) for each in found] == [
        ("ann", "12.5", False), ("ben", "0", True),
    ]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found[0]["created"])


def test_in_a_narrow_window_nothing_of_a_key_is_cut() -> None:
    name = "a-key-with-a-name-of-its-own"
    flowrun("keys", "add", name, "--credits", "1234567.654321")
    (row,) = json.loads(flowrun("keys", "list", "--json").out)
    shown = flowrun("keys", "list", env={"COLUMNS": "60"}).out.splitlines()
    assert shown[0].split() == ["name", "id", "credits", "set", "aside", "made", "state"]
    assert shown[1].split() == [
        name, row["id"], "1234567.654321", "0", row["created"][:10], "valid"
    ]  # fmt: skip


def test_one_credit_is_one() -> None:
    assert "has 1 credit; " in flowrun("keys", "add", "ann", "--credits", "1").err
    assert flowrun("keys", "topup", "ann", "1").err == 'the key "ann" has 2 credits\n'
    done = flowrun("keys", "topup", "ann", "-3")
    assert done.err == 'flowrun: "ann" has 2 credits free: 3 cannot be taken\n'


def test_a_revoked_key_stays_as_it_is() -> None:
    flowrun("keys", "add", "ann")
    flowrun("keys", "revoke", "ann")
    done = flowrun("keys", "topup", "ann", "5")
    assert (done.code, done.err) == (2, 'flowrun: "ann" is revoked\n')
    done = flowrun("keys", "add", "ann")
    said = 'a key was called "ann" and is revoked: names are not used twice'
    assert (done.code, done.out, done.err) == (2, "", f"flowrun: {said}\n")


def test_a_plain_path_is_told_as_an_address() -> None:
    done = flowrun("keys", "list", env={"FLOWRUN_LEDGER": "/tmp/y.db"})
    said = 'FLOWRUN_LEDGER: "/tmp/y.db" is no ledger; write sqlite:////tmp/y.db'
    assert (done.code, done.err) == (2, f"flowrun: {said}\n")


def test_no_keys_are_none() -> None:
    done = flowrun("keys", "list")
    assert (done.code, done.out) == (0, "")
    assert done.err == "there are no keys: flowrun keys add NAME makes one\n"
    assert json.loads(flowrun("keys", "list", "--json").out) == []


def test_credits_are_put_on_and_taken_off() -> None:
    flowrun("keys", "add", "ann")
    done = flowrun("keys", "topup", "ann", "250", "--note", "October")
    assert (done.code, done.out, done.err) == (0, "", 'the key "ann" has 250 credits\n')
    done = flowrun("keys", "topup", "ann", "-0.000001")
    assert (done.code, done.err) == (0, 'the key "ann" has 249.999999 credits\n')
    done = flowrun("keys", "topup", "ann", "-300")
    assert (done.code, done.err) == (
        2, 'flowrun: "ann" has 249.999999 credits free: 300 cannot be taken\n',
    )  # fmt: skip


def test_a_revoked_key_is_told_by_its_name_or_id() -> None:
    flowrun("keys", "add", "ann")
    (row,) = json.loads(flowrun("keys", "list", "--json").out)
    done = flowrun("keys", "revoke", row["id"])
    assert (done.code, done.out, done.err) == (0, "", f'the key "{row["id"]}" is revoked\n')
    assert json.loads(flowrun("keys", "list", "--json").out)[0]["is_revoked"]


@pytest.mark.parametrize(
    "credits", ["much", "1.0000001", "nan", "inf", "1e-7", "1e9999999", "-x", ""]
)
def test_what_is_no_amount_is_refused(credits: str) -> None:
    flowrun("keys", "add", "ann")
    done = flowrun("keys", "topup", "ann", credits)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f'flowrun: "{credits}" is no number of credits: write digits, '
        "and a point with six more at most, as in 250 or 0.5\n"
    )


def test_a_key_with_less_than_nothing_is_not_made() -> None:
    done = flowrun("keys", "add", "ann", "--credits=-5")
    assert (done.code, done.err) == (2, "flowrun: --credits -5 is less than nothing\n")
    assert json.loads(flowrun("keys", "list", "--json").out) == []


@pytest.mark.parametrize("name", ["", " ann", "k_1", "a\x1bb", "n" * 65])
def test_a_name_is_plain(name: str) -> None:
    done = flowrun("keys", "add", name)
    assert (done.code, done.out) == (2, "")
    assert " is no name for a key: use up to 64 characters" in done.err


def test_a_name_is_given_once() -> None:
    flowrun("keys", "add", "ann")
    done = flowrun("keys", "add", "ann")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'flowrun: a key is called "ann" already: choose another name\n'


@pytest.mark.parametrize("words", [["revoke", "anne"], ["topup", "anne", "5"]])
def test_an_unknown_key_names_the_nearest(words: list[str]) -> None:
    flowrun("keys", "add", "ann")
    done = flowrun("keys", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == 'flowrun: no key is called "anne"; did you mean ann?\n'


def test_the_environment_says_where_the_ledger_is(tmp_path: Path) -> None:
    env = {"FLOWRUN_LEDGER": f"sqlite:///{tmp_path / 'own' / 'money.db'}"}
    assert flowrun("keys", "add", "ann", env=env).code == 0
    assert [each.name for each in (tmp_path / "own").iterdir()] == ["money.db"]
    assert [each.name for each in STATE.iterdir() if "ledger" in each.name] == []
    assert json.loads(flowrun("keys", "list", "--json").out) == []


def test_an_address_that_is_none_is_said_without_its_password() -> None:
    done = flowrun("keys", "list", env={"FLOWRUN_LEDGER": "mysql://me:s3cret@host/db"})
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith('flowrun: FLOWRUN_LEDGER: "mysql:" is no ledger; ')
    assert "s3cret" not in done.err


def test_a_damaged_ledger_is_said() -> None:
    STATE.mkdir()
    (STATE / "ledger.db").write_bytes(b"no database, and long enough to be looked at" * 50)
    done = flowrun("keys", "list")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r'flowrun: the ledger ".*ledger\.db" is damaged: .*\n', done.err)


def test_the_verbs_are_listed_in_whole_sentences() -> None:
    told = flowrun("keys", "--help", env={"COLUMNS": "60"}).out
    for line in ("Make a key; it is shown once.", "End a key; its entries stay."):
        assert f"  {line}\n" in told


@pytest.mark.parametrize("word", ["add", "list", "revoke", "topup"])
def test_each_has_a_help(word: str) -> None:
    done = flowrun("keys", word, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: flowrun keys {word} ")
