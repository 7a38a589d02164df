"""What templates read of inputs, steps and tools, held against the types that these give.

_Checker.steps
└── _step                 loop variables, the `if` and what is known where it holds
    ├── _repeated         rounds: what a step knows of those before, until nothing new comes
    └── _round            one output, what `expect` says of it, `samples` of it
        └── _output       a request, a call, a pipeline used, a block with steps of its own, a value
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from flowrun.dataclass import dataclass
from flowrun.document.access import not_a_list
from flowrun.document.ask_slots import check_ask
from flowrun.document.faults import Fault
from flowrun.document.handled import unhandled_routes
from flowrun.document.handover import Handover
from flowrun.document.names import Names
from flowrun.document.parts import Parts
from flowrun.document.pictures import TextPlace
from flowrun.document.skipping import Skips, required
from flowrun.document.slot_types import SlotTypes
from flowrun.document.slots import Slot, Span
from flowrun.document.source import Loaded, Path
from flowrun.document.task import Block, Call, Input, Loop, Output, Repeat, Task, Uses
from flowrun.document.task_types import FACTS, LOOP, SchemaTypes, rounds
from flowrun.document.tool import SubPipeline, Tool
from flowrun.document.types import (
    Anything,
    Array,
    Deferred,
    Null,
    Object,
    String,
    Type,
    closed,
    elements,
    options,
    union,
)
from flowrun.errors import Diagnostic

if TYPE_CHECKING:
    from flowrun.document.plan import Plan

_ALONE = "let the image stand alone: {{{{ {} }}}}"
_VALUE = TextPlace("a value with text around it is text", _ALONE, takes_alone=True)
_FILE = TextPlace("the name of a file is text")
_MOST_GUESSES = 3


def type_faults(
    loaded: Loaded, parts: Parts, step_names: Iterable[str]
) -> tuple[Sequence[Diagnostic], Mapping[Path, Sequence[Span]]]:
    """The faults of all templates, and by a step's path where its prompt shows an image.

    The tasks come in an order in which each follows its needs. A step of `step_names` without a
    task is faulty itself: anything may be read of it.
    """
    checker = _Checker(SlotTypes(loaded), _Known(), Skips(parts.tasks))
    for tool in parts.tools:
        checker.tool(tool)
    names = checker.steps(parts.tasks, checker.outermost(parts.inputs, step_names))
    for output in parts.outputs:
        checker.output(output, names)
    typing = checker.typing
    return [*typing.diagnostics, *unhandled_routes(loaded, parts)], typing.pictures


def type_of_outputs(plan: Plan) -> Type:
    """What a checked file gives to one that uses it: the object of its outputs."""
    return _Checker.of(plan, _Known())


@dataclass(frozen=True, slots=True)
class _Known:
    """What is worked out once for all files of a check."""

    schemas: SchemaTypes = field(default_factory=SchemaTypes)
    # By identity, for plans cannot be hashed; each is held here as well.
    plans: dict[int, tuple[Plan, Type]] = field(default_factory=dict)


class _Checker:
    """Types one file; `skips` are its steps that may have no value."""

    def __init__(self, typing: SlotTypes, known: _Known, skips: Skips) -> None:
        self.typing = typing
        self.known = known
        self.skips = skips

    @classmethod
    def of(cls, plan: Plan, known: _Known) -> Type:
        """The object of a sound file's outputs; without any, of the steps that nobody needs."""
        checker = cls(SlotTypes(None), known, Skips(plan.tasks))
        ids = [task.id for task in plan.tasks]
        names = checker.steps(plan.tasks, checker.outermost(plan.inputs, ids))
        if plan.outputs:
            return closed({each.name: checker.output(each, names) for each in plan.outputs})
        values = checker.values(plan.tasks, names)
        return closed({name: values[name] for name in plan.sinks()})

    def outermost(self, inputs: Iterable[Input], step_names: Iterable[str]) -> Names:
        """What the file's own steps may name."""
        steps = dict.fromkeys(step_names)
        schemas = self.known.schemas
        scope: dict[str, Type] = dict.fromkeys(steps, Anything())
        scope["inputs"] = closed({each.name: schemas.input(each) for each in inputs})
        scope["run"] = closed(dict.fromkeys(steps, FACTS))
        return Names(scope, steps)

    def steps(self, tasks: Sequence[Task], names: Names) -> Names:
        """The names with the types of steps that come one after the other."""
        scope: dict[str, Type] = dict.fromkeys((task.id for task in tasks), Anything())
        names = names.plus(scope)
        for task in tasks:
            scope[task.id] = self._step(task, names)
        return names

    def output(self, output: Output, names: Names) -> Type:
        """What an output of the file holds."""
        loops = (output.loop,) if output.loop else ()
        names = self._looped(names, loops)
        found = self.typing.tree(output.value, names, _VALUE)
        if output.file is not None:
            self.typing.slot(output.file, names, _FILE)
        if loops:
            found = Array(found)
        read = required([*output.slots(), *(loop.items for loop in loops)])
        return found if read.isdisjoint(self.skips.names) else union([found, Null()])

    def tool(self, tool: Tool) -> None:
        """The templates of a tool, which see its arguments."""
        taken = options(self.known.schemas.arguments(tool))
        objects = [each for each in taken if isinstance(each, Object)]
        scope = {
            name: union(each.fields.get(name, each.extra or Anything()) for each in objects)
            for one in objects
            for name in one.fields
        }
        for slot in tool.slots():
            self.typing.slot(slot, Names(scope if len(objects) == len(taken) else {}))

    def _step(self, task: Task, names: Names) -> Type:
        names = self._looped(names, task.loops)
        if isinstance(task.condition, Slot):
            self.typing.slot(task.condition, names)
            names = names.child(self.typing.known(task.condition, names))
        if task.repeat is None:
            found = self._round(task, names)
        else:
            found = self._repeated(task, task.repeat, names)
        may_lack = task.loops and task.path in self.skips.items
        if task.ignores_errors or may_lack:
            found = union([found, Null()])
        if task.loops:
            found = Array(found)
            if task.ignores_errors:  # what gives the items may fail itself
                found = union([found, Null()])
        return Anything() if task.is_partial else found

    def _looped(self, names: Names, loops: Iterable[Loop]) -> Names:
        for loop in loops:
            listed = self.typing.slot(loop.items, names)
            self._want_list(loop.items, listed, names)
            names = names.plus({loop.name: elements(listed), "loop": LOOP})
        return names

    def _want_list(self, slot: Slot, type_: Type, names: Names) -> None:
        """Notes what no loop goes over: text and objects too, whatever Python thinks of them."""
        if any(isinstance(each, Anything | Array) for each in options(type_)):
            return
        path = slot.template.source.strip()
        subject = names.subject(path)
        trouble = not_a_list(type_, subject, "foreach needs a list")
        mend = trouble.mend
        if not mend and isinstance(type_, String):
            mend = f"take it apart: {path} | split"
        if not mend and isinstance(type_, Object):
            mend = f"{path}.values() are its values, {path}.items() its pairs"
        offset = slot.template.source.index(path)
        fault = Fault(offset, len(path), trouble.message, trouble.code, trouble.why, mend)
        self.typing.note(slot, fault)

    def _repeated(self, task: Task, repeat: Repeat, names: Names) -> Type:
        """What one round gives, whose templates may read what those before gave."""
        names = names.plus(rounds(self._guess(task, names)))
        found = self._round(task, names)
        if isinstance(repeat.until, Slot):
            self.typing.slot(repeat.until, names.plus({task.id: found}))
        return found

    def _guess(self, task: Task, names: Names) -> Type:
        """A type of which every round's output is.

        If rounds that know of a type give nothing but that type, no round gives anything else.
        Where that does not come about, or would be asked for inside of the same, it is anything.
        """
        if self.typing.is_quiet:
            return Anything()
        with self.typing.quiet():
            found = self._round(task, names.plus(rounds(Null(), is_first=True)))
            for _ in range(_MOST_GUESSES):
                more = self._round(task, names.plus(rounds(found)))
                if more == found:
                    return found
                found = union([found, more])
        return Anything()

    def _round(self, task: Task, names: Names) -> Type:
        found = self._output(task, names)
        for slot in task.expects:
            self.typing.slot(slot, names.plus({task.id: found}))
        has_samples = task.ask is not None and task.ask.samples is not None
        return Array(found) if has_samples else found

    def _output(self, task: Task, names: Names) -> Type:
        """What one round of one item gives, one sample of it."""
        if task.ask is not None:
            check_ask(self.typing, task.path, task.ask, names)
            return self.known.schemas.answer(task.ask)
        if task.call is not None:
            return self._called(task.path, task.call, names)
        if task.uses is not None:
            return self._used(task.path, task.uses, names)
        if task.block is not None:
            return self._block(task.block, names)
        return self.typing.tree(task.value, names, _VALUE)

    def _called(self, step: Path, call: Call, names: Names) -> Type:
        tool = call.tool
        wanted = None if tool.parameters is None else self.known.schemas.arguments(tool)
        what = f'the argument "{{}}" of tool "{tool.name}"'
        Handover(self.typing, names, what, wanted).check((*step, "with"), call.arguments)
        if isinstance(tool.action, SubPipeline):
            return self._given(tool.action.plan)
        return self.known.schemas.result(tool) or Anything()

    def _used(self, step: Path, uses: Uses, names: Names) -> Type:
        wanted = closed({each.name: self.known.schemas.input(each) for each in uses.plan.inputs})
        wanted = replace(wanted, required=frozenset())
        what = f'the input "{{}}" of "{uses.plan.name}"'
        handover = Handover(self.typing, names, what, wanted, takes_images=True)
        handover.check((*step, "with"), uses.arguments)
        return self._given(uses.plan)

    def _given(self, plan: Plan) -> Type:
        """What a pipeline gives that another one uses."""
        known = self.known.plans.get(id(plan))
        if known is None:
            known = self.known.plans[id(plan)] = (plan, self.of(plan, self.known))
        return known[1]

    def _block(self, block: Block, names: Names) -> Type:
        ids = [task.id for task in block.tasks]
        names = names.plus({"run": _facts(names.scope["run"], ids)})
        names = replace(names, steps=frozenset((*names.steps, *ids)))
        names = self.steps(block.tasks, names)
        if block.has_output:
            return self.typing.tree(block.output, names, _VALUE)
        return closed(self.values(block.tasks, names))

    def values(self, tasks: Iterable[Task], names: Names) -> Mapping[str, Type]:
        """What steps give, null for those that are skipped."""
        return {
            task.id: union([names.scope[task.id], Null()])
            if task.path in self.skips.steps
            else names.scope[task.id]
            for task in tasks
        }


def _facts(outer: Type, ids: Sequence[str]) -> Type:
    """`run` inside of a block, which few look at, so that it is made when somebody does."""

    def made(at: int) -> Type:
        fields = {name: FACTS for each in options(outer, at) for name in _fields(each)}
        return closed({**fields, **dict.fromkeys(ids, FACTS)})

    return Deferred(made)


def _fields(type_: Type) -> Iterable[str]:
    return type_.fields if isinstance(type_, Object) else ()
