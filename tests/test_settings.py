from __future__ import annotations

from decimal import Decimal

from flowrun.settings import Table


def test_what_is_not_there_is_none_or_empty() -> None:
    faults: list[str] = []
    table = Table({}, "place", faults, known=())
    assert table.text("x") is None
    assert table.whole("x", 1, 2) is None
    assert list(table.numbers(("x",))) == []
    assert list(table.truths(("x",))) == []
    assert table.texts("x") == {}
    assert table.list_of_texts("x") == ()
    assert list(table.tables("x", ())) == []
    assert table.list_of_tables("x", known=()) == []
    assert table.value("x") is None
    assert faults == []


def test_a_part_is_a_table_with_a_place() -> None:
    faults: list[str] = []
    outer = Table({"x": [1, {"a": "b"}]}, "place", faults)
    assert outer.value("x") == [1, {"a": "b"}]
    assert outer.part("x", {"a": "b"}, known=("a",)).text("a") == "b"
    outer.part("x", {"b": 1}, known=("a",))
    assert faults == ['[place.x] "b" is not known: known are a']


def test_what_is_there_is_given() -> None:
    faults: list[str] = []
    data = {"text": "a", "whole": 2, "price": Decimal("0.1"), "yes": True, "rows": [{"text": "b"}]}
    table = Table(data, "", faults)
    assert table.text("text") == "a"
    assert table.whole("whole", 1, 2) == 2
    assert list(table.numbers(("whole", "price"), above=0)) == [
        ("whole", Decimal(2)),
        ("price", Decimal("0.1")),
    ]
    assert list(table.truths(("yes",))) == [("yes", True)]
    assert [row.text("text") for row in table.list_of_tables("rows", known=("text",))] == ["b"]
    assert faults == []


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    faults: list[str] = []
    Table({}, "", faults).fault("is wrong", mend="mend it")
    Table({}, "here", faults).fault("is wrong")
    assert faults == ["is wrong: mend it", "[here] is wrong"]


def test_a_table_that_holds_no_secrets_knows_no_keys() -> None:
    faults: list[str] = []
    Table({"key": 1}, "run", faults, known=("out",))
    assert faults == ['[run] "key" is not known: known are out']
