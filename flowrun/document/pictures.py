"""Images that templates print: in prompts they become parts, elsewhere only text can stand."""

from __future__ import annotations

from flowrun.dataclass import dataclass
from flowrun.document.faults import Fault
from flowrun.document.infer import Printed
from flowrun.document.types import (
    Array,
    ImageType,
    Null,
    Object,
    Option,
    Type,
    elements,
    options,
)


@dataclass(frozen=True, slots=True)
class TextPlace:
    """A place where only text can stand.

    `mend` says where an image can, "{}" being its name. `takes_alone`: here too, if there is no
    text beside it.
    """

    why: str
    mend: str = ""
    takes_alone: bool = False

    def fault(self, found: Printed) -> Fault | None:
        """What is wrong with what is printed here, if it certainly is an image or holds one."""
        mend = ""
        if is_shown(found.type):
            mend = self.mend.format(found.subject.path) if found.subject.path else ""
            is_list = any(isinstance(each, Array) for each in options(found.type))
            message = f"{found.subject} is {'a list of images' if is_list else 'an image'}"
        elif _holds(found.type):
            message = f"{found.subject} holds an image"
        else:
            return None
        return Fault(found.offset, found.length, message, "image-in-text", self.why, mend)


INSIDE = TextPlace("a prompt shows lists of images, but prints other data as JSON")
"""What goes into a prompt and is no image itself."""


def is_shown(type_: Type) -> bool:
    """Whether the value becomes an image part for certain, or several, if it is there."""
    found = _without_null(type_)
    return bool(found) and all(
        isinstance(each, ImageType) or (isinstance(each, Array) and _is_of_images(each))
        for each in found
    )


def _is_of_images(array: Array) -> bool:
    items = _without_null(elements(array))
    return bool(items) and all(isinstance(each, ImageType) for each in items)


def _without_null(type_: Type) -> list[Option]:
    return [each for each in options(type_) if not isinstance(each, Null)]


_DEEPEST = 5


def _holds(type_: Type, depth: int = 0) -> bool:
    """Whether there is an image in the value for certain, if it is there and not empty."""
    found = _without_null(type_)
    return bool(found) and depth < _DEEPEST and all(_option_holds(each, depth) for each in found)


def _option_holds(option: Option, depth: int) -> bool:
    match option:
        case ImageType():
            return True
        case Array():
            return _holds(elements(option), depth + 1)
        case Object():
            there = option.required & option.fields.keys()
            return any(_holds(option.fields[name], depth + 1) for name in there)
        case _:
            return False
