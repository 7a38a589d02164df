"""Everything that is wrong with a file, at once, as diagnostics; or its plan.

check
├── proofs.form             keys and kinds of values (structure.flaws; pydantic)
├── Reader                  templates, schemas, inputs, outputs
├── Names                   who names whom, and names that lead nowhere
├── proofs.order            loops (plan.order; networkx)
├── proofs.types            what templates read of earlier steps (typecheck.type_faults)
├── destination_faults      where outputs are written
└── capability_faults       what a model is known not to be able to do
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Protocol

from flowrun.digest import JsonValue
from flowrun.document.capability import Models, capability_faults
from flowrun.document.destinations import destination_faults
from flowrun.document.edges import Edge, Names, requirements
from flowrun.document.outline import Flaw, section, without, without_free_keys
from flowrun.document.plan import Plan, outputs_of
from flowrun.document.reader import Reader
from flowrun.document.schemas import Schemas
from flowrun.document.slots import ReadFile, SlotReader, Span
from flowrun.document.source import Loaded
from flowrun.document.task import Input, Output, Task
from flowrun.errors import Diagnostic, PipelineError


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check: the faults and warnings in the file's order, and the plan if sound."""

    diagnostics: tuple[Diagnostic, ...]
    plan: Plan | None

    def sound_plan(self) -> Plan:
        """The plan. Raises: PipelineError with every error if there is none."""
        if self.plan is None:
            raise PipelineError(
                tuple(each for each in self.diagnostics if each.severity == "error")
            )
        return self.plan


class Proofs(Protocol):
    """The parts of a check that cost most at start-up, so that a proven file can do without."""

    def form(self, loaded: Loaded) -> Sequence[Flaw]:
        """The faults of keys and kinds of values."""
        ...

    def order(
        self, steps: Sequence[str], edges: Iterable[Edge]
    ) -> tuple[Sequence[str], Sequence[Sequence[Edge]]]:
        """An order of the steps, and the loops that forbid one."""
        ...

    def types(
        self,
        loaded: Loaded,
        inputs: Sequence[Input],
        tasks: Sequence[Task],
        outputs: Sequence[Output],
        step_names: Iterable[str],
    ) -> tuple[Sequence[Diagnostic], Mapping[str, Sequence[Span]]]:
        """The faults of what templates read, and where prompts show images."""
        ...


def check(
    loaded: Loaded,
    *,
    read_file: ReadFile,
    proofs: Proofs,
    models: Models | None = None,
) -> Checked:
    """Checks a file that YAML could read.

    Without `models` nothing is said of what models can do.
    """
    flaws = proofs.form(loaded)
    whole = without_free_keys(loaded.data)
    data = without(whole, [flaw.path for flaw in flaws])
    slots = SlotReader(loaded, read_file)
    parts = _read(slots, whole, data, flaws)
    names = Names(loaded, whole)
    names.check_declared(parts.tasks, parts.outputs)
    edges = [edge for task in parts.tasks for edge in names.edges(task)]
    output_edges = {each.name: list(names.output_edges(each)) for each in parts.outputs}
    ordered, loops = proofs.order([task.id for task in parts.tasks], _within(edges, parts.tasks))
    parts = parts.ordered(ordered)
    found = [flaw.diagnostic for flaw in flaws] + slots.diagnostics + names.diagnostics
    found += [_loop_diagnostic(loaded, loop) for loop in loops]
    found += _faults_of_parts(loaded, whole, parts, proofs, models)
    diagnostics = tuple(sorted(_unique(found), key=lambda each: each.mark))
    if any(each.severity == "error" for each in diagnostics):
        return Checked(diagnostics, None)
    plan = Plan(
        name=str(data.get("name") or PurePath(loaded.path).stem),
        path=loaded.path,
        description=str(data.get("description") or ""),
        inputs=tuple(parts.inputs),
        tasks=tuple(parts.tasks),
        outputs=tuple(parts.outputs),
        needs=requirements(edges),
        output_needs=outputs_of(parts.outputs, output_edges),
    )
    return Checked(diagnostics, plan)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a file is made of, as far as it could be read."""

    inputs: Sequence[Input]
    tasks: Sequence[Task]
    outputs: Sequence[Output]

    def ordered(self, names: Sequence[str]) -> _Parts:
        by_id = {task.id: task for task in self.tasks}
        return replace(self, tasks=[by_id[name] for name in names])


def _read(
    slots: SlotReader,
    whole: Mapping[str, JsonValue],
    data: Mapping[str, JsonValue],
    flaws: Sequence[Flaw],
) -> _Parts:
    """The parts that `data` holds, which is the `whole` file without the flawed ones."""
    schemas = Schemas(slots, section(data, "schemas"), section(whole, "schemas"))
    schemas.check_all()
    reader = Reader(slots, schemas, section(data, "defaults"))
    left_out = [flaw.path for flaw in flaws if flaw.path is not None]
    partial = {path[1] for path in left_out if len(path) > 1 and path[0] == "steps"}
    return _Parts(
        [reader.input(name, spec) for name, spec in _entries(data, "inputs")],
        [
            reader.task(name, step, is_partial=name in partial)
            for name, step in _entries(data, "steps")
        ],
        [reader.output(name, each) for name, each in section(data, "outputs").items()],
    )


def _faults_of_parts(
    loaded: Loaded,
    whole: Mapping[str, JsonValue],
    parts: _Parts,
    proofs: Proofs,
    models: Models | None,
) -> Iterator[Diagnostic]:
    inputs = [*parts.inputs, *_unknown_inputs(whole, parts.inputs)]
    steps = section(whole, "steps")
    typed, pictures = proofs.types(loaded, inputs, parts.tasks, parts.outputs, steps)
    yield from typed
    yield from destination_faults(loaded, parts.outputs)
    if models is not None:
        yield from capability_faults(loaded, parts.tasks, models, pictures)


def _unknown_inputs(whole: Mapping[str, JsonValue], known: Iterable[Input]) -> Iterator[Input]:
    """The inputs whose declarations are faulty, so that anything may be read of them."""
    names = {each.name for each in known}
    for name in section(whole, "inputs"):
        if name not in names:
            yield Input(name, "data", {}, is_required=True)


def _entries(data: Mapping[str, JsonValue], name: str) -> list[tuple[str, Mapping[str, JsonValue]]]:
    return [
        (key, entry) for key, entry in section(data, name).items() if isinstance(entry, Mapping)
    ]


def _within(edges: Sequence[Edge], tasks: Sequence[Task]) -> list[Edge]:
    known = {task.id for task in tasks}
    return [edge for edge in edges if edge.source in known and edge.target in known]


def _unique(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """One diagnostic for a fault that several steps share, as of `defaults`."""
    return list(dict.fromkeys(diagnostics))


_SHOWN = 8


def _loop_diagnostic(loaded: Loaded, loop: Sequence[Edge]) -> Diagnostic:
    around = [edge.source for edge in loop]
    if len(around) > _SHOWN:
        shown = [*around[: _SHOWN - 1], f"… {len(around) - _SHOWN + 1} more …", around[0]]
    else:
        shown = [*around, around[0]]
    places = [f"{edge.target} names {edge.source} at {edge.mark(loaded)}" for edge in loop[:_SHOWN]]
    first = loop[0].mark(loaded)
    return loaded.diagnostic(
        first,
        f"steps need each other in a loop: {' → '.join(shown)}",
        "cycle",
        why="; ".join(places) + "; …" * (len(loop) > _SHOWN),
        mend="take one of these references out",
        length=len(loop[0].source),
    )
