from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from flowrun.providers.weights import SMOLLM2
from tests.cli.command import flowrun, write
from tests.support.endpoint import endpoint
from tests.support.faults import echo_key, hang
from tests.support.replies import unary
from tests.support.wire import Action, Seen

KEY = "sk-a-very-secret-key"


def answers(seen: Seen) -> Iterator[Action]:
    """As the first part of the path says."""
    if seen.path.startswith("/well"):
        yield unary({"data": [{"id": "one"}, {"id": "two"}]})
    elif seen.path.startswith("/lone"):
        yield unary({"data": [{"id": "one"}]})
    elif seen.path.startswith("/hang"):
        yield from hang(seen)
    else:
        yield from echo_key(401)(seen)


def told(out: str) -> Mapping[str, str]:
    """Each line but its first word's, by that word."""
    return {line.split("  ")[0]: line.split("  ", 1)[-1].strip() for line in out.splitlines()}


def configure(url: str, *names: str) -> None:
    host = url.removesuffix("/v1")
    lines = [
        f'[endpoints.{name}]\nbase_url = "{host}/{name}"\nkey_env = "MY_KEY"' for name in names
    ]
    write("flowrun.toml", "\n".join(lines))


def test_what_is_configured_is_told(here: Path) -> None:
    write("flowrun.toml", '[run]\nconcurrency = 3\nstore = "kept"\nout = "made"')
    done = flowrun("doctor", "--offline", env={"FLOWRUN_CONCURRENCY": "5"})
    assert (done.code, done.err) == (0, "")
    found = told(done.out)
    assert found["configuration"] == str(here / "flowrun.toml")
    assert found["answers kept in"] == str(here / "kept")
    assert found["outputs go to"] == str(here / "made")
    assert found["calls at once"] == "5"
    assert sys.executable in found["python"]
    assert found["embedded model"] == "installed"
    assert found["MCP tools"] == "installed"


def test_what_serving_needs_is_told() -> None:
    found = told(flowrun("doctor", "--offline").out)
    path = Path(".flowrun") / "ledger.db"
    assert found["flowrun serve"] == "installed"
    assert found["its ledger"] == f"none yet: flowrun keys add NAME makes {path}"
    assert found["environment"] == "sets nothing"
    assert not path.exists()
    flowrun("keys", "add", "ann")
    found = told(flowrun("doctor", "--offline").out)
    assert found["its ledger"] == f"{path}, 1 key"
    flowrun("keys", "add", "ben")
    assert told(flowrun("doctor", "--offline").out)["its ledger"] == f"{path}, 2 keys"


@pytest.mark.parametrize(
    ("url", "said"),
    [("postgresql://me:s3cret@nowhere/db",
      "in PostgreSQL, by FLOWRUN_LEDGER: flowrun keys list asks it"),
     ("ledger.db", 'FLOWRUN_LEDGER: "ledger.db" is no ledger; write sqlite:///ledger.db'),
     ("sqlite:///bad.db", 'the ledger "bad.db" is damaged: file is not a database')],
)  # fmt: skip
def test_a_ledger_elsewhere_is_told_without_its_password(url: str, said: str) -> None:
    write("bad.db", "no database, and long enough to be looked at" * 50)
    done = flowrun("doctor", "--offline", env={"FLOWRUN_LEDGER": url, "FLOWRUN_KEY_PEPPER": "s3"})
    found = told(done.out)
    assert done.code == 0
    assert found["its ledger"] == said
    assert found["environment"] == "FLOWRUN_LEDGER, FLOWRUN_KEY_PEPPER"
    assert "s3cret" not in done.out


def test_headers_whose_variables_are_not_set_are_named() -> None:
    variables = {"GUMLOOP_API_KEY": KEY, "GUMLOOP_USER_ID": None}
    found = told(flowrun("doctor", "--offline", env=variables).out)
    assert found["headers not sent"] == "x-auth-key of gumloop: GUMLOOP_USER_ID is not set"
    found = told(flowrun("doctor", "--offline", env=variables | {"GUMLOOP_USER_ID": "u"}).out)
    assert "headers not sent" not in found


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("xllamacpp", "mcp", "uvicorn"):
        monkeypatch.setitem(sys.modules, name, None)
    found = told(flowrun("doctor", "--offline").out)
    assert found["embedded model"] == "not installed: xllamacpp"
    assert found["flowrun serve"] == (
        "not installed: uvicorn; from a clone of flowrun, pip install '.[local,serve]'"
    )
    assert found["MCP tools"] == 'not installed: python -m pip install "mcp>=2.3"'


def test_nothing_configured_is_told_too() -> None:
    found = told(flowrun("doctor", "--offline").out)
    assert found["configuration"] == "none: no flowrun.toml here or above"
    assert found["openai"] == "OPENAI_API_KEY: not set      not asked"


@pytest.mark.parametrize("is_there", [False, True])
def test_weights_that_are_not_whole_are_still_to_be_fetched(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRUN_MODELS", str(tmp_path))
    if is_there:
        (tmp_path / SMOLLM2.filename).write_bytes(b"half of it")
    found = told(flowrun("doctor", "--offline").out)["its weights"]
    assert found == f"not fetched yet (once, at the first use); in {tmp_path}"


@pytest.mark.local
def test_weights_that_are_there_are_fetched() -> None:
    if not (Path(os.environ["FLOWRUN_MODELS"]) / SMOLLM2.filename).exists():
        pytest.skip("the weights are not on this machine")
    found = told(flowrun("doctor", "--offline").out)["its weights"]
    assert found.startswith("fetched; in ")


def test_an_endpoint_that_answers_is_well() -> None:
    with endpoint(answers) as server:
        configure(server.url, "well", "lone")
        done = flowrun("doctor", env={"MY_KEY": KEY})
    found = told(done.out)
    assert (done.code, done.err) == (0, "")
    assert found["well"].endswith("yes, 2 models")
    assert found["lone"].endswith("yes, 1 model")
    assert found["gumloop"].endswith("not asked")  # it has no key
    assert KEY not in done.out


def test_an_endpoint_that_refuses_or_hangs_is_1_and_the_others_are_told() -> None:
    with endpoint(answers) as server:
        configure(server.url, "well", "refuses", "hang")
        done = flowrun("doctor", "--patience", "0.3", env={"MY_KEY": KEY})
    found = told(done.out)
    assert (done.code, done.err) == (1, "")
    assert found["well"].endswith("yes, 2 models")
    assert found["hang"].endswith("no, not within 0.3 s")
    assert "no: refuses " in found["refuses"]
    assert "***" in done.out
    assert KEY not in done.out


def test_nobody_is_asked_offline() -> None:
    with endpoint(answers) as server:
        configure(server.url, "well")
        done = flowrun("doctor", "--offline", env={"MY_KEY": KEY})
    assert told(done.out)["well"].endswith("MY_KEY: set                  not asked")
    assert server.seen == []


@pytest.mark.parametrize("said", ["0", "-1", "soon"])
def test_patience_is_a_number_above_0(said: str) -> None:
    done = flowrun("doctor", "--patience", said)
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--patience'" in done.errors[-1]


def test_a_broken_configuration_is_2() -> None:
    write("flowrun.toml", "[run]\nconcurrency = 0\n")
    done = flowrun("doctor")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("[run] concurrency must be a whole number from 1 to 4096\n")


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_the_tables_keep_to_the_width(columns: int) -> None:
    done = flowrun("doctor", "--offline", env={"COLUMNS": str(columns)})
    assert max(map(len, done.out.splitlines())) <= columns
