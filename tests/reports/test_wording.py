from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.reports.wording import countdown, counted, duration, money, nearby, size


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-0.2, "0.0 s"),
        (0.04, "0.0 s"),
        (1.25, "1.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00 min"),
        (65.4, "1:05 min"),
        (3599.7, "1:00:00 h"),
        (3723, "1:02:03 h"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-1, "0 s"), (2.1, "3 s"), (59, "59 s"), (61.2, "1:02 min")]
)
def test_countdown_rounds_up(seconds: float, expected: str) -> None:
    assert countdown(seconds) == expected


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        ("0", "$0"),
        ("0.00009", "<$0.0001"),
        ("0.0042", "$0.0042"),
        ("0.99999", "$1.00"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_money(usd: str, expected: str) -> None:
    assert money(Decimal(usd)) == expected


def test_counted_knows_the_plural() -> None:
    assert [counted(count, "step") for count in (0, 1, 1200)] == [
        "0 steps",
        "1 step",
        "1,200 steps",
    ]


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (2_500_000_000_000, "2,500.0 GB"),
    ],
)
def test_size(size_bytes: int, expected: str) -> None:
    assert size(size_bytes) == expected


def test_a_path_under_the_current_folder_is_said_as_one_would_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearby(f"{tmp_path}/out/a.png") == "out/a.png"
    assert nearby(f"{tmp_path}x/a.png") == f"{tmp_path}x/a.png"


def test_a_path_stays_whole_where_the_current_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert nearby(f"{gone}/a.png") == f"{gone}/a.png"
