"""The ledger's databases, each as a place that nobody has used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import CannotStart, Postgres, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server, once for each process of tests."""
    try:
        with postgres() as found:
            yield found
    except CannotStart as error:
        pytest.skip(f"no PostgreSQL: {error}")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new ledger, on each of the databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'money' / 'ledger.db'}"
    found: Postgres = request.getfixturevalue("server")
    return found.new_url()
