"""A sound file's steps, inputs and outputs as data read into tasks, noting what is faulty."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Literal, cast

from flowrun.digest import JsonValue
from flowrun.document.arguments import Arguments
from flowrun.document.ask_reader import AskReader, integer, listed
from flowrun.document.outline import section
from flowrun.document.schemas import Schemas
from flowrun.document.slots import Slot, Tree
from flowrun.document.source import Path
from flowrun.document.task import Block, Call, Input, Loop, Output, Repeat, Task, Uses
from flowrun.document.toolbelt import Toolbelt
from flowrun.document.vocabulary import seconds

Data = Mapping[str, JsonValue]


class Reader:
    """Reads the steps of one file; `slots.diagnostics` holds what was found faulty.

    `lacking` are the places out of which, or out of whose insides, something faulty was left.
    """

    def __init__(
        self, schemas: Schemas, toolbelt: Toolbelt, defaults: Data, lacking: Collection[Path]
    ) -> None:
        self.slots = schemas.slots
        self.schemas = schemas
        self.asks = AskReader(schemas, defaults, toolbelt)
        self.defaults = defaults
        self.toolbelt = toolbelt
        self.lacking = lacking
        self.arguments = Arguments(self.slots, lacking)

    def tasks(self, path: Path, steps: Data) -> list[Task]:
        """The steps of the file or of a block, in the file's order."""
        return [
            self.task((*path, name), step)
            for name, step in steps.items()
            if isinstance(step, Mapping)
        ]

    def task(self, path: Path, step: Data) -> Task:
        """A step with its templates parsed; a faulty template is left out."""
        told = len(self.slots.diagnostics)
        task = self._task(path, step)
        is_partial = (
            path in self.lacking or len(self.slots.diagnostics) > told or _is_lost(task, step)
        )
        return replace(task, is_partial=True) if is_partial else task

    def _task(self, path: Path, step: Data) -> Task:
        is_asking = "prompt" in step or "messages" in step
        timeout = step.get("timeout", self.defaults.get("timeout") if is_asking else None)
        return Task(
            id=str(path[-1]),
            path=path,
            ask=self.asks.ask(path, step) if is_asking else None,
            call=self._call(path, step) if "call" in step else None,
            uses=self._uses(path, step) if "uses" in step else None,
            block=self._block(path, step) if "steps" in step else None,
            value=self._value((*path, "value"), step.get("value")),
            repeat=self._repeat((*path, "repeat"), step.get("repeat")),
            condition=self._condition((*path, "if"), step.get("if", True)),
            loops=self._loops(path, step),
            needs=tuple(str(each) for each in listed(step.get("needs"))),
            expects=self._expressions((*path, "expect"), step.get("expect")),
            timeout_s=seconds(timeout) if isinstance(timeout, str) else None,
            ignores_errors=step.get("on_error") == "ignore",
            budget_usd=budget_of(step),
        )

    def _value(self, path: Path, value: JsonValue) -> Tree:
        if isinstance(value, Mapping) and value.keys() == {"file"}:
            return self.slots.text(path, value)
        return self.slots.tree(path, value)

    def _condition(self, path: Path, source: JsonValue) -> Slot | bool:
        if isinstance(source, str):
            return self.slots.expression(path, source) or True
        return source is not False

    def _loops(self, path: Path, step: Data) -> tuple[Loop, ...]:
        source = step.get("foreach")
        path = (*path, "foreach")
        if isinstance(source, str):
            return self._loop(path, str(step.get("as", "item")), source)
        found: tuple[Loop, ...] = ()
        for name, each in source.items() if isinstance(source, Mapping) else ():
            found += self._loop((*path, name), name, str(each))
        return found

    def _loop(self, path: Path, name: str, source: str) -> tuple[Loop, ...]:
        slot = self.slots.expression(path, source)
        return (Loop(name, slot),) if slot else ()

    def _expressions(self, path: Path, source: JsonValue) -> tuple[Slot, ...]:
        if isinstance(source, str):
            slot = self.slots.expression(path, source)
            return (slot,) if slot else ()
        found = (
            self.slots.expression((*path, index), str(each))
            for index, each in enumerate(listed(source))
        )
        return tuple(slot for slot in found if slot)

    def _repeat(self, path: Path, source: JsonValue) -> Repeat | None:
        if not isinstance(source, Mapping):
            return None
        until = source.get("until")
        if isinstance(until, str):
            slot = self.slots.expression((*path, "until"), until)
            return Repeat(slot, integer(source.get("max"), 1)) if slot else None
        return Repeat(until is True, integer(source.get("max"), 1))

    def _block(self, path: Path, step: Data) -> Block:
        return Block(
            tuple(self.tasks((*path, "steps"), section(step, "steps"))),
            needs={},
            output=self._value((*path, "output"), step.get("output")),
            has_output="output" in step,
        )

    def _uses(self, path: Path, step: Data) -> Uses | None:
        name = str(step["uses"])
        plan = self.toolbelt.child((*path, "uses"), name)
        arguments = self.arguments.tree(path, step.get("with"))
        if plan is None:
            return None
        self.arguments.check_inputs(path, name, arguments, plan)
        return Uses(plan, arguments)

    def _call(self, path: Path, step: Data) -> Call | None:
        name = str(step["call"])
        called = self.toolbelt.called((*path, "call"), name)
        arguments = self.arguments.tree(path, step.get("with"))
        if called is None:
            return None
        tool, member = called
        self.arguments.check_parameters(path, name, arguments, tool)
        return Call(tool, member, arguments)

    def input(self, name: str, spec: Data) -> Input:
        """An input's declaration."""
        kind = spec.get("type")
        schema = {key: value for key, value in spec.items() if key not in ("default",)}
        is_path = kind in ("image", "file")
        if not is_path and self.schemas.check(("inputs", name), schema) and "default" in spec:
            self.schemas.fits(("inputs", name, "default"), schema, spec["default"])
        return Input(
            name,
            cast(Literal["data", "image", "file"], kind if is_path else "data"),
            schema={} if is_path else schema,
            is_required="default" not in spec,
            default=spec.get("default"),
            description=str(spec.get("description", "")),
        )

    def output(self, name: str, data: JsonValue) -> Output:
        """An output: the form with `value`, or data with templates in it."""
        path: Path = ("outputs", name)
        if not (isinstance(data, Mapping) and "value" in data):
            return Output(name, path, self.slots.tree(path, data))
        loop: tuple[Loop, ...] = ()
        if isinstance(source := data.get("foreach"), str):
            loop = self._loop((*path, "foreach"), str(data.get("as", "item")), source)
        file = data.get("file")
        return Output(
            name,
            path,
            self.slots.tree((*path, "value"), data["value"]),
            file=None if file is None else self.slots.text((*path, "file"), file),
            loop=loop[0] if loop else None,
        )


def budget_of(data: Data) -> Decimal | None:
    """The budget of a step or of a file, in US dollars."""
    usd = section(data, "budget").get("usd")
    return Decimal(str(usd)) if isinstance(usd, int | float) else None


def _is_lost(task: Task, step: Data) -> bool:
    """Whether something that the step names is faulty itself, and told elsewhere."""
    if task.ask is not None:
        return any(tool.is_partial for tool in task.ask.tools)
    if task.call is not None:
        return task.call.tool.is_partial
    if task.block is not None:
        return any(each.is_partial for each in task.block.tasks)
    return bool(step.keys() & {"call", "uses"}) and task.uses is None
