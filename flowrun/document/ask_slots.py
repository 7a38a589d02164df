"""The templates of a request to a model, each held against what can stand at its place."""

from __future__ import annotations

from flowrun.document.names import Names
from flowrun.document.pictures import TextPlace
from flowrun.document.slot_types import SlotTypes
from flowrun.document.slots import Slot
from flowrun.document.source import Path
from flowrun.document.task import Ask
from flowrun.document.types import Array, ImageType, Integer, Null, Number, String
from flowrun.document.vocabulary import NUMBERS

_SYSTEM = TextPlace("a system prompt is text", "place it in the prompt")
_MODEL = TextPlace("the name of a model is text")


def check_ask(typing: SlotTypes, step: Path, ask: Ask, names: Names) -> None:
    """Notes what is wrong with the request of the step at the path `step`."""
    _check_messages(typing, step, ask, names)
    for tree in (ask.model, *ask.fallback):
        found = typing.tree(tree, names, _MODEL)
        if isinstance(tree, Slot):
            typing.want(tree, found, (String, ImageType), "the name of a model must be text")
    for name, tree in {**ask.options, **ask.image_config, **ask.provider}.items():
        found = typing.tree(tree, names, TextPlace(f'"{name}" is plain data'))
        if isinstance(tree, Slot) and name in NUMBERS:
            wanted = (Integer, Number, Null, ImageType)
            mend = "compute it inside of the braces"
            if tree.template.is_expression:
                mend = "make it a number: | float, or | int"
            typing.want(tree, found, wanted, f'"{name}" must be a number', mend)


def _check_messages(typing: SlotTypes, step: Path, ask: Ask, names: Names) -> None:
    for turn in ask.turns:
        for piece in turn.pieces:
            if turn.role == "system":
                typing.slot(piece.slot, names, _SYSTEM)
            elif piece.kind == "image":
                typing.image(step, piece.slot, names)
            else:
                typing.prompt(step, piece.slot, names)
    if ask.history is not None:
        found = typing.slot(ask.history, names)
        typing.want(ask.history, found, (Array,), '"messages" must be a list of messages')
