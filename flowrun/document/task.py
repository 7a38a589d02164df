"""One step with its templates parsed: what the plan is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from flowrun.chat.messages import ResponseFormat, Role
from flowrun.digest import JsonValue
from flowrun.document.slots import Slot, Tree, slots
from flowrun.document.source import Path


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop variable and the expression that gives its elements."""

    name: str
    items: Slot


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a message: text in which images may stand, or an image's own place."""

    kind: Literal["text", "image"]
    slot: Slot


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to be rendered."""

    role: Role
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """How a model is asked: a chat-completions request with templates in it.

    Either `turns` or `history` (a template that gives the messages) stands.
    """

    model: Tree
    turns: tuple[Turn, ...] = ()
    history: Slot | None = None
    options: Mapping[str, Tree] = field(default_factory=dict)
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    modalities: tuple[str, ...] = ("text",)
    image_config: Mapping[str, Tree] = field(default_factory=dict)
    provider: Mapping[str, Tree] = field(default_factory=dict)
    samples: int | None = None
    retry: int = 4
    repair: int = 1
    fallback: tuple[Tree, ...] = ()
    cache: bool = True

    @property
    def wants_image(self) -> bool:
        """Whether the output is a picture."""
        return "image" in self.modalities

    def slots(self) -> Iterator[Slot]:
        """Every template of the request."""
        for turn in self.turns:
            for piece in turn.pieces:
                yield piece.slot
        if self.history is not None:
            yield self.history
        yield from slots(self.model)
        for tree in (self.options, self.image_config, self.provider, self.fallback):
            yield from slots(tree)


@dataclass(frozen=True, slots=True)
class Task:
    """One step of the plan; `needs` are the edges that no template shows.

    `is_partial`: parts of it are faulty and left out, so nothing is known of its output.
    """

    id: str
    path: Path
    ask: Ask | None = None
    value: Tree = None
    condition: Slot | bool = True
    loops: tuple[Loop, ...] = ()
    needs: tuple[str, ...] = ()
    expects: tuple[Slot, ...] = ()
    timeout_s: float | None = None
    ignores_errors: bool = False
    is_partial: bool = False

    @property
    def kind(self) -> Literal["prompt", "value"]:
        """What the step does."""
        return "value" if self.ask is None else "prompt"

    def inner_slots(self) -> Iterator[Slot]:
        """The templates that see the step's loop variables."""
        if isinstance(self.condition, Slot):
            yield self.condition
        if self.ask is not None:
            yield from self.ask.slots()
        yield from slots(self.value)


@dataclass(frozen=True, slots=True)
class Input:
    """What a run is given; `schema` is the JSON Schema that the value must fit."""

    name: str
    kind: Literal["data", "image", "file"]
    schema: Mapping[str, JsonValue]
    is_required: bool
    default: object = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What a run gives: a value to be shown, or one to be written to a file."""

    name: str
    path: Path
    value: Tree
    file: Slot | None = None
    loop: Loop | None = None

    def slots(self) -> Iterator[Slot]:
        """Every template of the output but the loop's."""
        yield from slots(self.value)
        if self.file is not None:
            yield self.file
