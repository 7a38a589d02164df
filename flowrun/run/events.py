"""What can happen in a run, as values; reporters fold them.

The order for one step is Started, then any number of Streamed, Retried, Repaired, ToolStarted
and ToolFinished, then Finished. A `foreach` step is Started, Expanded into items, and each item
has the order of a step of its own with `item` counting from 0; the step itself is Finished last.
A `repeat` step tells a Round after each of its rounds. A step inside a block or a sub-pipeline is
named by its way from the top, such as `recipes.picture`; `within` counts, from outside in, the
items and the rounds of the steps around it, from 0.
`at` is seconds since the epoch, `seconds` a duration.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue

Status: TypeAlias = Literal["done", "cached", "skipped", "failed", "ignored", "cancelled"]
"""`cached`: answered from the store. `ignored`: failed, and the file says to go on."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; `steps` in the plan's order, `total` counts them."""

    run_id: str
    pipeline: str
    steps: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step, or one item of it, begins; `model` as resolved, None where none is asked."""

    step: str
    item: int | None
    model: str | None
    at: float
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepExpanded:
    """A `foreach` step knows its number of items."""

    step: str
    items: int
    at: float
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStreamed:
    """Text of a reply came in."""

    step: str
    item: int | None
    text: str
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRetried:
    """A call failed and is made again after `delay_s`."""

    step: str
    item: int | None
    reason: str
    delay_s: float
    attempt: int
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRepaired:
    """A reply was sent back with what was wrong with it."""

    step: str
    item: int | None
    reason: str
    attempt: int
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step, or one item of it, ended.

    `reason` says why it was skipped, failed or ignored. `preview` is the value's first line.
    `cost_usd` is None where nobody knows; a cached answer costs nothing.
    """

    step: str
    item: int | None
    status: Status
    at: float
    seconds: float
    model: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    reason: str = ""
    preview: str = ""
    key: str | None = None
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRound:
    """A round of a `repeat` ended, the `number`-th counted from 1; `holds` if it was the last."""

    step: str
    item: int | None
    number: int
    holds: bool
    at: float
    preview: str = ""
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is called, by a model or by a `call` step; `arguments` are JSON, cut to a line."""

    step: str
    item: int | None
    tool: str
    arguments: str
    at: float
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool's call ended; `is_kept` if its result was taken from the store."""

    step: str
    item: int | None
    tool: str
    is_error: bool
    is_kept: bool
    seconds: float
    at: float
    preview: str = ""
    within: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputWritten:
    """An output was written to a file, or is shown (`path` is None)."""

    name: str
    path: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended; `partial` if a failure was ignored on the file's word."""

    run_id: str
    status: Literal["done", "failed", "interrupted"]
    partial: bool
    at: float
    seconds: float


Event: TypeAlias = (
    RunStarted
    | StepStarted
    | StepExpanded
    | StepStreamed
    | StepRetried
    | StepRepaired
    | StepFinished
    | StepRound
    | ToolStarted
    | ToolFinished
    | OutputWritten
    | RunFinished
)


def as_json(event: Event) -> dict[str, JsonValue]:
    """One line of a record: the event's name under `event`, then its fields.

    An empty `within` is left out, as it is of most steps.
    """
    found: dict[str, JsonValue] = {"event": type(event).__name__}
    for name in type(event).__match_args__:
        value = getattr(event, name)
        if name != "within" or value:
            found[name] = _plain(value)
    return found


def _plain(value: object) -> JsonValue:
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case Decimal():
            return str(value)
        case Usage():
            return value.as_json()
        case tuple():
            return [_plain(each) for each in value]
        case _:
            raise TypeError(f"an event cannot hold a {type(value).__name__}")
