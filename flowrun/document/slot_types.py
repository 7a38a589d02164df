"""The types of single templates and of data with templates in it, and where faults are noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from flowrun.document.access import DOUBTS
from flowrun.document.faults import Fault
from flowrun.document.infer import Printed, infer_within, known_where, printed
from flowrun.document.names import Names
from flowrun.document.narrowing import Facts
from flowrun.document.pictures import INSIDE, TextPlace, is_shown
from flowrun.document.slots import Slot, Span, Tree
from flowrun.document.source import Loaded, Path
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
    Union,
    closed,
    describe,
    options,
    union,
)
from flowrun.errors import Diagnostic

_ADDRESS = TextPlace(
    "an image_url is one image or one address",
    "let the image stand alone: {{{{ {} }}}}",
    takes_alone=True,
)


class SlotTypes:
    """Works out types and notes faults; without a file to tell their places it keeps quiet.

    `pictures` are, by the path of a step, the places where its prompt shows an image.
    """

    def __init__(self, loaded: Loaded | None) -> None:
        self._loaded = loaded
        self.diagnostics: list[Diagnostic] = []
        self.pictures: dict[Path, list[Span]] = {}
        # By identity, for not all types can be hashed; each is held here as well.
        self._showing: dict[int, tuple[Type, bool]] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is noted."""
        return self._loaded is None

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Notes nothing for a while."""
        loaded, self._loaded = self._loaded, None
        yield
        self._loaded = loaded

    def slot(self, slot: Slot, names: Names, place: TextPlace | None = None) -> Type:
        """The type that a template gives; `place` if no image can stand there."""
        if slot.template.is_constant:
            return String()
        found, faults = infer_within(slot.template.tree, names)
        for fault in faults:
            self.note(slot, fault)
        if place is not None and not (place.takes_alone and slot.template.is_expression):
            for each in self._printed(slot, names):
                if misplaced := place.fault(each):
                    self.note(slot, misplaced)
        return found

    def known(self, slot: Slot, names: Names) -> Facts:
        """What is known wherever a condition holds."""
        return known_where(slot.template.tree, names)

    def tree(self, tree: Tree, names: Names, place: TextPlace) -> Type:
        """The type of data with templates in it."""
        match tree:
            case Slot():
                return self.slot(tree, names, place)
            case tuple():
                items = tuple(self.tree(each, names, place) for each in tree)
                return Array(union(items), items, len(items))
            case Mapping():
                return closed({name: self.tree(each, names, place) for name, each in tree.items()})
            case _:
                return type_of_constant(tree)

    def want(
        self,
        slot: Slot,
        found: Type,
        wanted: tuple[type[Option], ...],
        rule: str,
        mend: str = "",
    ) -> None:
        """Notes a value that certainly is of no kind that is wanted."""
        if not any(isinstance(each, (Anything, *wanted)) for each in options(found)):
            self.refuse(slot, f"{rule}, and this is {describe(found)}", mend)

    def refuse(self, slot: Slot, message: str, mend: str = "") -> None:
        """Notes that the value of a template is of a wrong kind."""
        length = len(slot.template.source.partition("\n")[0])
        self.note(slot, Fault(0, length, message, "wrong-type", mend=mend))

    def prompt(self, step: Path, slot: Slot, names: Names) -> None:
        """Text in which images may stand."""
        self.slot(slot, names)
        for each in self._printed(slot, names):
            if is_shown(each.type):
                self._shows(step, Span(slot, each.offset, each.length))
            elif fault := INSIDE.fault(each):
                self.note(slot, fault)

    def image(self, step: Path, slot: Slot, names: Names) -> None:
        """The place of one image: itself, or its address."""
        source = slot.template.source
        self._shows(step, Span(slot, 0, len(source)))
        if slot.template.is_constant:
            if not source.startswith(("https://", "http://")):
                message = "an image_url is an address, or a template that gives an image"
                mend = "begin it with https://"
                self.note(slot, Fault(0, len(source), message, "wrong-value", mend=mend))
            return
        found = self.slot(slot, names, _ADDRESS)
        self.want(slot, found, (String, ImageType), "an image_url is an image or an address")

    def note(self, slot: Slot, fault: Fault) -> None:
        """Notes a fault within a template."""
        if self._loaded is None:
            return
        diagnostic = slot.diagnostic(self._loaded, fault)
        if fault.code in DOUBTS:
            diagnostic = replace(diagnostic, severity="warning")
        self.diagnostics.append(diagnostic)

    def note_at(
        self, path: Path, message: str, *, mend: str = "", length: int = 1, is_key: bool = False
    ) -> None:
        """Notes that the value at a path is of a wrong kind, or that its key should not be."""
        if self._loaded is not None:
            mark = self._loaded.key_mark(path) if is_key else self._loaded.mark(path)
            found = self._loaded.diagnostic(mark, message, "wrong-type", mend=mend, length=length)
            self.diagnostics.append(found)

    def _shows(self, step: Path, span: Span) -> None:
        if self._loaded is not None:
            self.pictures.setdefault(step, []).append(span)

    def _printed(self, slot: Slot, names: Names) -> Sequence[Printed]:
        if not any(self._may_show(names.get(each)) for each in slot.template.names):
            return ()
        return printed(slot.template.tree, names)

    def _may_show(self, type_: Type | None) -> bool:
        if type_ is None:
            return False
        known = self._showing.get(id(type_))
        if known is None:
            known = self._showing[id(type_)] = (type_, _may_show(type_))
        return known[1]


def type_of_constant(value: bool | float | str | None) -> Type:
    """The type of plain data that stands in a file, which may be another tomorrow."""
    match value:
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


_DEEPEST = 6


def _may_show(type_: Type, depth: int = 0) -> bool:
    """Whether there may be an image in a value, as far as is known; schemas know of none."""
    if depth > _DEEPEST:
        return True
    match type_:
        case ImageType():
            return True
        case Union():
            return any(_may_show(each, depth) for each in type_.options)
        case Array():
            return any(_may_show(each, depth + 1) for each in (*type_.prefix, type_.item))
        case Object():
            extra = () if type_.extra is None else (type_.extra,)
            return any(_may_show(each, depth + 1) for each in (*type_.fields.values(), *extra))
        case _:
            return False
