from __future__ import annotations

from flowrun.reports.tables import table

ROWS = [["local/small", "ready"], ["自転車", "no key: set the variable X_API_KEY"]]


def test_columns_are_aligned() -> None:
    assert table(ROWS, ["model", "state"], 80) == (
        "model        state\nlocal/small  ready\n自転車       no key: set the variable X_API_KEY\n"
    )


def test_the_widest_column_gives_way_and_the_last_is_broken() -> None:
    assert table(ROWS, ["model", "state"], 30) == (
        "model        state\n"
        "local/small  ready\n"
        "自転車       no key: set the\n"
        "             variable\n"
        "             X_API_KEY\n"
    )


def test_other_columns_are_cut() -> None:
    assert table([["a" * 20, "b"]], ["", ""], 13) == "aaaaaaaaa…  b\n"


def test_a_few_characters_of_each_column_stay() -> None:
    assert table([["a" * 20, "b" * 9]], ["", ""], 3) == "aaaaaaa…  bbbbbbbb\n          b\n"


def test_a_table_without_rows_has_its_headers() -> None:
    assert table([], ["model", "state"], 80) == "model  state\n"
    assert table([], ["", ""], 80) == ""
