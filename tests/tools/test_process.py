from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from flowrun.tools.process import Bounds, Command, Ended, run

BOUNDS = Bounds(stdout_bytes=1000, stderr_bytes=50)


def command(folder: Path, program: str, **environment: str) -> Command:
    return Command(sys.executable, (b"-c", program.encode()), folder, environment)


def ended(folder: Path, program: str, stdin: bytes | None = None) -> Ended:
    return asyncio.run(run(command(folder, program), stdin, BOUNDS))


def test_a_process_runs_to_its_end(tmp_path: Path) -> None:
    program = "import sys, os; print(os.getcwd()); print('said', file=sys.stderr); sys.exit(3)"
    expected = Ended(3, f"{tmp_path.resolve()}\n".encode(), b"said\n", is_full=False)
    assert ended(tmp_path, program) == expected


def test_it_is_given_what_stands_on_stdin(tmp_path: Path) -> None:
    program = "import sys; print(len(sys.stdin.read()))"
    assert ended(tmp_path, program, b"x" * 300_000).stdout == b"300000\n"
    assert ended(tmp_path, program).stdout == b"0\n"


def test_what_nobody_reads_is_dropped(tmp_path: Path) -> None:
    assert ended(tmp_path, "", b"x" * 300_000).status == 0


def test_its_environment_is_what_was_said(tmp_path: Path) -> None:
    program = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"
    found = asyncio.run(run(command(tmp_path, program, A="1"), None, BOUNDS))
    assert found.stdout == b"['A']\n"


def test_too_much_ends_it(tmp_path: Path) -> None:
    found = ended(tmp_path, "while True: print('x' * 100, flush=True)")
    assert found.is_full
    assert found.status < 0
    assert len(found.stdout) <= 1000


def test_the_end_of_stderr_is_kept(tmp_path: Path) -> None:
    program = "import sys; sys.stderr.write('x' * 1000 + 'end')"
    assert ended(tmp_path, program).stderr == b"x" * 47 + b"end"


def test_a_signal_is_a_negative_status(tmp_path: Path) -> None:
    assert ended(tmp_path, "import os; os.kill(os.getpid(), 15)").status == -15


def test_what_cannot_be_started_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        asyncio.run(run(Command(str(tmp_path / "none"), (), tmp_path, {}), None, BOUNDS))
    with pytest.raises(OSError, match="Argument list too long"):
        asyncio.run(run(Command(sys.executable, (b"x" * 5_000_000,), tmp_path, {}), None, BOUNDS))


FAMILY = """
import os, signal, time
{before}
child = os.fork()
if child == 0:
    {child}
    with open("pids", "w") as file:
        file.write(f"{{os.getppid()}} {{os.getpid()}}")
    time.sleep(3600)
{after}
"""
"""A program with a child, which tells through a pipe of the folder that both are there."""


def family(folder: Path, *, before: str = "", child: str = "pass", after: str) -> Command:
    os.mkfifo(folder / "pids")
    return command(folder, FAMILY.format(before=before, child=child, after=after))


async def members(folder: Path) -> list[int]:
    """Handles on both processes, as soon as they are there."""
    told = await asyncio.to_thread((folder / "pids").read_text)
    return [os.pidfd_open(int(each)) for each in told.split()]


def are_gone(handles: list[int]) -> bool:
    """Whether the processes end, or have ended."""
    ends = [select.select([each], [], [], 20)[0] for each in handles]
    for each in handles:
        os.close(each)
    return all(ends)


@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
@pytest.mark.parametrize("times", [1, 2])
def test_cancelling_ends_all_that_it_started(tmp_path: Path, before: str, times: int) -> None:
    async def cancel() -> None:
        whole = family(tmp_path, before=before, after="time.sleep(3600)")
        running = asyncio.ensure_future(run(whole, None, BOUNDS))
        handles = await members(tmp_path)
        for _ in range(times):
            running.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(are_gone, handles)

    asyncio.run(cancel())


def test_what_it_left_behind_is_ended(tmp_path: Path) -> None:
    async def leave() -> None:
        whole = family(tmp_path, after="open('go').read(); print('done')")
        os.mkfifo(tmp_path / "go")
        running = asyncio.ensure_future(run(whole, None, BOUNDS))
        handles = await members(tmp_path)
        await asyncio.to_thread((tmp_path / "go").write_text, "go")
        found = await running
        assert (found.status, found.stdout) == (0, b"done\n")
        assert await asyncio.to_thread(are_gone, handles)

    asyncio.run(leave())


def test_what_left_its_session_does_not_hold_us_up(tmp_path: Path) -> None:
    async def leave() -> None:
        whole = family(tmp_path, child="os.setsid()", after="open('go').read(); print('done')")
        os.mkfifo(tmp_path / "go")
        running = asyncio.ensure_future(run(whole, None, BOUNDS))
        handles = await members(tmp_path)
        await asyncio.to_thread((tmp_path / "go").write_text, "go")
        found = await running
        signal.pidfd_send_signal(handles[1], signal.SIGKILL)
        assert found.stdout == b"done\n"
        assert await asyncio.to_thread(are_gone, handles)

    asyncio.run(leave())
