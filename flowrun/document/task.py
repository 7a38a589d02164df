"""One step with its templates parsed: what the plan is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from flowrun.chat.messages import ResponseFormat, Role
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.slots import Slot, Tree, slots
from flowrun.document.source import Path

if TYPE_CHECKING:
    from flowrun.document.plan import Plan
    from flowrun.document.tool import Tool


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
    tools: tuple[Tool, ...] = ()
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None
    max_turns: int = 8

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
class Call:
    """A tool called without a model; `member` names the tool of an MCP server.

    `arguments` is an object with templates in it, or one template that gives an object.
    """

    tool: Tool
    member: str
    arguments: Tree


@dataclass(frozen=True, slots=True)
class Uses:
    """Another pipeline run as a step; `arguments` are its inputs by name."""

    plan: Plan
    arguments: Tree


@dataclass(frozen=True, slots=True)
class Block:
    """Steps with a scope of their own, in an order in which they can be run.

    `needs` maps each step to the steps that come first and whether it cannot do without their
    values; names that are no steps of the block are those of the scopes around it. Without an
    `output` the block gives all its steps' outputs as an object.
    """

    tasks: tuple[Task, ...]
    needs: Mapping[str, Mapping[str, bool]]
    output: Tree = None
    has_output: bool = False
    output_needs: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Again until the expression holds, `most` rounds at most."""

    until: Slot | bool
    most: int


@dataclass(frozen=True, slots=True)
class Task:
    """One step of the plan; `needs` are the edges that no template shows.

    At most one of `ask`, `call`, `uses` and `block` stands; without any it computes `value`.
    `budget_usd` holds for the step with all that is inside. `is_partial`: parts of it are faulty
    and left out, so nothing is known of its output.
    """

    id: str
    path: Path
    ask: Ask | None = None
    call: Call | None = None
    uses: Uses | None = None
    block: Block | None = None
    value: Tree = None
    repeat: Repeat | None = None
    condition: Slot | bool = True
    loops: tuple[Loop, ...] = ()
    needs: tuple[str, ...] = ()
    expects: tuple[Slot, ...] = ()
    timeout_s: float | None = None
    ignores_errors: bool = False
    budget_usd: Decimal | None = None
    is_partial: bool = False

    @property
    def kind(self) -> Literal["prompt", "value", "call", "uses", "block"]:
        """What the step does."""
        if self.ask is not None:
            return "prompt"
        if self.call is not None:
            return "call"
        if self.uses is not None:
            return "uses"
        return "value" if self.block is None else "block"

    def tools(self) -> tuple[Tool, ...]:
        """The tools that it calls, or that the model it asks may call."""
        if self.call is not None:
            return (self.call.tool,)
        return () if self.ask is None else self.ask.tools

    def inner_slots(self) -> Iterator[Slot]:
        """The templates that see the step's loop variables, but not those inside a block."""
        if isinstance(self.condition, Slot):
            yield self.condition
        if self.ask is not None:
            yield from self.ask.slots()
        if self.call is not None:
            yield from slots(self.call.arguments)
        if self.uses is not None:
            yield from slots(self.uses.arguments)
        yield from slots(self.value)

    def own_slots(self) -> Iterator[Slot]:
        """Every template of the step, but those inside a block."""
        for loop in self.loops:
            yield loop.items
        yield from self.inner_slots()
        yield from self.expects
        if self.repeat is not None and isinstance(self.repeat.until, Slot):
            yield self.repeat.until


def inner_tasks(tasks: Iterable[Task]) -> Iterator[Task]:
    """The tasks and those inside of blocks, each block before what is in it."""
    for task in tasks:
        yield task
        if task.block is not None:
            yield from inner_tasks(task.block.tasks)


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
