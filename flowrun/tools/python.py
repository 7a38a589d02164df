"""Functions of Python modules as tools: read by pydantic, run in threads of their own.

What a function prints goes where flowrun's own output goes; a function should not print. One that
runs out of time is left alone, for Python cannot end a thread: it goes on until it returns or
flowrun ends, and its result is thrown away. An async function is cancelled.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import cast

from flowrun.chat.messages import ToolDefinition
from flowrun.digest import JsonValue, digest
from flowrun.document import docstrings, python_source
from flowrun.document.python_source import Signature
from flowrun.document.tool import PythonFunction
from flowrun.document.tool import Tool as DeclaredTool
from flowrun.errors import ToolError, did_you_mean
from flowrun.tools import modules, python_results
from flowrun.tools.base import ToolFacts
from flowrun.tools.python_arguments import Arguments, arguments_of
from flowrun.tools.returned import fitting

_LONGEST_PROBLEM = 2_000


async def imported(tool: DeclaredTool, folder: Path) -> PythonTool:
    """The function of a declared tool, imported in a thread, for as long as one call may take.

    Raises: ToolError if it cannot be imported, or not in time, or is no function.
    """
    call = _Call(lambda: python_tool(tool, folder))
    try:
        async with asyncio.timeout(tool.timeout_s):
            return cast("PythonTool", await call.result())
    except TimeoutError as error:
        said = f"its module could not be imported within {tool.timeout_s:g} s"
        raise ToolError(f'the tool "{tool.name}": {said}') from error


def python_tool(tool: DeclaredTool, folder: Path) -> PythonTool:
    """The function of a declared tool; its module is imported now, from `folder` first.

    Raises: ToolError if it cannot be imported, or is no function.
    """
    action = tool.action
    assert isinstance(action, PythonFunction)
    folder = folder.resolve()
    module = _module(tool.name, action, folder)
    function = _function(tool.name, action, module)
    try:
        arguments = arguments_of(function)
    except ToolError as error:
        raise ToolError(f'the tool "{tool.name}": {error}') from error
    parameters = _shown(tool, action, folder, arguments)
    described = tool.description or docstrings.read(inspect.getdoc(function)).summary
    version: JsonValue = {
        "function": f"{action.module}:{action.function}",
        "sources": modules.sources(folder, action.module) or _installed(module),
        "parameters": parameters,
    }
    facts = ToolFacts(
        definition=ToolDefinition(tool.name, described, parameters),
        version=digest("python/1", version),
        is_pure=tool.is_pure,
        timeout_s=tool.timeout_s,
        returns=tool.returns,
    )
    return PythonTool(facts, function, arguments, folder)


class PythonTool:
    """A Python function, ready to be called."""

    def __init__(
        self,
        facts: ToolFacts,
        function: Callable[..., object],
        arguments: Arguments,
        folder: Path,
    ) -> None:
        self._facts = facts
        self._function = function
        self._arguments = arguments
        self._folder = folder

    @property
    def facts(self) -> ToolFacts:
        """What is known of it."""
        return self._facts

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What the function returns, as JSON data and images."""
        call = _Call(lambda: self._result(arguments, call))
        return fitting(self._facts.returns, await call.result())

    def _result(self, arguments: Mapping[str, JsonValue], call: _Call) -> object:
        in_order, by_name = self._arguments.bind(arguments)
        with modules.inside(self._folder):
            found = self._function(*in_order, **by_name)
            if inspect.isawaitable(found):
                found = asyncio.run(call.cancellable(found))
            return python_results.plain(found)


class _Call:
    """One call in a thread that nobody waits for once the caller is gone."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[object] = self._loop.create_future()
        self._cancel: Callable[[], object] | None = None

    async def result(self) -> object:
        threading.Thread(target=self._run, name="flowrun tool", daemon=True).start()
        try:
            return await self._future
        except asyncio.CancelledError:
            if self._cancel is not None:
                self._cancel()
            raise

    async def cancellable(self, awaitable: object) -> object:
        """Awaits in the thread's own loop what can be cancelled from outside."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def cancel() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)

        self._cancel = cancel
        if self._future.cancelled():
            cancel()
        return await cast("Coroutine[object, object, object]", awaitable)

    def _run(self) -> None:
        value: object = None
        problem: ToolError | None = None
        try:
            value = self._work()
        except ToolError as error:
            problem = error
        except BaseException as error:  # noqa: BLE001  # a function may raise anything, even SystemExit
            problem = ToolError(_said(error))
        with suppress(RuntimeError):  # the run has ended meanwhile
            self._loop.call_soon_threadsafe(self._deliver, value, problem)

    def _deliver(self, value: object, problem: ToolError | None) -> None:
        if self._future.done():
            return
        if problem is not None:
            self._future.set_exception(problem)
        else:
            self._future.set_result(value)


def _module(name: str, action: PythonFunction, folder: Path) -> ModuleType:
    try:
        module = modules.load(folder, action.module)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        said = f'the module "{action.module}" cannot be imported: {_said(error)}'
        raise ToolError(f'the tool "{name}": {said}') from error
    if action.file:
        wanted, found = folder / action.file, getattr(module, "__file__", None)
        if found is None or Path(found).resolve() != wanted.resolve():
            said = f'{action.file} cannot be imported as "{action.module}"'
            why = f"Python has another module of that name, {found or 'which is built in'}"
            raise ToolError(f'the tool "{name}": {said}: {why}; rename the file')
    return module


def _function(name: str, action: PythonFunction, module: ModuleType) -> Callable[..., object]:
    found = getattr(module, action.function, None)
    if callable(found):
        return cast("Callable[..., object]", found)
    if found is not None:
        what = f'"{action.function}" of "{action.module}" is no function'
    else:
        what = f'the module "{action.module}" has no function "{action.function}"'
        known = [each for each, value in vars(module).items() if callable(value)]
        near = did_you_mean(action.function, known)
        what = f"{what}; {near}" if near else what
    raise ToolError(f'the tool "{name}": {what}')


def _shown(
    tool: DeclaredTool, action: PythonFunction, folder: Path, arguments: Arguments
) -> Mapping[str, JsonValue]:
    """The schema for a model: the file's own, or pydantic's in the place of one read by ast.

    Where pydantic has nothing to say of a parameter, what was read by ast is said.
    """
    read = _read(folder, action)
    if tool.parameters is not None and (read is None or read.parameters != tool.parameters):
        return tool.parameters
    if read is None or not read.is_certain:
        return arguments.schema
    properties = dict(cast("Mapping[str, Mapping[str, JsonValue]]", arguments.schema["properties"]))
    told = cast("Mapping[str, Mapping[str, JsonValue]]", read.parameters["properties"])
    for name, each in properties.items():
        if not set(each) - {"description", "default"}:
            properties[name] = {**told.get(name, {}), **each}
    return {**arguments.schema, "properties": properties}


def _read(folder: Path, action: PythonFunction) -> Signature | None:
    path = modules.file_of(folder, action.module)
    if path is None:
        return None
    try:
        return python_source.signature(path.read_bytes(), action.function)
    except (OSError, SyntaxError):
        return None


def _installed(module: ModuleType) -> JsonValue:
    """The digest of an installed module's file, or its name if it has none."""
    file = getattr(module, "__file__", None)
    return modules.digest_of(Path(file)).hex() if file else module.__name__


def _said(error: BaseException) -> str:
    """What a foreign exception says, with its kind; no traceback."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # its own code writes it
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:_LONGEST_PROBLEM]
