"""`flowrun serve` as a process: what it says, whom it answers, and how it ends."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowrun.gateway.auth import fingerprint, new_key, read_pepper
from flowrun.gateway.base import UNITS, Account
from flowrun.gateway.ledger import open_ledger
from tests.cli.command import COMMAND, flowrun
from tests.support.asgi import asking
from tests.support.endpoint import endpoint
from tests.support.replies import STREAM_HEAD, event, piece
from tests.support.serving import openai_at, priced
from tests.support.wire import Action, End, Seen, chunk


class Serving:
    """A process that serves; `said` are the lines that it greeted with."""

    def __init__(self, process: subprocess.Popen[str], said: list[str]) -> None:
        self.process = process
        self.said = said
        found = re.fullmatch(r"flowrun serves at http://127\.0\.0\.1:(\d+)/v1", said[0])
        assert found is not None, said
        self.port = int(found[1])

    def open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, body: object, **headers: str) -> tuple[int, Any]:
        connection = self.open()
        head = {"content-type": "application/json", **headers}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), head)
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def serving(folder: Path, text: str = "", *words: str) -> Iterator[Serving]:
    """`flowrun serve` at any free port, under that flowrun.toml."""
    (folder / "flowrun.toml").write_text(text)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *words],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        yield Serving(process, [process.stderr.readline().rstrip("\n") for _ in range(4)])
    finally:
        process.kill()
        process.wait(30)
        process.stderr.close()


def with_key(folder: Path, credits: int) -> str:
    """A key in the ledger of that folder."""

    async def main() -> str:
        state = folder / ".flowrun"
        ledger, key = open_ledger(None, state), new_key()
        account = Account("k_1", "mine", fingerprint(key, read_pepper(state, {})))
        await ledger.add(account, now=1.0)
        await ledger.top_up("mine", credits * UNITS, note="", now=1.0)
        await ledger.aclose()
        return key

    return asyncio.run(main())


def left(folder: Path) -> tuple[int, int]:
    """The balance and what is held, in units."""

    async def main() -> tuple[int, int]:
        ledger = open_ledger(None, folder / ".flowrun")
        (standing,) = await ledger.standings()
        await ledger.aclose()
        return standing.balance_units, standing.held_units

    return asyncio.run(main())


def test_it_says_where_and_for_whom_it_serves(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.said[1] == (
            "no key is needed, and only this machine is answered: flowrun keys add NAME makes one"
        )
        assert server.said[2] == "asks: local"
        assert server.said[3].startswith(f"try:  curl http://127.0.0.1:{server.port}/v1/")
        status, body = server.ask(asking(text="Hello."))
        assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello.")
        assert server.stop() == 0


def test_with_keys_it_says_so_and_asks_for_one(tmp_path: Path) -> None:
    key = with_key(tmp_path, 1)
    with serving(tmp_path) as server:
        assert server.said[1] == "a key is needed: flowrun keys add NAME makes one"
        assert "$FLOWRUN_KEY" in server.said[3]
        assert server.ask(asking())[0] == 401
        assert server.ask(asking(), authorization=f"Bearer {key}")[0] == 200
        assert server.stop() == 0


def test_a_completion_that_failed_has_a_line(tmp_path: Path) -> None:
    text = openai_at("http://127.0.0.1:1/v1")
    with serving(tmp_path, text) as server:
        assert server.ask(asking())[0] == 200
        assert server.ask(asking("mine/m"))[0] == 502
        assert server.process.stderr is not None
        line = server.process.stderr.readline()
        assert server.stop() == 0
    assert re.match(r"\S+Z 502 mine/m [\d.]+s key=open id=\w+ mine cannot be reached at ", line)


def test_every_completion_has_a_line_where_that_is_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, "", "--log", "all") as server:
        assert server.ask(asking())[0] == 200
        assert server.process.stderr is not None
        line = server.process.stderr.readline()
        assert server.stop() == 0
    assert re.match(r"\S+Z 200 fake/echo ", line)


def test_another_host_needs_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = flowrun("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 2
    assert done.err == (
        "flowrun: without keys only this machine may be answered, not 0.0.0.0: "
        "make one by `flowrun keys add NAME`, or leave out --host\n"
    )


def test_a_port_in_use_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with endpoint() as other:
        port = other.url.rpartition(":")[2].removesuffix("/v1")
        done = flowrun("serve", "--port", port)
    assert (done.code, done.err.startswith(f"flowrun: cannot listen on 127.0.0.1:{port}")) == (
        2,
        True,
    )


@pytest.mark.parametrize("library", ["starlette", "uvicorn", "prometheus_client"])
def test_a_missing_extra_is_said_with_how_to_install_it(tmp_path: Path, library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = ['serve', '--port', '0']; "
        "from flowrun.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"flowrun: flowrun serve needs {library}")
    assert done.stderr.endswith("from a clone of flowrun, run `pip install '.[local,serve]'`\n")


def _begun(seen: Seen) -> Iterator[Action]:
    yield STREAM_HEAD
    yield chunk(event(piece(seen, {"content": "Half an answer"})))
    yield End.HANG


def _until(condition: Callable[[], bool]) -> None:
    """Returns when another process has got so far."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("stream", [False, True])
def test_pitfall_38_a_caller_who_hangs_up_ends_the_call_upstream(
    tmp_path: Path, stream: bool
) -> None:
    key = with_key(tmp_path, 100)
    with endpoint(_begun) as upstream:
        text = openai_at(upstream.url) + priced("mine/m", "100", "100")
        with serving(tmp_path, text) as server:
            connection = server.open()
            head = {"content-type": "application/json", "authorization": f"Bearer {key}"}
            body = json.dumps(asking("mine/m", stream=stream))
            connection.request("POST", "/v1/chat/completions", body, head)
            if stream:
                response = connection.getresponse()
                assert b"Half" in response.readline()
                response.close()
            else:
                _until(lambda: len(upstream.seen) == 1)
            connection.close()
            _until(lambda: upstream.seen[0].gone_at is not None)
            assert server.stop() == 0
    balance, held = left(tmp_path)
    assert held == 0
    assert balance < 100 * UNITS, "who hangs up pays for what had come of it"


def test_pitfall_28_the_openai_client_raises_where_a_stream_breaks_off(tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    with endpoint() as upstream, serving(tmp_path, openai_at(upstream.url)) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        client = openai.OpenAI(base_url=url, api_key="unused", max_retries=0)
        said = client.chat.completions.create(**asking("mine/chaos-error-chunk", stream=True))
        with pytest.raises(openai.APIError):
            list(said)
        client.close()


def test_a_term_tells_those_whose_answers_still_run(tmp_path: Path) -> None:
    with endpoint(_begun) as upstream:
        text = openai_at(upstream.url) + "[serve]\ndrain = 0.1\n"
        with serving(tmp_path, text) as server:
            connection = server.open()
            head = {"content-type": "application/json"}
            body = json.dumps(asking("mine/m", stream=True))
            connection.request("POST", "/v1/chat/completions", body, head)
            response = connection.getresponse()
            assert b"Half" in response.readline()
            assert server.stop() == 0
            rest = response.read()
            connection.close()
    assert b'"code":503' in rest
    assert rest.endswith(b"data: [DONE]\n\n")
