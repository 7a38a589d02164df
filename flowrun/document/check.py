"""Everything that is wrong with a file, at once, as diagnostics; or its plan.

check
├── proofs.form             keys and kinds of values (structure.flaws; pydantic)
├── ToolReader, Reader      templates, schemas, tools, steps, inputs, outputs
├── Family.child            the files that it uses, each checked likewise
├── taken_names             names that are something else already
├── Names, Linker           who names whom, names that lead nowhere, each block's own order
│   └── proofs.order        loops (plan.order; networkx)
├── proofs.types            what templates read of earlier steps (typecheck.type_faults)
├── destination_faults      where outputs are written
└── capability_faults       what a model is known not to be able to do
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Protocol

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.capability import Models, capability_faults
from flowrun.document.destinations import destination_faults
from flowrun.document.edges import Edge, Names, requirements
from flowrun.document.families import Family, Member, too_large
from flowrun.document.linking import Linker
from flowrun.document.outline import Flaw, section, without, without_free_keys
from flowrun.document.parts import Parts
from flowrun.document.plan import Plan, outputs_of, size_of
from flowrun.document.reader import Reader, budget_of
from flowrun.document.schemas import Schemas
from flowrun.document.slots import ReadFile, SlotReader, Span
from flowrun.document.source import Loaded, Path
from flowrun.document.taken import taken_names
from flowrun.document.task import Input
from flowrun.document.tool import Tool
from flowrun.document.toolbelt import Toolbelt
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
        self, loaded: Loaded, parts: Parts, step_names: Iterable[str]
    ) -> tuple[Sequence[Diagnostic], Mapping[Path, Sequence[Span]]]:
        """The faults of what templates read, and where prompts show images."""
        ...


def check(
    loaded: Loaded,
    *,
    read_file: ReadFile,
    proofs: Proofs,
    models: Models | None = None,
) -> Checked:
    """Checks a file that YAML could read, and the pipelines that it uses.

    Without `models` nothing is said of what models can do.
    """

    def check_member(member: Member) -> tuple[tuple[Diagnostic, ...], Plan | None]:
        return _check_file(family, member, proofs, models)

    family = Family(loaded, read_file, check_member)
    found, plan = check_member(family.first)
    return Checked((*found, *family.diagnostics), plan)


def _check_file(
    family: Family, member: Member, proofs: Proofs, models: Models | None
) -> tuple[tuple[Diagnostic, ...], Plan | None]:
    """The faults of one file alone, and its plan if it and those that it uses are sound."""
    loaded = member.loaded
    flaws = proofs.form(loaded)
    whole = without_free_keys(loaded.data)
    data = without(whole, [flaw.path for flaw in flaws])
    slots = SlotReader(loaded, family.reader(member), folder=member.folder)
    uses = _Uses(family, member, slots)
    parts = _read(slots, uses, whole, data, _lacking(flaws))
    names = Names(loaded, whole)
    linker = Linker(names, proofs.order)
    linked = linker.link(parts.tasks, names.top)
    parts = replace(parts, tasks=linked.tasks)
    output_edges = {each.name: list(names.output_edges(each)) for each in parts.outputs}
    found = [flaw.diagnostic for flaw in flaws] + slots.diagnostics + names.diagnostics
    found += taken_names(loaded, names.top, parts.tasks, parts.outputs)
    found += [_loop_diagnostic(loaded, loop) for loop in linker.loops]
    found += _faults_of_parts(loaded, whole, parts, proofs, models)
    diagnostics = tuple(sorted(_unique(found), key=lambda each: each.mark))
    if uses.is_broken or any(each.severity == "error" for each in diagnostics):
        return diagnostics, None
    plan = Plan(
        name=str(data.get("name") or PurePath(loaded.path).stem),
        path=loaded.path,
        description=str(data.get("description") or ""),
        inputs=tuple(parts.inputs),
        tasks=linked.tasks,
        outputs=tuple(parts.outputs),
        needs=requirements(linked.edges),
        output_needs=outputs_of(parts.outputs, output_edges),
        tools=tuple(parts.tools),
        folder=member.folder,
        version=member.version(),
        size=size_of(linked.tasks),
        budget_usd=budget_of(data),
    )
    return diagnostics, plan


class _Uses:
    """The files that one file uses; `is_broken` once one of them is faulty."""

    def __init__(self, family: Family, member: Member, slots: SlotReader) -> None:
        self._family = family
        self._member = member
        self._slots = slots
        self.folder = member.folder
        self.is_broken = False

    def child(self, path: Path, name: str) -> Plan | None:
        plan = self._family.child(self._member, self._slots, path, name)
        self.is_broken = self.is_broken or plan is None
        return plan


def _lacking(flaws: Iterable[Flaw]) -> frozenset[Path]:
    """The places out of which, or out of whose insides, something faulty was left."""
    paths = [flaw.path for flaw in flaws if flaw.path is not None]
    return frozenset(path[:length] for path in paths for length in range(1, len(path) + 1))


def _read(
    slots: SlotReader,
    uses: _Uses,
    whole: Mapping[str, JsonValue],
    data: Mapping[str, JsonValue],
    lacking: frozenset[Path],
) -> Parts:
    """The parts that `data` holds, which is the `whole` file without the flawed ones."""
    schemas = Schemas(slots, section(data, "schemas"), section(whole, "schemas"))
    schemas.check_all()
    toolbelt = Toolbelt(slots, _tools(schemas, uses, whole, data, lacking), uses.child)
    reader = Reader(schemas, toolbelt, section(data, "defaults"), lacking)
    return Parts(
        [reader.input(name, spec) for name, spec in _entries(data, "inputs")],
        toolbelt.all(),
        reader.tasks(("steps",), section(data, "steps")),
        [reader.output(name, each) for name, each in section(data, "outputs").items()],
    )


def _tools(
    schemas: Schemas,
    uses: _Uses,
    whole: Mapping[str, JsonValue],
    data: Mapping[str, JsonValue],
    lacking: frozenset[Path],
) -> Mapping[str, Tool]:
    names = section(whole, "tools")
    if not names:
        return {}
    # Imported here, for what reads tools costs time that most files need not spend.
    from flowrun.document.tool_reader import ToolReader

    reader = ToolReader(schemas, uses.child, uses.folder, lacking)
    return reader.tools(section(data, "tools"), names)


def _faults_of_parts(
    loaded: Loaded,
    whole: Mapping[str, JsonValue],
    parts: Parts,
    proofs: Proofs,
    models: Models | None,
) -> Iterator[Diagnostic]:
    inputs = [*parts.inputs, *_unknown_inputs(whole, parts.inputs)]
    steps = section(whole, "steps")
    typed, pictures = proofs.types(loaded, replace(parts, inputs=inputs), steps)
    yield from typed
    yield from destination_faults(loaded, parts.outputs)
    if models is not None:
        yield from capability_faults(loaded, parts.tasks, models, pictures)
    if message := too_large(size_of(parts.tasks)):
        yield loaded.diagnostic(
            loaded.key_mark(("steps",)), message, "too-large", mend="use fewer files", length=5
        )


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
