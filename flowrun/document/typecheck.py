"""What templates read of inputs and earlier steps, held against their JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from flowrun.chat.messages import Role
from flowrun.document.access import Subject, not_a_list
from flowrun.document.faults import Fault
from flowrun.document.infer import Printed, infer, printed
from flowrun.document.pictures import INSIDE, TextPlace, is_shown
from flowrun.document.schema_types import from_schema
from flowrun.document.slots import Slot, Span, Tree, slots
from flowrun.document.source import Loaded
from flowrun.document.task import Ask, Input, Loop, Output, Piece, Task
from flowrun.document.types import (
    Anything,
    Array,
    Boolean,
    ImageType,
    Integer,
    Null,
    Number,
    Object,
    Option,
    String,
    Type,
    describe,
    elements,
    options,
    union,
)
from flowrun.document.vocabulary import NUMBERS
from flowrun.errors import Diagnostic

_WARNINGS = frozenset(("maybe-missing",))
"""A field that a schema does not require may be there: worth saying, no reason to refuse."""


def _closed(fields: Mapping[str, Type]) -> Object:
    return Object(fields, frozenset(fields), None)


_COUNTS = ("index", "index0", "revindex", "revindex0", "length")
_LOOP = _closed(
    {**dict.fromkeys(_COUNTS, Integer()), **dict.fromkeys(("first", "last"), Boolean())}
)
"""What `loop` holds in a step with foreach."""
_USAGE = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("output_tokens", "total_tokens"),
)
_FACTS = _closed(
    {
        "model": union([String(), Null()]),
        "status": String(),
        "seconds": Number(),
        "cost": union([Number(), Null()]),
        "usage": _closed(dict.fromkeys(_USAGE, Integer())),
    }
)
"""What `run.<step>` holds."""

_ALONE = "let the image stand alone: {{{{ {} }}}}"
_SYSTEM = TextPlace("a system prompt is text", "place it in the prompt")
_VALUE = TextPlace("a value with text around it is text", _ALONE, takes_alone=True)
_FILE = TextPlace("the name of a file is text")
_MODEL = TextPlace("the name of a model is text")
_ADDRESS = TextPlace("an image_url is one image or one address", _ALONE, takes_alone=True)


def type_faults(
    loaded: Loaded,
    inputs: Sequence[Input],
    tasks: Sequence[Task],
    outputs: Sequence[Output],
    step_names: Iterable[str],
) -> tuple[Sequence[Diagnostic], Mapping[str, Sequence[Span]]]:
    """The faults of all templates, and by step the places where its prompt shows an image.

    `tasks` come in an order in which each follows its needs. A step of `step_names` without a
    task is faulty itself: anything may be read of it.
    """
    checker = _Checker(loaded, inputs, step_names)
    for task in tasks:
        checker.task(task)
    for output in outputs:
        checker.output(output)
    return checker.diagnostics, checker.pictures


class _Checker:
    def __init__(self, loaded: Loaded, inputs: Sequence[Input], step_names: Iterable[str]) -> None:
        self.loaded = loaded
        self.diagnostics: list[Diagnostic] = []
        self.pictures: dict[str, list[Span]] = {}
        self.steps = dict.fromkeys(step_names)
        self.scope: dict[str, Type] = dict.fromkeys(self.steps, Anything())
        self.scope["inputs"] = _closed({each.name: _input_type(each) for each in inputs})
        self.scope["run"] = _closed(dict.fromkeys(self.steps, _FACTS))
        self.imaged = {"inputs"} if any(each.kind == "image" for each in inputs) else set()
        """Names whose values may hold images."""

    def task(self, task: Task) -> None:
        scope = self._looped(self.scope, task.loops)
        if isinstance(task.condition, Slot):
            self._slot(task.condition, scope)
        if task.ask is None:
            output = self._tree(task.value, scope, _VALUE)
            if any(self._may_show(slot) for slot in slots(task.value)):
                self.imaged.add(task.id)
        else:
            self._asked(task.id, task.ask, scope)
            output = _answer(task.ask)
            if task.ask.wants_image:
                self.imaged.add(task.id)
        for slot in task.expects:
            self._slot(slot, {**scope, task.id: output})
        if task.ask is not None and task.ask.samples is not None:
            output = Array(output)
        if task.ignores_errors or (task.loops and task.condition is not True):
            output = union([output, Null()])
        if task.loops:
            output = Array(output)
        self.scope[task.id] = Anything() if task.is_partial else output

    def output(self, output: Output) -> None:
        scope = self._looped(self.scope, (output.loop,) if output.loop else ())
        self._tree(output.value, scope, _VALUE)
        if output.file is not None:
            self._slot(output.file, scope, _FILE)

    def _looped(self, scope: dict[str, Type], loops: Iterable[Loop]) -> dict[str, Type]:
        for loop in loops:
            listed = self._slot(loop.items, scope)
            self._want_list(loop.items, listed)
            if self._may_show(loop.items):
                self.imaged.add(loop.name)
            scope = {**scope, loop.name: elements(listed), "loop": _LOOP}
        return scope

    def _want_list(self, slot: Slot, type_: Type) -> None:
        """Notes what no loop goes over: text and objects too, whatever Python thinks of them."""
        if any(isinstance(each, Anything | Array) for each in options(type_)):
            return
        path = slot.template.source.strip()
        subject = Subject(path, "step" if path in self.steps else "")
        trouble = not_a_list(type_, subject, "foreach needs a list")
        mend = trouble.mend
        if not mend and isinstance(type_, String):
            mend = f"take it apart: {path} | split"
        if not mend and isinstance(type_, Object):
            mend = f"{path}.values() are its values, {path}.items() its pairs"
        offset = slot.template.source.index(path)
        fault = Fault(offset, len(path), trouble.message, trouble.code, trouble.why, mend)
        self._note(slot, fault)

    def _asked(self, step: str, ask: Ask, scope: Mapping[str, Type]) -> None:
        for turn in ask.turns:
            for piece in turn.pieces:
                self._piece(step, turn.role, piece, scope)
        if ask.history is not None:
            found = self._slot(ask.history, scope)
            self._want(ask.history, found, (Array,), '"messages" must be a list of messages')
        for tree in (ask.model, *ask.fallback):
            found = self._tree(tree, scope, _MODEL)
            if isinstance(tree, Slot):
                self._want(tree, found, (String, ImageType), "the name of a model must be text")
        for name, tree in {**ask.options, **ask.image_config, **ask.provider}.items():
            found = self._tree(tree, scope, TextPlace(f'"{name}" is plain data'))
            if isinstance(tree, Slot) and name in NUMBERS:
                wanted = (Integer, Number, Null, ImageType)
                mend = "compute it inside of the braces"
                if tree.template.is_expression:
                    mend = "make it a number: | float, or | int"
                self._want(tree, found, wanted, f'"{name}" must be a number', mend)

    def _want(
        self,
        slot: Slot,
        found: Type,
        wanted: tuple[type[Option], ...],
        rule: str,
        mend: str = "",
    ) -> None:
        """Notes a value that certainly is of no kind that is wanted."""
        if not any(isinstance(each, (Anything, *wanted)) for each in options(found)):
            length = len(slot.template.source.partition("\n")[0])
            message = f"{rule}, and this is {describe(found)}"
            self._note(slot, Fault(0, length, message, "wrong-type", mend=mend))

    def _piece(self, step: str, role: Role, piece: Piece, scope: Mapping[str, Type]) -> None:
        if role == "system":
            self._slot(piece.slot, scope, _SYSTEM)
        elif piece.kind == "image":
            self._image(step, piece.slot, scope)
        else:
            self._prompt(step, piece.slot, scope)

    def _prompt(self, step: str, slot: Slot, scope: Mapping[str, Type]) -> None:
        """Text in which images may stand."""
        self._slot(slot, scope)
        for each in self._printed(slot, scope):
            if is_shown(each.type):
                self.pictures.setdefault(step, []).append(Span(slot, each.offset, each.length))
            elif fault := INSIDE.fault(each):
                self._note(slot, fault)

    def _image(self, step: str, slot: Slot, scope: Mapping[str, Type]) -> None:
        """The place of one image: itself, or its address."""
        source = slot.template.source
        self.pictures.setdefault(step, []).append(Span(slot, 0, len(source)))
        if slot.template.is_constant:
            if not source.startswith(("https://", "http://")):
                message = "an image_url is an address, or a template that gives an image"
                mend = "begin it with https://"
                self._note(slot, Fault(0, len(source), message, "wrong-value", mend=mend))
            return
        found = self._slot(slot, scope, _ADDRESS)
        self._want(slot, found, (String, ImageType), "an image_url is an image or an address")

    def _tree(self, tree: Tree, scope: Mapping[str, Type], place: TextPlace) -> Type:
        match tree:
            case Slot():
                return self._slot(tree, scope, place)
            case tuple():
                items = tuple(self._tree(each, scope, place) for each in tree)
                return Array(union(items), items, len(items))
            case Mapping():
                return _closed(
                    {name: self._tree(each, scope, place) for name, each in tree.items()}
                )
            case bool():
                return Boolean()
            case int():
                return Integer()
            case float():
                return Number()
            case str():
                return String()
            case _:
                return Null()

    def _slot(self, slot: Slot, scope: Mapping[str, Type], place: TextPlace | None = None) -> Type:
        """The type that a template gives; `place` if no image can stand there."""
        if slot.template.is_constant:
            return String()
        found, faults = infer(slot.template.tree, scope, steps=self.steps)
        for fault in faults:
            self._note(slot, fault)
        if place is not None and not (place.takes_alone and slot.template.is_expression):
            for each in self._printed(slot, scope):
                if misplaced := place.fault(each):
                    self._note(slot, misplaced)
        return found

    def _printed(self, slot: Slot, scope: Mapping[str, Type]) -> Sequence[Printed]:
        if slot.template.is_constant or not self._may_show(slot):
            return ()
        return printed(slot.template.tree, scope, steps=self.steps)

    def _may_show(self, slot: Slot) -> bool:
        return any(each.name in self.imaged for each in slot.template.references)

    def _note(self, slot: Slot, fault: Fault) -> None:
        diagnostic = slot.diagnostic(self.loaded, fault)
        if fault.code in _WARNINGS:
            diagnostic = replace(diagnostic, severity="warning")
        self.diagnostics.append(diagnostic)


def _input_type(declared: Input) -> Type:
    match declared.kind:
        case "image":
            return ImageType()
        case "file":
            return Anything()
        case "data":
            return from_schema(declared.schema)
        case _:
            assert_never(declared.kind)


def _answer(ask: Ask) -> Type:
    """What a step that asks a model gives, before samples and loops make lists of it."""
    if ask.wants_image:
        return ImageType()
    match ask.response_format.kind:
        case "text":
            return String()
        case "json_object":
            return Object()
        case "json_schema":
            return from_schema(ask.response_format.schema)
        case _:
            assert_never(ask.response_format.kind)
