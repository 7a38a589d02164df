"""What a step gives with `with`, held against the types that the one who takes it declares."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.dataclass import dataclass
from flowrun.document.fits import Misfit, fits, not_of_kind
from flowrun.document.names import Names
from flowrun.document.pictures import TextPlace
from flowrun.document.slot_types import SlotTypes, type_of_constant
from flowrun.document.slots import Slot, Tree
from flowrun.document.source import Path
from flowrun.document.types import (
    Anything,
    Array,
    ImageType,
    Object,
    String,
    Type,
    options,
    quoted,
    union,
)
from flowrun.errors import did_you_mean

_PLAIN = TextPlace("the arguments of a tool are plain data")
_NO_IMAGE = TextPlace("the input is not declared as an image", "declare it as {{type: image}}")
_IMAGE = TextPlace("the input is an image alone", "let the image stand alone: {{{{ {} }}}}", True)


@dataclass(frozen=True, slots=True)
class Handover:
    """Checks what is handed over; `what` names a part of it: `argument "{}" of tool "x"`.

    `wanted` is the object that is taken, None where nobody knows. `takes_images`: it may hold
    images, where they are wanted.
    """

    typing: SlotTypes
    names: Names
    what: str
    wanted: Type | None
    takes_images: bool = False

    def check(self, path: Path, tree: Tree) -> None:
        """Notes what certainly does not fit; names are no matter at the top, see Arguments."""
        wanted = Anything() if self.wanted is None else self.wanted
        if isinstance(tree, Mapping):
            for name, each in tree.items():
                inner = _field(wanted, name)
                self._part((*path, name), each, Anything() if inner is None else inner, name)
        elif isinstance(tree, Slot):
            found = self.typing.slot(tree, self.names, None if self.takes_images else _PLAIN)
            misfit = fits(found, wanted) if tree.template.is_expression else None
            if misfit is not None:
                self._refuse_slot(tree, "", misfit)

    def _part(self, path: Path, tree: Tree, wanted: Type, label: str) -> None:
        match tree:
            case Slot():
                found = self.typing.slot(tree, self.names, self._place(wanted))
                if misfit := fits(found, wanted):
                    self._refuse_slot(tree, label, misfit)
            case tuple():
                self._list(path, tree, wanted, label)
            case Mapping():
                self._object(path, tree, wanted, label)
            case _:
                if misfit := fits(_exactly(tree), wanted):
                    self._refuse(path, label, misfit, tree)

    def _place(self, wanted: Type) -> TextPlace:
        if not self.takes_images:
            return _PLAIN
        is_image = any(isinstance(each, ImageType) for each in options(wanted))
        return _IMAGE if is_image else _NO_IMAGE

    def _list(self, path: Path, tree: tuple[Tree, ...], wanted: Type, label: str) -> None:
        lists = [each for each in options(wanted) if isinstance(each, Anything | Array)]
        if not lists:
            self._refuse(path, label, not_of_kind(Array(), wanted))
        for index, each in enumerate(tree):
            item = union(_item(one, index) for one in lists)
            self._part((*path, index), each, item, f"{label}[{index}]")

    def _object(self, path: Path, tree: Mapping[str, Tree], wanted: Type, label: str) -> None:
        objects = [each for each in options(wanted) if isinstance(each, Anything | Object)]
        if not objects:
            self._refuse(path, label, not_of_kind(Object(), wanted))
        elif missing := [each for each in _required(wanted) if each not in tree]:
            shown = quoted(f'"{each}"' for each in missing)
            self._refuse(path, label, Misfit(f"needs the field {shown}"))
        for name, each in tree.items():
            inner = _field(wanted, name) if objects else Anything()
            if inner is None:
                self._refuse_field((*path, name), label, name, _known(wanted))
                inner = Anything()
            self._part((*path, name), each, inner, f"{label}.{name}")

    def _refuse_slot(self, slot: Slot, label: str, misfit: Misfit) -> None:
        self.typing.refuse(slot, self._message(label, misfit), misfit.mend)

    def _refuse(self, path: Path, label: str, misfit: Misfit, tree: Tree = None) -> None:
        length = len(tree.partition("\n")[0]) if isinstance(tree, str) else 1
        self.typing.note_at(path, self._message(label, misfit), mend=misfit.mend, length=length)

    def _refuse_field(self, path: Path, label: str, name: str, known: list[str]) -> None:
        message = self._message(label, Misfit(f'has no field "{name}"'))
        mend = did_you_mean(name, known)
        self.typing.note_at(path, message, mend=mend, length=len(name), is_key=True)

    def _message(self, label: str, misfit: Misfit) -> str:
        name = f"{label}{misfit.path}".removeprefix(".")
        return f"{self.what.format(name)} {misfit.problem}" if name else f"`with` {misfit.problem}"


def _exactly(value: bool | float | str | None) -> Type:
    """The type of a constant: of a text, that very text."""
    return String(frozenset([value])) if isinstance(value, str) else type_of_constant(value)


def _item(list_: Anything | Array, index: int) -> Type:
    if isinstance(list_, Anything):
        return list_
    return list_.prefix[index] if index < len(list_.prefix) else list_.item


def _field(wanted: Type, name: str) -> Type | None:
    """What may stand in the field, None if it can be in no such object."""
    found: list[Type] = []
    for each in options(wanted):
        if isinstance(each, Anything):
            return each
        inner = each.fields.get(name, each.extra) if isinstance(each, Object) else None
        if inner is not None:
            found.append(inner)
    return union(found) if found else None


def _required(wanted: Type) -> list[str]:
    """The fields that each object of the type has."""
    found = options(wanted)
    if any(isinstance(each, Anything) for each in found):
        return []
    required = [each.required for each in found if isinstance(each, Object)]
    return sorted(frozenset.intersection(*required))


def _known(wanted: Type) -> list[str]:
    return [name for each in options(wanted) if isinstance(each, Object) for name in each.fields]
