"""Who needs whom: the edges that templates and `needs` make, and names that lead nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from flowrun.digest import JsonValue
from flowrun.document.outline import section
from flowrun.document.slots import Slot
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Output, Task
from flowrun.document.templates import GLOBALS, Fault, Reference
from flowrun.document.vocabulary import KEYWORDS, RESERVED
from flowrun.errors import Diagnostic, Mark, did_you_mean


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` needs `source`; `is_required` if it cannot do without the value.

    `slot` and `offset` are the template that shows the edge, None for a `needs`.
    """

    source: str
    target: str
    is_required: bool
    path: Path
    slot: Slot | None = None
    offset: int = 0

    def mark(self, loaded: Loaded) -> Mark:
        """Where the file says so."""
        if self.slot is None:
            return loaded.mark(self.path)
        return self.slot.mark(loaded, self.offset)


_SPECIAL = {
    "item": "foreach",
    "loop": "foreach",
    **dict.fromkeys(("previous", "rounds", "round"), "repeat"),
}
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_MOST_SHOWN = 12
_MOST_SUGGESTIONS = 50
"""Finding the nearest of many names takes long; a file with more faults has another trouble."""


class Names:
    """What the templates of a file may name; notes faults as it reads them."""

    def __init__(self, loaded: Loaded, data: Mapping[str, JsonValue]) -> None:
        """`data` is the file's, with the parts that are faulty."""
        self._loaded = loaded
        self._data = data
        self._inputs = section(data, "inputs")
        self._steps = section(data, "steps")
        names = list(self._steps)
        self._shown = ", ".join(names[:_MOST_SHOWN]) + ", …" * (len(names) > _MOST_SHOWN)
        self._suggested = 0
        self.diagnostics: list[Diagnostic] = []

    def check_declared(self, tasks: Iterable[Task], outputs: Iterable[Output]) -> None:
        """No step and no loop variable may take a name that a template finds taken."""
        for step in self._steps:
            self._check_free(self._loaded.key_mark(("steps", step)), step, "step")
        for task in tasks:
            for loop in task.loops:
                self._check_loop(loop.name, loop.items.path)
        for output in outputs:
            if output.loop is not None:
                self._check_loop(output.loop.name, output.loop.items.path)

    def _check_loop(self, name: str, path: Path) -> None:
        """`path` is the expression's: under the variable's name, or beside `as`."""
        is_key = path[-1] != "foreach"
        if not is_key and "as" in self._entry(path):
            path = (*path[:-1], "as")
        mark = self._loaded.key_mark(path) if is_key else self._loaded.mark(path)
        if name in self._steps:
            self._note_name(mark, f'loop variable "{name}" has the name of a step', name)
        self._check_free(mark, name, "loop variable")

    def _check_free(self, mark: Mark, name: str, what: str) -> None:
        if name in RESERVED or name in GLOBALS or name in KEYWORDS:
            why = "templates already know that name as something else"
            self._note_name(mark, f'a {what} cannot be called "{name}"', name, why)

    def _note_name(self, mark: Mark, message: str, name: str, why: str = "") -> None:
        mend, length = "choose another name", len(name)
        self.diagnostics.append(
            self._loaded.diagnostic(mark, message, "name-taken", why=why, mend=mend, length=length)
        )

    def _entry(self, path: Path) -> Mapping[str, JsonValue]:
        """What the file says of the step or the output that the path leads into."""
        return section(section(self._data, str(path[0])), str(path[1]))

    def edges(self, task: Task) -> Iterator[Edge]:
        """The edges into one step."""
        for index, name in enumerate(task.needs):
            path: Path = (*task.path, "needs", index)
            if name == task.id:
                self._note(path, f'step "{name}" cannot need itself', "own-output", name)
            elif name in self._steps:
                yield Edge(name, task.id, False, path)
            else:
                self._unknown_need(path, name)
        seen: set[str] = set()
        for loop in task.loops:
            yield from self._slot_edges(task.id, loop.items, seen)
            seen.add(loop.name)
        if task.loops:
            seen.add("loop")
        for slot in task.inner_slots():
            yield from self._slot_edges(task.id, slot, seen)
        for slot in task.expects:
            yield from self._slot_edges(task.id, slot, seen | {task.id})

    def output_edges(self, output: Output) -> Iterator[Edge]:
        """The steps that an output needs."""
        seen: set[str] = set()
        if output.loop is not None:
            yield from self._slot_edges("", output.loop.items, seen)
            seen = {output.loop.name, "loop"}
        for slot in output.slots():
            yield from self._slot_edges("", slot, seen)

    def _slot_edges(self, target: str, slot: Slot, local: Collection[str]) -> Iterator[Edge]:
        for reference in slot.template.references:
            name = reference.name
            if name in local or name in GLOBALS or name == "inputs":
                continue
            is_required = not reference.optional
            if name == "run":
                name, is_required = reference.field or "", False
                if not name:
                    message = '"run" is read step by step'
                    mend = "write run.STEP.model, with the name of a step"
                    self._fault(slot, reference, message, "unknown-step", mend=mend)
                    continue
            if name == target:
                self._fault(slot, reference, f'step "{name}" reads its own output', "own-output")
            elif name in self._steps:
                yield Edge(name, target, is_required, slot.path, slot, reference.offset)
            elif reference.name != "run" and not self._is_excused(slot.path, name, local):
                self._unknown(slot, reference, name, local)

    def _is_excused(self, path: Path, name: str, local: Collection[str]) -> bool:
        """Whether the name would be known but for a fault that is told elsewhere."""
        if not isinstance(self._data.get("steps"), Mapping):
            return True
        entry = self._entry(path)
        if "loop" in local or "foreach" in path or not {"foreach", "as"} & entry.keys():
            return False
        return name in ("item", "loop", entry.get("as"), *section(entry, "foreach"))

    def _unknown(self, slot: Slot, reference: Reference, name: str, local: Collection[str]) -> None:
        if name in self._inputs:
            mend = f"write inputs.{name}"
        elif name in _SPECIAL:
            mend = f"{name} is known only beside {_SPECIAL[name]}"
            if "loop" in local:
                mend = f"this step calls it {', '.join(sorted({*local} - {'loop'}))}"
        elif name in _TRUTHS:
            mend = f"write {_TRUTHS[name]}"
        else:
            mend = self._nearest(name, (*local, "inputs", "run"))
        self._fault(
            slot,
            reference,
            f'unknown step "{name}"',
            "unknown-step",
            why=f"a template may name only inputs and steps of this file: {self._shown}",
            mend=mend,
        )

    def _nearest(self, name: str, more: Iterable[str] = ()) -> str:
        self._suggested += 1
        if self._suggested > _MOST_SUGGESTIONS:
            return ""
        return did_you_mean(name, (*self._steps, *more))

    def _unknown_need(self, path: Path, name: str) -> None:
        self.diagnostics.append(
            self._loaded.diagnostic(
                self._loaded.mark(path),
                f'unknown step "{name}"',
                "unknown-step",
                mend=self._nearest(name) or "name a step of this file",
                length=len(name),
            )
        )

    def _fault(
        self,
        slot: Slot,
        reference: Reference,
        message: str,
        code: str,
        *,
        why: str = "",
        mend: str = "",
    ) -> None:
        length = len(reference.name)
        if not slot.template.source.startswith(reference.name, reference.offset):
            message += ", in a file that is brought in here"
            length = 1
        fault = Fault(reference.offset, length, message, code, why, mend)
        self.diagnostics.append(slot.diagnostic(self._loaded, fault))

    def _note(self, path: Path, message: str, code: str, word: str) -> None:
        mark = self._loaded.mark(path)
        self.diagnostics.append(self._loaded.diagnostic(mark, message, code, length=len(word)))


def requirements(edges: Iterable[Edge]) -> Mapping[str, Mapping[str, bool]]:
    """For each step what it needs, and whether it cannot do without the value."""
    found: dict[str, dict[str, bool]] = {}
    for edge in edges:
        needs = found.setdefault(edge.target, {})
        needs[edge.source] = needs.get(edge.source, False) or edge.is_required
    return found
