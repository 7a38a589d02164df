"""Who needs whom: the edges that templates and `needs` make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.levels import ROUNDS, Level, View, lost_names
from flowrun.document.outline import section
from flowrun.document.slots import Slot, slots
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Block, Output, Task
from flowrun.document.templates import GLOBALS, Fault, Reference
from flowrun.document.unknown import Unknown
from flowrun.errors import Diagnostic, Mark


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


class Names:
    """What the templates of a file name; notes names that lead nowhere as it reads them."""

    def __init__(self, loaded: Loaded, data: Mapping[str, JsonValue]) -> None:
        """`data` is the file's, with the parts that are faulty."""
        self._loaded = loaded
        self._has_steps = isinstance(data.get("steps"), Mapping)
        self._outputs = section(data, "outputs")
        self._unknown = Unknown(section(data, "inputs"), section(data, "tools"))
        self.top = Level(section(data, "steps"))
        self.diagnostics: list[Diagnostic] = []

    def edges(self, task: Task, level: Level) -> Iterator[Edge]:
        """The edges into one step, without those that the steps inside of a block make."""
        yield from self._needs(task, level)
        view = View.of(level, task.id, lost_names(task, level.entry(task.id)))
        for loop in task.loops:
            yield from self._named(loop.items, view)
            view = view.looped(loop.name)
        if task.loops:
            view = view.plus(("loop",))
        again = view if task.repeat is None else view.plus(ROUNDS)
        for slot in task.inner_slots():
            yield from self._named(slot, view if slot is task.condition else again)
        again = again.plus((task.id,))
        for slot in task.expects:
            yield from self._named(slot, again)
        if task.repeat is not None and isinstance(task.repeat.until, Slot):
            yield from self._named(task.repeat.until, again)

    def block_edges(self, block: Block, level: Level) -> Iterator[Edge]:
        """The steps that a block's output needs; `level` is that of the steps inside."""
        for slot in slots(block.output):
            yield from self._named(slot, View.of(level))

    def output_edges(self, output: Output) -> Iterator[Edge]:
        """The steps that an output needs."""
        entry = section(self._outputs, output.name)
        is_lost = output.loop is None and bool(entry.keys() & {"foreach", "as"})
        lost = ("item", "loop", str(entry.get("as"))) if is_lost else ()
        view = View.of(self.top, "", lost)
        if output.loop is not None:
            yield from self._named(output.loop.items, view)
            view = view.looped(output.loop.name).plus(("loop",))
        for slot in output.slots():
            yield from self._named(slot, view)

    def _needs(self, task: Task, level: Level) -> Iterator[Edge]:
        for index, name in enumerate(task.needs):
            path: Path = (*task.path, "needs", index)
            if _is_around(name, View.of(level, task.id)):
                self._note(path, f'step "{name}" cannot need itself', "own-output", name)
            elif level.sees(name):
                yield Edge(name, task.id, False, path)
            else:
                mend = self._unknown.need(name, level)
                self._note(path, f'unknown step "{name}"', "unknown-step", name, mend)

    def _named(self, slot: Slot, view: View) -> Iterator[Edge]:
        for reference in slot.template.references:
            name = reference.name
            if name in view.own or name in GLOBALS or name == "inputs":
                continue
            is_required = not reference.optional
            if name == "run":
                name, is_required = reference.field or "", False
                if not name:
                    message = '"run" is read step by step'
                    mend = "write run.STEP.model, with the name of a step"
                    self._fault(slot, reference, message, "unknown-step", mend=mend)
                    continue
            if _is_around(name, view):
                self._fault(slot, reference, f'step "{name}" reads its own output', "own-output")
            elif view.level.sees(name):
                yield Edge(name, view.target, is_required, slot.path, slot, reference.offset)
            elif reference.name != "run" and self._has_steps and name not in view.lost:
                why, mend = self._unknown.template(name, view)
                message = f'unknown step "{name}"'
                self._fault(slot, reference, message, "unknown-step", why=why, mend=mend)

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

    def _note(self, path: Path, message: str, code: str, word: str, mend: str = "") -> None:
        mark = self._loaded.mark(path)
        self.diagnostics.append(
            self._loaded.diagnostic(mark, message, code, mend=mend, length=len(word))
        )


def _is_around(name: str, view: View) -> bool:
    """Whether it is the step itself, or a block around it, whose output is not there yet."""
    return bool(name) and (
        name == view.target or any(name == level.owner for level in view.level.around())
    )


def requirements(edges: Iterable[Edge]) -> Mapping[str, Mapping[str, bool]]:
    """For each step what it needs, and whether it cannot do without the value."""
    found: dict[str, dict[str, bool]] = {}
    for edge in edges:
        needs = found.setdefault(edge.target, {})
        needs[edge.source] = needs.get(edge.source, False) or edge.is_required
    return found
