"""How much a template may do: work and memory are counted, and a clock stands behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic

from flowrun.document.faults import TemplateError

SECONDS = 2.0
WORK_BYTES = 64 * 1024 * 1024
TEXT_CHARACTERS = 16 * 1024 * 1024
STEP = 50
"""What the smallest step costs: a small object's memory, about a tenth of a microsecond."""
POINTER = 8
NODE = 16
MACRO_DEPTH = 60


class Budget:
    """What is left for one rendering; every operation is paid for before it is done.

    The count alone ends every template at the same place on every machine; the clock is there for
    what the count misjudges. `known` are the names in scope, for suggestions; `recursion_cost` is
    what a round of a recursive loop costs; `takes_images`: they may stand in the output.
    """

    __slots__ = ("_deadline", "_left", "depth", "known", "recursion_cost", "takes_images")

    def __init__(
        self,
        known: Iterable[str] = (),
        *,
        recursion_cost: int = STEP,
        takes_images: bool = False,
    ) -> None:
        self._left = WORK_BYTES
        self._deadline = monotonic() + SECONDS
        self.known = known
        self.recursion_cost = recursion_cost
        self.takes_images = takes_images
        self.depth = 0

    def spend(self, amount: int) -> None:
        """Pays for work or memory, in bytes.

        Raises: TemplateError when there is not that much left, or the time is up.
        """
        self._left -= amount
        if self._left < 0:
            raise TemplateError("the template needs more than 64 MB of text and lists")
        if monotonic() > self._deadline:
            raise TemplateError("the template runs for longer than 2 s")

    def text(self, length: int) -> None:
        """Pays for a text of `length` characters, before it is made."""
        if length > TEXT_CHARACTERS:
            raise TemplateError("the template makes a text of more than 16 MB")
        self.spend(STEP + length)

    def many(self, length: int) -> None:
        """Pays for a list of `length` items, before it is made."""
        self.spend(STEP + POINTER * length)

    def collected(self, items: Iterable[object]) -> list[object]:
        """The items as a list, each paid for as it comes."""
        found = []
        for item in items:
            self.spend(NODE)
            found.append(item)
        return found

    def enter(self) -> None:
        """A macro, a block or a recursive loop calls the next; `depth` goes down by the caller."""
        self.depth += 1
        if self.depth > MACRO_DEPTH:
            raise TemplateError(f"macros call each other more than {MACRO_DEPTH} deep")


class Each:
    """The items of a loop, each round of which is paid for."""

    __slots__ = ("_budget", "_cost", "_items")

    def __init__(self, budget: Budget, items: Sequence[object] | Iterable[object], cost: int):
        self._budget = budget
        self._items = items
        self._cost = cost

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]  # lists, texts, mappings: all sized

    def __iter__(self) -> Iterator[object]:
        spend, cost = self._budget.spend, self._cost
        for item in self._items:
            spend(cost)
            yield item


def weigh(budget: Budget, *values: object) -> None:
    """Pays for a walk through values as if nothing in them were shared.

    A list that holds one list many times, and so on down, is small in memory and endless to walk.
    """
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            budget.spend(STEP + len(value))
        elif isinstance(value, Mapping):
            budget.spend(STEP + 2 * NODE * len(value))
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            budget.spend(STEP + NODE * len(value))
            waiting.extend(value)
        else:
            budget.spend(NODE)
