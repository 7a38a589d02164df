"""What to say of a name that no step has: the nearest one, or where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from flowrun.digest import JsonValue
from flowrun.document.levels import ROUNDS, Level, View
from flowrun.document.outline import section
from flowrun.errors import did_you_mean

_SPECIAL = {"item": "foreach", "loop": "foreach", **dict.fromkeys(ROUNDS, "repeat")}
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_MOST_SHOWN = 12
_MOST_SUGGESTIONS = 50
"""Finding the nearest of many names takes long; a file with more faults has another trouble."""


class Unknown:
    """Words for unknown names; `inputs` and `tools` are the file's sections."""

    def __init__(self, inputs: Mapping[str, JsonValue], tools: Mapping[str, JsonValue]) -> None:
        self._inputs = inputs
        self._tools = tools
        self._suggested = 0

    def template(self, name: str, view: View) -> tuple[str, str]:
        """Why a template cannot have the name, and how to mend it."""
        names = list(islice(view.level.names(), _MOST_SHOWN + 1))
        shown = ", ".join(names[:_MOST_SHOWN]) + ", …" * (len(names) > _MOST_SHOWN)
        why = f"a template may name only inputs and steps of this file: {shown}"
        return why, self._mend(name, view)

    def need(self, name: str, level: Level) -> str:
        """How to mend an unknown name in `needs`."""
        inner = self._inner(name, View.of(level))
        if inner is not None:
            return f"{name} is a step inside of {inner[0]}: need {inner[0].split('.')[0]}"
        return self._nearest(name, level.names()) or "name a step of this file"

    def _mend(self, name: str, view: View) -> str:
        if name in self._inputs:
            return f"write inputs.{name}"
        if name in _SPECIAL:
            if view.variables and _SPECIAL[name] == "foreach":
                return f"this step calls it {', '.join(sorted(view.variables))}"
            return f"{name} is known only beside {_SPECIAL[name]}"
        if name in _TRUTHS:
            return f"write {_TRUTHS[name]}"
        if (inner := self._inner(name, view)) is not None:
            way, entry = inner
            is_list = "foreach" in entry and way != view.target
            return _inner_mend(name, way, has_output="output" in entry, is_list=is_list)
        if name in self._tools:
            return f"{name} is a tool: a step calls it with call: {name}"
        return self._nearest(name, chain(view.level.names(), view.own, ("inputs", "run")))

    def _nearest(self, name: str, known: Iterable[str]) -> str:
        self._suggested += 1
        if self._suggested > _MOST_SUGGESTIONS:
            return ""
        return did_you_mean(name, known)

    def _inner(self, name: str, view: View) -> tuple[str, Mapping[str, JsonValue]] | None:
        """The block that holds a step of this name: its way from here, and what it says."""
        if self._suggested > _MOST_SUGGESTIONS:
            return None
        taken = {level.owner for level in view.level.around()}
        if view.target not in view.own:
            taken.add(view.target)
        for level in view.level.around():
            for way, entry in _blocks("", level.steps):
                if name in section(entry, "steps") and way.split(".")[0] not in taken:
                    self._suggested += 1
                    return way, entry
        return None


def _blocks(
    way: str, steps: Mapping[str, JsonValue]
) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    """Every block among the steps and inside of them, with its way."""
    for name in steps:
        entry = section(steps, name)
        if "steps" in entry:
            yield f"{way}{name}", entry
            yield from _blocks(f"{way}{name}.", section(entry, "steps"))


def _inner_mend(name: str, way: str, *, has_output: bool, is_list: bool) -> str:
    if has_output:
        return f"{name} is a step inside of {way}, which gives its output and nothing else"
    return f"write {way} | map(attribute='{name}')" if is_list else f"write {way}.{name}"
