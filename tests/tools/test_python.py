from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.errors import ToolError
from flowrun.tools.python import PythonTool, python_tool
from tests.support.declared import python

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def tool(folder: Path, source: str, *, name: str, **more: Any) -> PythonTool:
    """A tool of the function `f` of a new module, whose name no other test may use."""
    (folder / f"{name}.py").write_text(source)
    return python_tool(python(f"{name}:f", file=f"{name}.py", **more), folder)


def call(made: PythonTool, **arguments: Any) -> object:
    return asyncio.run(made.call(arguments))


def test_a_function_is_a_tool(tmp_path: Path) -> None:
    source = '''
def f(a: int, b: int = 2) -> int:
    """Adds.

    :param a: One number.
    """
    return a + b
'''
    made = tool(tmp_path, source, name="adds", is_pure=True, timeout_s=3)
    facts = made.facts
    assert (facts.definition.name, facts.definition.description) == ("tool", "Adds.")
    assert facts.definition.parameters == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "One number."},
            "b": {"type": "integer", "default": 2},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    assert (facts.is_pure, facts.timeout_s, facts.returns) == (True, 3, None)
    assert call(made, a=1) == 3
    assert call(made, a=1, b=5) == 6


def test_an_async_function_runs_beside_the_loop(tmp_path: Path) -> None:
    source = """
import asyncio, threading
async def f():
    await asyncio.sleep(0)
    return threading.current_thread() is threading.main_thread()
"""
    assert call(tool(tmp_path, source, name="beside")) is False


def test_the_loop_goes_on_while_a_function_runs(tmp_path: Path) -> None:
    source = "import threading\ngo = threading.Event()\ndef f():\n    return go.wait(20)"
    made = tool(tmp_path, source, name="blocks")

    async def both() -> object:
        running = asyncio.ensure_future(made.call({}))
        await asyncio.sleep(0)
        sys.modules["blocks"].go.set()
        return await running

    assert asyncio.run(both()) is True


def test_calls_run_at_the_same_time(tmp_path: Path) -> None:
    source = "import threading\nmeet = threading.Barrier(4, timeout=20)\ndef f():\n    meet.wait()"
    made = tool(tmp_path, source, name="meets")

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(made.call({}))

    asyncio.run(all_of_them())


def test_imports_inside_of_a_function_find_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sibling_late.py").write_text("X = 7")
    source = "def f():\n    import sibling_late\n    return sibling_late.X"
    assert call(tool(tmp_path, source, name="imports_late")) == 7


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise ValueError('no such city')", "ValueError: no such city"),
        ("raise ValueError", "ValueError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import asyncio\n    raise asyncio.CancelledError", "CancelledError"),
        ("raise Odd", "Odd"),
        ("from flowrun.errors import ToolError\n    raise ToolError('as it is')", "as it is"),
        ("return open", "the function gave a builtin_function_or_method, which is no data"),
        ("return b'bytes'",
         "the function gave 5 bytes, but the bytes are no PNG, JPEG, GIF or WebP picture"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_a_function_raises_is_told(
    tmp_path: Path, kind: str, body: str, problem: str, request: pytest.FixtureRequest
) -> None:
    odd = "class Odd(Exception):\n    def __str__(self): raise RuntimeError\n"
    made = tool(tmp_path, f"{odd}{kind} f():\n    {body}", name=f"raises_{tmp_path.name}")
    with pytest.raises(ToolError) as caught:
        call(made)
    assert str(caught.value) == problem


def test_a_long_problem_is_cut(tmp_path: Path) -> None:
    made = tool(tmp_path, "def f():\n    raise ValueError('x' * 10**6)", name="raises_long")
    with pytest.raises(ToolError) as caught:
        call(made)
    assert len(str(caught.value)) == 2_000


def test_arguments_are_converted(tmp_path: Path) -> None:
    source = """
import datetime
from dataclasses import dataclass
@dataclass
class Point:
    x: int
def f(day: datetime.date, at: Point):
    return [day.year, at.x]
"""
    made = tool(tmp_path, source, name="converts")
    assert call(made, day="2026-01-02", at={"x": 3}) == [2026, 3]
    with pytest.raises(ToolError, match=r"^the arguments do not fit: at\.x: Field required$"):
        call(made, day="2026-01-02", at={})


def test_results_are_held_to_what_the_file_says(tmp_path: Path) -> None:
    made = tool(tmp_path, "def f(x): return x", name="held", returns={"type": "integer"})
    assert call(made, x=3) == 3
    with pytest.raises(ToolError, match="the result does not fit"):
        call(made, x="3")


def test_a_picture_comes_back(tmp_path: Path) -> None:
    made = tool(tmp_path, f"def f():\n    return {PIXEL!r}", name="paints")
    assert call(made) == Image.from_bytes(PIXEL)


def test_the_file_s_own_parameters_go_before(tmp_path: Path) -> None:
    own = {"type": "object", "properties": {"x": {"enum": [1]}}}
    made = tool(tmp_path, "def f(x: int): return x", name="narrowed", parameters=own)
    assert made.facts.definition.parameters == own
    again = python_tool(python("textwrap:dedent", parameters=own), tmp_path)
    assert again.facts.definition.parameters == own


GIVES_WAY = """
from dataclasses import dataclass
from typing import Annotated
from pydantic import Field
class Odd:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise TypeError("odd")
@dataclass
class Point:
    odd: Odd
def f(x: Annotated[int, Field(ge=1)], y: Point): ...
"""


def test_what_was_read_off_the_file_gives_way_to_pydantic(tmp_path: Path) -> None:
    whole = {"type": "integer"}
    point = {"type": "object", "properties": {"odd": {}}, "required": ["odd"]}
    read = {
        "type": "object",
        "properties": {"x": whole, "y": point},
        "required": ["x", "y"],
        "additionalProperties": False,
    }
    made = tool(tmp_path, GIVES_WAY, name="gives_way", parameters=read)
    shown = {"x": {**whole, "minimum": 1}, "y": point}
    assert made.facts.definition.parameters["properties"] == shown


def test_a_source_that_cannot_be_read_again_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "math.py").write_text("(")
    made = python_tool(python("math:sqrt"), tmp_path)
    assert made.facts.definition.parameters["required"] == ["x"]


def test_a_function_that_was_made_is_asked_itself(tmp_path: Path) -> None:
    source = "def make():\n    def f(x: int): return x\n    return f\nf = make()"
    made = tool(tmp_path, source, name="was_made", parameters={"type": "object"})
    assert made.facts.definition.parameters["required"] == ["x"]


@pytest.mark.parametrize(
    ("source", "reference", "problem"),
    [
        ("def g(): ...", "a_{}:f", 'the module "a_{}" has no function "f"'),
        ("def find(): ...", "a_{}:fnd",
         'the module "a_{}" has no function "fnd"; did you mean find?'),
        ("f = 3", "a_{}:f", '"f" of "a_{}" is no function'),
        ("f = dict", "a_{}:f", "the function does not tell what it takes"),
        ("import nothing_like_it", "a_{}:f",
         "the module \"a_{}\" cannot be imported: ModuleNotFoundError: "
         "No module named 'nothing_like_it'"),
        ("raise SystemExit", "a_{}:f", 'the module "a_{}" cannot be imported: SystemExit'),
        ("", "b_{}:f",
         "the module \"b_{}\" cannot be imported: ModuleNotFoundError: No module named 'b_{}'"),
    ],
)  # fmt: skip
def test_what_is_no_tool_is_told(tmp_path: Path, source: str, reference: str, problem: str) -> None:
    unique = tmp_path.name.replace("-", "_")
    (tmp_path / f"a_{unique}.py").write_text(source)
    with pytest.raises(ToolError) as caught:
        python_tool(python(reference.format(unique)), tmp_path)
    assert str(caught.value) == f'the tool "tool": {problem.replace("{}", unique)}'


def test_a_file_that_python_cannot_take_is_told(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("def f(): ...")
    with pytest.raises(ToolError, match=r"json\.py cannot be imported as .*rename the file$"):
        python_tool(python("json:f", file="json.py"), tmp_path)


def test_installed_functions_are_tools_too(tmp_path: Path) -> None:
    assert call(python_tool(python("textwrap:dedent"), tmp_path), text="  a") == "a"
    made = python_tool(python("math:sqrt"), tmp_path)
    assert call(made, x=9) == 3.0


def test_the_version_changes_with_the_code(tmp_path: Path) -> None:
    (tmp_path / "helps.py").write_text("X = 1")
    source = "import helps\ndef f(): ...\ndef g(): ..."
    first = tool(tmp_path, source, name="versioned").facts.version
    assert tool(tmp_path, source, name="versioned", timeout_s=9).facts.version == first
    assert python_tool(python("versioned:g"), tmp_path).facts.version != first
    (tmp_path / "helps.py").write_text("X = 2000")
    assert tool(tmp_path, source, name="versioned").facts.version != first


def test_a_cancelled_function_is_left_alone(tmp_path: Path) -> None:
    source = """
import threading
begun, go, ended = threading.Event(), threading.Event(), threading.Event()
def f():
    begun.set()
    go.wait(20)
    ended.set()
"""
    made = tool(tmp_path, source, name="left_alone")
    module = sys.modules["left_alone"]

    async def cancel() -> None:
        running = asyncio.ensure_future(made.call({}))
        await asyncio.to_thread(module.begun.wait, 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        module.go.set()
        await asyncio.to_thread(module.ended.wait, 20)

    asyncio.run(cancel())
    assert module.ended.is_set()


def test_a_cancelled_async_function_is_cancelled(tmp_path: Path) -> None:
    source = """
import asyncio, threading
begun, ended = threading.Event(), threading.Event()
async def f():
    try:
        begun.set()
        await asyncio.Event().wait()
    finally:
        ended.set()
"""
    made = tool(tmp_path, source, name="is_cancelled")
    module = sys.modules["is_cancelled"]

    async def cancel() -> None:
        running = asyncio.ensure_future(made.call({}))
        await asyncio.to_thread(module.begun.wait, 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(module.ended.wait, 20)

    asyncio.run(cancel())


def test_one_cancelled_at_once_never_waits(tmp_path: Path) -> None:
    source = """
import asyncio, threading
go, ended = threading.Event(), threading.Event()
class Slow:
    def __await__(self):
        try:
            yield from asyncio.Event().wait().__await__()
        finally:
            ended.set()
def f():
    go.wait(20)
    return Slow()
"""
    made = tool(tmp_path, source, name="at_once")
    module = sys.modules["at_once"]

    async def cancel() -> None:
        running = asyncio.ensure_future(made.call({}))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait((running,))
        module.go.set()
        assert await asyncio.to_thread(module.ended.wait, 20)

    asyncio.run(cancel())


def test_the_process_ends_though_a_function_does_not(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import time\ndef f():\n    time.sleep(3600)")
    program = f"""
import asyncio
from pathlib import Path
from flowrun.document.tool import PythonFunction, Tool
from flowrun.tools.python import python_tool
made = python_tool(Tool("t", (), PythonFunction("endless", "f")), Path({str(tmp_path)!r}))
async def main():
    try:
        async with asyncio.timeout(0.2):
            await made.call({{}})
    except TimeoutError:
        print("ended")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (b"ended\n", b"")


def test_a_result_after_the_end_of_the_run_is_dropped(tmp_path: Path) -> None:
    source = """
import threading
begun, go = threading.Event(), threading.Event()
def f():
    begun.set()
    go.wait(20)
"""
    made = tool(tmp_path, source, name="too_late")
    module = sys.modules["too_late"]

    async def leave() -> None:
        running = asyncio.ensure_future(made.call({}))
        await asyncio.to_thread(module.begun.wait, 20)
        running.cancel()
        await asyncio.wait((running,))

    before = set(threading.enumerate())
    asyncio.run(leave())
    thread = next(each for each in set(threading.enumerate()) - before if each.daemon)
    module.go.set()
    thread.join(20)
    assert not thread.is_alive()
