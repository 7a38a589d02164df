"""A file's data as the language divides it, without free keys and without faulty parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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


def without_free_keys(data: JsonValue) -> dict[str, JsonValue]:
    """The file's data without `x-` keys, at every level that the language itself gives a form."""
    if not isinstance(data, Mapping):
        return {}
    found = _kept(data)
    for section in ("inputs", "schemas", "steps", "outputs"):
        entries = found.get(section)
        if isinstance(entries, Mapping):
            found[section] = {
                name: _kept(entry) if section != "schemas" and isinstance(entry, Mapping) else entry
                for name, entry in _kept(entries).items()
            }
    defaults = found.get("defaults")
    if isinstance(defaults, Mapping):
        found["defaults"] = _kept(defaults)
    steps = found.get("steps")
    for step in steps.values() if isinstance(steps, Mapping) else ():
        if isinstance(step, dict):
            for key in ("messages", "response_format"):
                if key in step:
                    step[key] = _wire(step[key])
    return found


def _wire(data: JsonValue) -> JsonValue:
    """Messages or a format without free keys; the schema inside is data."""
    match data:
        case list():
            return [_wire(each) for each in data]
        case Mapping():
            return {
                key: each if key == "schema" else _wire(each) for key, each in _kept(data).items()
            }
        case _:
            return data


def _kept(data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in data.items() if not key.startswith("x-")}


def without(data: dict[str, JsonValue], paths: Iterable[Path | None]) -> dict[str, JsonValue]:
    """A copy of `data` in which the entries that hold the given paths are missing.

    A path inside a step, an input or an output costs that one key, not the whole entry.
    """
    gone = {path[:3] for path in paths if path is not None}
    if () in gone:
        return {}
    found: dict[str, JsonValue] = {}
    for section, entries in data.items():
        if (section,) in gone:
            continue
        if not isinstance(entries, Mapping):
            found[section] = entries
            continue
        found[section] = {
            name: {key: value for key, value in entry.items() if (section, name, key) not in gone}
            if isinstance(entry, Mapping)
            else entry
            for name, entry in entries.items()
            if (section, name) not in gone
        }
    return found
