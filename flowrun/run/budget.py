"""What may be spent: the worst case is reserved before a call is made, its cost settled after.

the run, $1.00                   a call of `picture` needs room in both:
└── step "picture", $0.10        it is reserved in all of them or in none
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

from flowrun.errors import BudgetReached

_SHOWN = Decimal("0.000001")
_HUGE = 15


class Budget:
    """A limit in US dollars; `whose` says of what, `outer` is the budget that it is a part of.

    What is spent and what is reserved together never pass the limit, unless a call costs more
    than its worst case. Once a call has found no room nothing more is begun.
    """

    def __init__(self, limit_usd: Decimal, whose: str, outer: Budget | None = None) -> None:
        self.limit_usd = limit_usd
        self.whose = whose
        self.outer = outer
        self.spent_usd = Decimal(0)
        self.reserved_usd = Decimal(0)
        self._reached = ""
        self._change = asyncio.Event()

    async def reserve(self, worst_usd: Decimal) -> bool:
        """Takes room here and in all budgets around; whether it had to be waited for.

        While calls under way may leave some of theirs, they are waited for.

        Raises: BudgetReached when there will be no room.
        """
        has_waited = False
        while (full := self._full(worst_usd)) is not None:
            has_waited = True
            await full._change.wait()
        for each in self._upwards():
            each.reserved_usd += worst_usd
        return has_waited

    def settle(self, worst_usd: Decimal, paid_usd: Decimal) -> None:
        """Gives back what was reserved for a call, and books what it has cost."""
        for each in self._upwards():
            each.reserved_usd -= worst_usd
            each.spent_usd += paid_usd
            each._tell()

    def is_within(self, budget: object) -> bool:
        """Whether it is that budget, or a part of it."""
        return any(each is budget for each in self._upwards())

    def _full(self, worst_usd: Decimal) -> Budget | None:
        """The first budget that has no room now, None if all have."""
        for each in self._upwards():
            each._require_hope(worst_usd)
        return next((each for each in self._upwards() if not each._has_room(worst_usd)), None)

    def _upwards(self) -> Iterator[Budget]:
        budget: Budget | None = self
        while budget is not None:
            yield budget
            budget = budget.outer

    def _has_room(self, worst_usd: Decimal) -> bool:
        return self.spent_usd + self.reserved_usd + worst_usd <= self.limit_usd

    def _require_hope(self, worst_usd: Decimal) -> None:
        """Raises: BudgetReached if there is no room even when nothing is under way."""
        if not self._reached and self.spent_usd + worst_usd > self.limit_usd:
            self._reached = (
                f"the budget of {self.whose} is reached: of {dollars(self.limit_usd)} it has spent "
                f"{dollars(self.spent_usd)}, and the next call may cost {dollars(worst_usd)} at "
                "worst; raise its usd, or lower max_completion_tokens"
            )
            self._tell()
        if self._reached:
            raise BudgetReached(self._reached, budget=self)

    def _tell(self) -> None:
        """Wakes whoever waits for room."""
        self._change.set()
        self._change = asyncio.Event()


def opened(limit_usd: Decimal | None, whose: str, outer: Budget | None) -> Budget | None:
    """The budget of a part of a run: its own within the one around it, where it has one."""
    return outer if limit_usd is None else Budget(limit_usd, whose, outer)


def dollars(amount: Decimal) -> str:
    """An amount for people, rounded up to a millionth: $0.10, $0.001234."""
    is_huge = amount.adjusted() > _HUGE
    rounded = amount if is_huge else amount.quantize(_SHOWN, rounding=ROUND_CEILING)
    whole, _, rest = f"{rounded:f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"
