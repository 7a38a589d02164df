"""What the server writes of completions, and what never."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.gateway.faults import Fault
from flowrun.gateway.log import LOG_KINDS, Ended, Log, LogKind, to_stderr
from tests.support.asgi import Got, asking
from tests.support.endpoint import endpoint
from tests.support.serving import gateway, openai_at

AT = "1970-01-01T00:00:00Z "


def logged(
    folder: Path, body: object, kind: LogKind = "faults", *, text: str = "", **how: Any
) -> tuple[Got, list[str]]:
    """An answer, and the lines that are written of it."""
    lines: list[str] = []

    async def main() -> Got:
        log = Log(kind, write=lines.append, now=lambda: 0.0)
        async with gateway(folder, text, log=log, credits=how.pop("credits", None)) as served:
            return await served.ask(body, {"x-request-id": "r-1"}, **how)

    return asyncio.run(main()), lines


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_fails_has_a_line_and_an_answer_none(tmp_path: Path, stream: bool) -> None:
    text = openai_at("http://127.0.0.1:1/v1")
    got, (line,) = logged(tmp_path, asking("mine/m", "a secret", stream=stream), text=text)
    assert got.error["message"] == "mine cannot be reached"
    assert line.startswith(f"{AT}502 mine/m ")
    assert "key=open id=r-1 mine cannot be reached at http://127.0.0.1:1/v1: " in line
    assert "secret" not in line
    assert logged(tmp_path, asking(stream=stream))[1] == []


def test_a_refusal_of_a_provider_has_a_line(tmp_path: Path) -> None:
    with endpoint() as server:
        got, (line,) = logged(tmp_path, asking("mine/chaos-400"), text=openai_at(server.url))
    assert got.status == 400
    assert line.startswith(f"{AT}400 mine/chaos-400 ")


def test_a_price_that_is_missing_is_told_to_the_owner_with_the_mend(tmp_path: Path) -> None:
    text = openai_at("http://127.0.0.1:1/v1")
    got, (line,) = logged(tmp_path, asking("mine/m"), text=text, credits=5)
    assert got.error["message"] == "the price of mine/m is unknown to this server"
    assert "key=test id=r-1 the price of mine/m is unknown to this server: " in line
    assert 'write [prices."mine/m"]' in line


def test_a_key_that_is_missing_is_named_to_the_owner_alone(tmp_path: Path) -> None:
    got, (line,) = logged(tmp_path, asking("openai/gpt-x"))
    assert got.error["message"] == (
        "this server has no key of openai; send yours in x-provider-key"
    )
    assert "OPENAI_API_KEY" in line


def test_a_fault_of_the_caller_has_a_line_only_where_all_have(tmp_path: Path) -> None:
    wrong = asking("fake/echo", temperature=9)
    assert logged(tmp_path, wrong)[1] == []
    (line,) = logged(tmp_path, wrong, "all")[1]
    assert line.startswith(f"{AT}400 - ")
    (line,) = logged(tmp_path, asking(), "all")[1]
    assert line.startswith(f"{AT}200 fake/echo ")
    assert line.endswith(" key=open id=r-1")


def test_nothing_is_written_where_nothing_is_wanted(tmp_path: Path) -> None:
    text = openai_at("http://127.0.0.1:1/v1")
    assert logged(tmp_path, asking("mine/m"), "none", text=text)[1] == []


def test_a_line_is_one_line_that_can_be_printed() -> None:
    lines: list[str] = []
    fault = Fault(502, "a\nb\x1b[1m" + "c" * 5000, code="x")
    Log(write=lines.append, now=lambda: 0.0).ended(Ended(502, "m" * 500, 0.25, "", "i", fault))
    (line,) = lines
    assert line.isprintable()
    assert len(line) < 700
    assert "… 0.250s key=- id=i a b [1mccc" in line


@pytest.fixture
def loggers() -> Iterator[None]:
    names = ("uvicorn.error", "flowrun.gateway", "asyncio")
    kept = [(each, each.handlers, each.propagate) for each in map(logging.getLogger, names)]
    yield
    for logger, handlers, propagate in kept:
        logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.usefixtures("loggers")
def test_warnings_of_libraries_are_plain_lines() -> None:
    lines: list[str] = []
    Log("none", write=lines.append, now=lambda: 0.0).hear()
    logger = logging.getLogger("uvicorn.error")
    logger.info("nothing of this")
    logger.warning("Invalid\nHTTP request received.")
    try:
        raise ValueError("what somebody sent")
    except ValueError as error:
        logger.error("Exception in ASGI application\n", exc_info=error)
    assert lines == [
        f"{AT}warning Invalid HTTP request received.",
        f"{AT}error Exception in ASGI application : ValueError",
    ]


def test_a_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr("a line")
    assert capsys.readouterr().err == "a line\n"
    assert LOG_KINDS == ("none", "faults", "all")
