from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.gateway.base import UNITS, Account, Charge, Hold
from flowrun.gateway.ledger import open_ledger
from tests.cli.command import flowrun

DAY = 86_400.0
CALLS = [
    ("ann", 0.0, Charge(UNITS // 2, "m/one", "done", {"input_tokens": 10, "output_tokens": 3},
                        cost_usd=Decimal("0.0050"))),
    ("ann", DAY - 1, Charge(UNITS, "m/two", "done", images=1)),
    ("ben", DAY, Charge(2 * UNITS, "m/one", "cut", {"input_tokens": 5})),
]  # fmt: skip


@pytest.fixture
def _used() -> None:
    """Three calls with two keys, on two days."""

    async def work() -> None:
        ledger = open_ledger(None, Path(".flowrun"))
        for name in ("ann", "ben"):
            await ledger.add(Account(f"k_{name}", name, name), now=0.0)
            await ledger.top_up(name, 100 * UNITS, note="", now=0.0)
        for number, (name, at, charge) in enumerate(CALLS):
            assert await ledger.reserve(Hold(str(number), f"k_{name}", UNITS, DAY))
            await ledger.settle(str(number), charge, now=at)
        await ledger.aclose()

    asyncio.run(work())


@pytest.mark.usefixtures("_used")
def test_it_is_told_by_key_and_model() -> None:
    done = flowrun("usage")
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["key", "model", "calls", "prompt", "output", "images", "credits", "dollars"],
        ["ann", "m/one", "1", "10", "3", "0", "0.5", "0.005"],
        ["ann", "m/two", "1", "0", "0", "1", "1", "0"],
        ["ben", "m/one", "1", "5", "0", "0", "2", "0"],
        ["total", "3", "15", "3", "1", "3.5", "0.005"],
    ]


@pytest.mark.usefixtures("_used")
def test_it_is_told_by_what_is_asked_for() -> None:
    rows = json.loads(flowrun("usage", "--by", "day, model,day", "--json").out)
    assert [(list(each)[:2], each["day"], each["model"], each["credits"]) for each in rows] == [
        (["day", "model"], "1970-01-01", "m/one", "0.5"),
        (["day", "model"], "1970-01-01", "m/two", "1"),
        (["day", "model"], "1970-01-02", "m/one", "2"),
    ]
    assert json.loads(flowrun("usage", "--by", "", "--json").out) == [
        {"calls": 3, "prompt_tokens": 15, "output_tokens": 3, "images": 1, "credits": "3.5",
         "cost_usd": "0.005"},
    ]  # fmt: skip
    assert len(flowrun("usage", "--by", "").out.splitlines()) == 2


@pytest.mark.usefixtures("_used")
@pytest.mark.parametrize(
    ("words", "names"),
    [(["--since", "1970-01-02"], ["ben"]), (["--until", "1970-01-01"], ["ann"]),
     (["--since", "1970-01-01", "--until", "1970-01-02"], ["ann", "ben"])],
)  # fmt: skip
def test_days_are_whole_and_utc(words: list[str], names: list[str]) -> None:
    rows = json.loads(flowrun("usage", "--by", "key", "--json", *words).out)
    assert [each["key"] for each in rows] == names


@pytest.mark.usefixtures("_used")
def test_one_day_is_a_span() -> None:
    rows = json.loads(
        flowrun("usage", "--since", "1970-01-02", "--until", "1970-01-02", "--json").out
    )
    assert [each["key"] for each in rows] == ["ben"]


@pytest.mark.usefixtures("_used")
def test_in_a_narrow_window_no_name_is_cut() -> None:
    wide = flowrun("usage", "--by", "key,model,day").out
    narrow = flowrun("usage", "--by", "key,model,day", env={"COLUMNS": "20"}).out
    assert narrow == wide


def test_nothing_is_said() -> None:
    done = flowrun("usage")
    assert (done.code, done.out, done.err) == (0, "", "nothing was used with a key\n")
    assert json.loads(flowrun("usage", "--json").out) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--since", "2026-11-03", "--until", "2026-11-02"],
      "--since 2026-11-03 is after --until 2026-11-02"),
     (["--by", "modle"], '--by: "modle" is no group; did you mean model?'),
     (["--by", "x"], '--by: "x" is no group; known are key, model, day'),
     (["--since", "today"], '--since: "today" is no day: write it as 2026-10-31'),
     (["--until", "9999-12-31"], '--until: "9999-12-31" is no day: write it as 2026-10-31')],
)  # fmt: skip
def test_what_cannot_be_read_is_2(words: list[str], message: str) -> None:
    done = flowrun("usage", *words)
    assert (done.code, done.out, done.err) == (2, "", f"flowrun: {message}\n")
