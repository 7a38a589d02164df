from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun.cli.interrupt import Interrupts
from flowrun.errors import ExitCode
from flowrun.providers.fake import Held
from flowrun.run.execution import Execution
from tests.support import virtual_time
from tests.support.running import Models, Run, Stage, plan_of, until

TWO = """
    inputs: {words: {type: array, items: {type: string}, default: [a, b]}}
    steps:
      one: {model: m, foreach: inputs.words, prompt: "{{ item }}"}
      two: {model: m, prompt: "{{ one | length }}"}
"""


def interrupted(
    after: Callable[[Interrupts, asyncio.Event], object], calls: int, tmp_path: Path
) -> tuple[Run, ExitCode | None]:
    """A run whose calls wait for an event, and what came of it; `after` acts once they wait."""

    async def main() -> tuple[Run, ExitCode | None]:
        answered = asyncio.Event()
        interrupts = Interrupts()
        models = Models(lambda _: Held(answered, "said"))
        stage = Stage(models=models, out=tmp_path, on_start=interrupts.watch)
        words = [str(number) for number in range(calls)]
        with interrupts:
            async with asyncio.TaskGroup() as group:
                run = group.create_task(stage.go(plan_of(TWO), {"words": words}))
                await until(lambda: models.fake.in_flight == calls)
                await until(lambda: bool(after(interrupts, answered)))
            return run.result(), interrupts.exit_code

    return virtual_time.run(main())


def signalled(number: signal.Signals) -> Callable[[Interrupts, asyncio.Event], object]:
    """Sends the signal once, and waits until it was heard."""

    def after(interrupts: Interrupts, _: asyncio.Event) -> object:
        if interrupts.exit_code is None:
            os.kill(os.getpid(), number)
        return interrupts.exit_code is not None

    return after


@pytest.mark.parametrize(
    ("calls", "said"),
    [(1, "1 call under way gets 30 s to finish, being paid for; once more drops it"),
     (3, "3 calls under way get 30 s to finish, being paid for; once more drops them")],
)  # fmt: skip
def test_once_lets_calls_under_way_finish(
    calls: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def after(interrupts: Interrupts, answered: asyncio.Event) -> object:
        if signalled(signal.SIGINT)(interrupts, answered):
            answered.set()
        return answered.is_set()

    run, code = interrupted(after, calls, tmp_path)
    assert code == ExitCode.INTERRUPTED
    assert run.result.status == "interrupted"
    assert run.statuses == {"one": "done", "two": "cancelled"}
    assert capsys.readouterr().err == f"\nstopping: {said}\n"


def test_twice_drops_them(tmp_path: Path) -> None:
    sent: list[int] = []

    def after(interrupts: Interrupts, _: asyncio.Event) -> object:
        if not sent or interrupts.exit_code is not None:
            os.kill(os.getpid(), signal.SIGINT)
            sent.append(1)
        return len(sent) == 2

    run, code = interrupted(after, 1, tmp_path)
    assert code == ExitCode.INTERRUPTED
    assert run.statuses == {"one": "cancelled", "two": "cancelled"}


@pytest.mark.parametrize(
    ("number", "expected", "seconds"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, 30.0),
        (signal.SIGTERM, ExitCode.TERMINATED, 5.0),
        (signal.SIGHUP, ExitCode.TERMINATED, 5.0),
    ],
)
def test_patience_with_calls_under_way_ends(
    number: signal.Signals,
    expected: ExitCode,
    seconds: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, code = interrupted(signalled(number), 2, tmp_path)
    assert code == expected
    assert run.statuses == {"one": "cancelled", "two": "cancelled"}
    assert f"get {seconds:g} s to finish" in capsys.readouterr().err


def test_signals_are_as_before_once_it_is_over(tmp_path: Path) -> None:
    interrupted(signalled(signal.SIGINT), 1, tmp_path)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_nothing_under_way_needs_no_patience(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = """
        inputs: {words: {type: array}}
        steps:
          one: {foreach: inputs.words, value: "{{ item }}"}
    """

    async def main() -> tuple[Run, ExitCode | None]:
        with Interrupts() as interrupts:

            def begin(execution: Execution) -> None:
                interrupts.watch(execution)
                os.kill(os.getpid(), signal.SIGINT)

            stage = Stage(out=tmp_path, on_start=begin)
            run = await stage.go(plan_of(many), {"words": list(range(5_000))})
        return run, interrupts.exit_code

    run, code = asyncio.run(main())
    assert code == ExitCode.INTERRUPTED
    assert (run.result.status, run.statuses) == ("interrupted", {"one": "cancelled"})
    assert capsys.readouterr().err == ""


def test_no_run_no_signals() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert signal.getsignal(signal.SIGINT) == before
    assert interrupts.exit_code is None


def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    def after(_: Interrupts, answered: asyncio.Event) -> object:
        os.kill(os.getpid(), signal.SIGHUP)
        answered.set()
        return True

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run, code = interrupted(after, 2, tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (run.result.status, code) == ("done", None)
