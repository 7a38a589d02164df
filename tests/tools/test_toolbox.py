"""The tools of a run: made ready once, shared, refused, and closed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.config import ToolSettings
from flowrun.document.tool import Argument, HttpCall, PythonFunction, ShellCommand, Tool
from flowrun.errors import StepError
from tests.support.mcp_raw import tool
from tests.support.mcp_tooling import ROOT, Listener, box, by_hand, declared, is_running

COMMAND = by_hand([tool("echo"), tool("wait"), tool("environment")])


def plain(name: str, action: PythonFunction | HttpCall | ShellCommand) -> Tool:
    return Tool(name, ("tools", name), action, origin="story.yaml", parameters={"type": "object"})


PYTHON = plain("find", PythonFunction("shop", "find", "shop.py"))
SHELL = plain("where", ShellCommand((Argument("pwd"),)))
HTTP = plain("weather", HttpCall("GET", "http://127.0.0.1:1/"))


@pytest.mark.parametrize("given", [PYTHON, SHELL, declared(command=COMMAND)], ids=lambda t: t.name)
def test_without_leave_nothing_runs_code(tmp_path: Path, given: Tool) -> None:
    (tmp_path / "shop.py").write_text("def find() -> int: return 1\n", "utf-8")

    async def run() -> str:
        async with box(tmp_path, may_execute=False) as toolbox:
            with pytest.raises(StepError) as caught:
                await toolbox.ready(given)
            return str(caught.value)

    told = f'the tool "{given.name}" runs code on this machine, which --no-exec forbids'
    assert asyncio.run(run()) == told


def test_without_leave_the_web_may_still_be_asked(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with box(tmp_path, may_execute=False) as toolbox:
            return list(await toolbox.ready(HTTP))

    assert asyncio.run(run()) == [""]


def test_every_kind_of_tool_is_made_ready_and_works_in_the_folder_of_its_file(
    tmp_path: Path,
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "shop.py").write_text("def find() -> int:\n    return 7\n", "utf-8")

    async def run() -> None:
        async with box(tmp_path) as toolbox:
            find = (await toolbox.ready(replace(PYTHON, folder="inner")))[""]
            assert await find.call({}) == 7
            where = (await toolbox.ready(replace(SHELL, folder="inner")))[""]
            assert str(await where.call({})).strip() == str(inner.resolve())
            docs = await toolbox.ready(replace(declared(command=COMMAND), folder="inner"))
            assert set(docs) == {"echo", "wait", "environment"}

    asyncio.run(run())


def test_a_module_that_never_stops_importing_fails_its_tool_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "gate")
    source = "from pathlib import Path\nPath(__file__).with_name('gate').read_text()\n"
    (tmp_path / "endless.py").write_text(source, "utf-8")
    given = replace(plain("find", PythonFunction("endless", "find", "endless.py")), timeout_s=0.05)

    async def run() -> str:
        async with box(tmp_path) as toolbox:
            with pytest.raises(StepError) as caught:
                await toolbox.ready(given)
            (tmp_path / "gate").write_text("", "utf-8")  # lets it go, and the lock with it
            return str(caught.value)

    told = 'the tool "find": its module could not be imported within 0.05 s'
    assert asyncio.run(run()) == told


def test_a_module_that_interrupts_its_import_fails_its_tool_alone(tmp_path: Path) -> None:
    (tmp_path / "rude.py").write_text("raise KeyboardInterrupt\n", "utf-8")
    given = plain("find", PythonFunction("rude", "find", "rude.py"))

    async def run() -> str:
        async with box(tmp_path) as toolbox:
            with pytest.raises(StepError) as caught:
                await toolbox.ready(given)
            return str(caught.value)

    told = 'the tool "find": the module "rude" cannot be imported: KeyboardInterrupt'
    assert asyncio.run(run()) == told


def test_http_tools_share_a_client_that_is_closed(tmp_path: Path) -> None:
    async def run() -> None:
        async with box(tmp_path, settings=ToolSettings(private=("127.0.0.1",))) as toolbox:
            for name in ("weather", "climate"):
                weather = (await toolbox.ready(replace(HTTP, name=name)))[""]
                with pytest.raises(StepError):
                    await weather.call({})

    asyncio.run(run())


def test_a_tool_is_made_ready_once_and_shared(tmp_path: Path) -> None:
    async def run() -> None:
        given = declared(command=COMMAND)
        async with Listener() as listener, box(tmp_path) as toolbox:
            async with asyncio.TaskGroup() as group:
                found = [group.create_task(toolbox.ready(given)) for _ in range(3)]
            first = found[0].result()
            assert all(each.result()["echo"] is first["echo"] for each in found)
            again = await toolbox.ready(replace(given, path=("tools", "other")))
            assert again is first
            async with asyncio.TaskGroup() as group:
                group.create_task(first["wait"].call({"port": listener.port}))
                server, answer = await listener.heard()
                answer.write(b"go on")
            assert is_running(server)
        assert not is_running(server)

    asyncio.run(run())


def test_tools_of_one_name_in_two_files_are_two(tmp_path: Path) -> None:
    async def run() -> bool:
        given = declared(command=COMMAND)
        async with box(tmp_path) as toolbox:
            one = await toolbox.ready(given)
            two = await toolbox.ready(replace(given, origin="other.yaml"))
            return one["echo"] is two["echo"]

    assert not asyncio.run(run())


def test_a_tool_that_could_not_be_made_ready_is_tried_again(tmp_path: Path) -> None:
    async def run() -> object:
        given = declared(command=("./serve", *COMMAND[1:]))
        async with box(tmp_path) as toolbox:
            with pytest.raises(StepError):
                await toolbox.ready(given)
            (tmp_path / "serve").symlink_to(sys.executable)
            found = await toolbox.ready(given)
            return await found["echo"].call({"text": "here"})

    assert asyncio.run(run()) == "here"


def test_a_variable_that_is_not_allowed_is_refused_before_anything_starts(tmp_path: Path) -> None:
    async def run(given: Tool) -> None:
        async with box(tmp_path, environ={"DOCS_KEY": "k"}) as toolbox:
            await toolbox.ready(given)

    for given in (
        declared(command=COMMAND, env=("DOCS_KEY",)),
        declared(url="https://docs.example.org/mcp", bearer="DOCS_KEY"),
    ):
        with pytest.raises(StepError, match=r'the tool "docs" may not have .* "DOCS_KEY"'):
            asyncio.run(run(given))


def test_a_route_is_no_tool_of_a_toolbox(tmp_path: Path) -> None:
    async def run() -> None:
        async with box(tmp_path) as toolbox:
            await toolbox.ready(Tool("refund", ("tools", "refund")))

    with pytest.raises(ValueError, match=r'the tool "refund" is none that a toolbox makes ready'):
        asyncio.run(run())


_WITHOUT = """
import asyncio, sys
from pathlib import Path
from tests.support.mcp_tooling import box, declared
from flowrun.errors import StepError

sys.modules[{missing!r}] = None

async def run():
    async with box(Path(".")) as toolbox:
        await toolbox.ready(declared(command=("docs-server",)))

try:
    asyncio.run(run())
except StepError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.parametrize("missing", ["mcp", "mcp_types"])
def test_a_missing_package_is_named_with_how_to_get_it(missing: str) -> None:
    words = [sys.executable, "-c", _WITHOUT.format(missing=missing)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    told = 'the tool "docs" needs the package mcp: python -m pip install "mcp>=2.3"'
    assert (done.stdout, done.stderr) == (told, "")


def test_what_is_broken_in_another_package_is_not_called_missing() -> None:
    words = [sys.executable, "-c", _WITHOUT.format(missing="httpx2")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "needs the package" not in done.stdout
    assert "ModuleNotFoundError" in done.stderr


_LOADED = """
import asyncio, sys
from pathlib import Path
from tests.support.mcp_tooling import box

async def run():
    async with box(Path(".")):
        return

asyncio.run(run())
sys.stdout.write(" ".join(each for each in ("mcp", "httpx2", "pydantic") if each in sys.modules))
"""


def test_a_toolbox_loads_nothing_that_is_not_used() -> None:
    words = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{_LOADED}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "mcp" not in done.stdout.split()
