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


def test_a_column_that_is_whole_is_never_cut() -> None:
    assert table([["a" * 20, "b"]], ["id", ""], 13, whole=["id"]) == f"id\n{'a' * 20}  b\n"


def test_words_of_a_last_column_that_is_whole_are_not_broken() -> None:
    rows = [["a", f"one {'w' * 20} two"]]
    assert table(rows, ["x", "models"], 10, whole=["models"]) == (
        f"x  models\na  one\n   {'w' * 20}\n   two\n"
    )


def test_a_column_of_nothing_is_left_out_where_room_is_short() -> None:
    rows = [["ann", "-", "", "valid"], ["ben", "", "-", "revoked"]]
    headers = ["name", "limit", "note", "state"]
    assert table(rows, headers, 20) == "name  state\nann   valid\nben   revoked\n"
    assert table(rows, headers, 80).startswith("name  limit  note  state\n")


def test_a_table_without_rows_has_its_headers() -> None:
    assert table([], ["model", "state"], 80) == "model  state\n"
    assert table([], ["", ""], 80) == ""
