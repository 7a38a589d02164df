"""Names that are taken: steps and loop variables that a template would find ambiguous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowrun.document.levels import Level
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Loop, Output, Task
from flowrun.document.templates import GLOBALS
from flowrun.document.vocabulary import KEYWORDS, RESERVED
from flowrun.errors import Diagnostic, Mark

_TAKEN = "templates already know that name as something else"


def taken_names(
    loaded: Loaded, level: Level, tasks: Iterable[Task], outputs: Iterable[Output] = ()
) -> Iterator[Diagnostic]:
    """The faults of a level and of the blocks in it."""
    path = _steps_path(level)
    for step in level.steps:
        mark = loaded.key_mark((*path, step))
        yield from _step(loaded, level, mark, step)
    for task in tasks:
        for loop in task.loops:
            yield from _variable(loaded, level, loop)
        if task.block is not None:
            yield from taken_names(loaded, level.inside(task), task.block.tasks)
    for output in outputs:
        if output.loop is not None:
            yield from _variable(loaded, level, output.loop)


def _steps_path(level: Level) -> Path:
    if level.outer is None:
        return ("steps",)
    return (*_steps_path(level.outer), level.owner, "steps")


def _step(loaded: Loaded, level: Level, mark: Mark, name: str) -> Iterator[Diagnostic]:
    if _is_reserved(name):
        yield _fault(loaded, mark, f'a step cannot be called "{name}"', name, _TAKEN)
    elif level.outer is not None and level.outer.sees(name):
        why = "inside of a block the steps around it can be named too"
        yield _fault(loaded, mark, f'step "{name}" has the name of a step around it', name, why)
    elif name in level.variables:
        yield _fault(loaded, mark, f'step "{name}" has the name of a loop variable', name)


def _variable(loaded: Loaded, level: Level, loop: Loop) -> Iterator[Diagnostic]:
    """The expression stands under the variable's name, or beside `as`."""
    name, path = loop.name, loop.items.path
    is_key = path[-1] != "foreach"
    if not is_key and loaded.has((*path[:-1], "as")):
        path = (*path[:-1], "as")
    mark = loaded.key_mark(path) if is_key else loaded.mark(path)
    if level.sees(name):
        yield _fault(loaded, mark, f'loop variable "{name}" has the name of a step', name)
    if _is_reserved(name):
        yield _fault(loaded, mark, f'a loop variable cannot be called "{name}"', name, _TAKEN)


def _is_reserved(name: str) -> bool:
    return name in RESERVED or name in GLOBALS or name in KEYWORDS


def _fault(loaded: Loaded, mark: Mark, message: str, name: str, why: str = "") -> Diagnostic:
    mend = "choose another name"
    return loaded.diagnostic(mark, message, "name-taken", why=why, mend=mend, length=len(name))
