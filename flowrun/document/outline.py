"""A file's data as the language divides it, without free keys and without faulty parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.source import Path
from flowrun.errors import Diagnostic


@dataclass(frozen=True, slots=True)
class Flaw:
    """A fault of form: the diagnostic, and the part of the data that cannot be used.

    A `path` of None: all of it can, as for a step with a bad name.
    """

    path: Path | None
    diagnostic: Diagnostic


def section(data: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    """The entries under a key, none if there is no mapping."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def step_path(path: Path) -> Path:
    """The innermost step that a path leads to or into; nothing if it leads into none."""
    length = 0
    while len(path) > length + 1 and path[length] == "steps":
        length += 2
    return path[:length]


def every_step(
    data: Mapping[str, JsonValue], path: Path = ()
) -> Iterator[tuple[Path, Mapping[str, JsonValue]]]:
    """The steps that are mappings, those of a block behind their block, each with its place."""
    for name, step in section(data, "steps").items():
        if isinstance(step, Mapping):
            inner: Path = (*path, "steps", name)
            yield inner, step
            yield from every_step(step, inner)


def without_free_keys(data: JsonValue) -> dict[str, JsonValue]:
    """The file's data without `x-` keys, at every level that the language itself gives a form."""
    return _shaped(data, _SHAPES_OF_FILE) if isinstance(data, Mapping) else {}


Data = Mapping[str, JsonValue]
Shape = Callable[[Data], JsonValue]


def _kept(data: Data) -> dict[str, JsonValue]:
    return {key: value for key, value in data.items() if not key.startswith("x-")}


def _shaped(data: Data, shapes: Mapping[str, Shape]) -> dict[str, JsonValue]:
    """The data without its own free keys, and with those parts shaped that are not plain text."""
    found = _kept(data)
    for key in shapes.keys() & found.keys():
        value = found[key]
        if isinstance(value, Mapping):
            found[key] = shapes[key](value)
        elif isinstance(value, list):
            found[key] = [
                shapes[key](each) if isinstance(each, Mapping) else each for each in value
            ]
    return found


def _each(shape: Shape) -> Shape:
    """The shape of a mapping of names to things that have a shape."""

    def shaped(data: Data) -> JsonValue:
        return {
            name: shape(entry) if isinstance(entry, Mapping) else entry
            for name, entry in _kept(data).items()
        }

    return shaped


def _wire(data: Data) -> JsonValue:
    """A message or a format without free keys at any depth; the schema inside is data."""
    return _shaped(data, {key: _wire for key in data if key != "schema"})


def _step(data: Data) -> JsonValue:
    return _shaped(data, _SHAPES_OF_STEP)


def _tool(data: Data) -> JsonValue:
    return _shaped(data, _SHAPES_OF_TOOL)


def _command(data: Data) -> JsonValue:
    """A shell command, or one element of it."""
    return _shaped(data, {"command": _kept})


def _schema(data: Data) -> JsonValue:
    """A schema is data, unless it stands in a file of its own."""
    return _kept(data) if "file" in data else data


_SHAPES_OF_ASKING: Mapping[str, Shape] = {"system": _kept, "tool_choice": _wire}
_SHAPES_OF_STEP: Mapping[str, Shape] = {
    **_SHAPES_OF_ASKING,
    "prompt": _kept,
    "messages": _wire,
    "response_format": _wire,
    "repeat": _kept,
    "budget": _kept,
    "steps": _each(_step),
}
_SHAPES_OF_TOOL: Mapping[str, Shape] = {"http": _kept, "mcp": _kept, "shell": _command}
_SHAPES_OF_FILE: Mapping[str, Shape] = {
    "inputs": _each(_kept),
    "schemas": _each(_schema),
    "tools": _each(_tool),
    "defaults": lambda data: _shaped(data, _SHAPES_OF_ASKING),
    "steps": _each(_step),
    "outputs": _each(_kept),
    "budget": _kept,
}


def without(data: Data, paths: Iterable[Path | None]) -> dict[str, JsonValue]:
    """A copy of `data` in which the entries that hold the given paths are missing.

    A path inside a step, however deep in blocks, costs that one key of the step; inside the
    defaults, a tool, an input or an output likewise.
    """
    gone = {_cost(path) for path in paths if path is not None}
    if () in gone:
        return {}
    return {
        name: _entries(entries, (name,), gone) if isinstance(entries, Mapping) else entries
        for name, entries in data.items()
        if (name,) not in gone
    }


def _cost(path: Path) -> Path:
    """What has to be left out when something is wrong at `path`."""
    if step := step_path(path):
        return path[: len(step) + 1]
    return path[:2] if path[:1] == ("defaults",) else path[:3]


def _entries(entries: Data, path: Path, gone: set[Path]) -> dict[str, JsonValue]:
    return {
        name: _entry(entry, (*path, name), gone) if isinstance(entry, Mapping) else entry
        for name, entry in entries.items()
        if (*path, name) not in gone
    }


def _entry(entry: Data, path: Path, gone: set[Path]) -> dict[str, JsonValue]:
    found = {key: value for key, value in entry.items() if (*path, key) not in gone}
    inner = found.get("steps")
    if path[0] == "steps" and isinstance(inner, Mapping):
        found["steps"] = _entries(inner, (*path, "steps"), gone)
    return found
