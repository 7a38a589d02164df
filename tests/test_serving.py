from pathlib import Path

import pytest

from flowrun.config import read
from flowrun.errors import UsageError
from flowrun.serving import Serving

WHERE = Path("/project/flowrun.toml")


def serving(text: str) -> Serving:
    found = read(text, WHERE).serving
    assert found is not None
    return found


def test_a_file_without_its_tables_says_nothing() -> None:
    assert read("[run]\nconcurrency = 2\n", WHERE).serving is None


def test_an_empty_table_has_the_usual_values() -> None:
    assert serving("[serve]\n") == Serving()


def test_the_tables_of_the_docstring_are_read() -> None:
    import flowrun.serving

    text = (flowrun.serving.__doc__ or "").split("\n\n", 1)[1].rsplit("\n\n", 1)[0]
    found = serving("\n".join(line.removeprefix("    ") for line in text.splitlines()))
    assert (found.serve.port, found.serve.zdr, found.serve.max_in_flight) == (8600, True, 64)
    assert found.serve.private == ("10.0.0.7:8080",)
    assert (str(found.credits.usd_per_credit), found.credits.digits) == ("0.01", 4)
    assert (found.auto.judge, found.auto.long_characters) == ("fastest", 12_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nport = 70000", "[serve] port must be a whole number from 0 to 65535"),
        ("[serve]\nspeed = 1", '[serve] "speed" is not known: known are '),
        ("[serve]\ndrain = 0", "[serve] drain must be"),
        (
            '[serve]\ndata_collection = "some"',
            '[serve] data_collection "some" is not known: write "allow" or "deny"',
        ),
        (
            '[credits]\nunknown_price = "guess"',
            '[credits] unknown_price "guess" is not known: write "refuse" or "free"',
        ),
        ("[credits]\nusd_per_credit = 0", "[credits] usd_per_credit must be"),
        ("[auto]\nlong = 0", "[auto] long must be a whole number from 1"),
    ],
)
def test_a_fault_is_told_by_its_table(text: str, said: str) -> None:
    with pytest.raises(UsageError) as fault:
        read(text, WHERE)
    assert str(fault.value).startswith(f"{WHERE}: {said}")
