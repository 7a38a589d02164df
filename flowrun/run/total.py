"""What several outcomes have cost together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.run.job import Outcome


@dataclass(slots=True)
class Total:
    """Usage and cost added up; `cost_usd` is None as soon as a part of it is not known.

    `model` is the last one asked, None if none was.
    """

    usage: Usage | None = None
    cost_usd: Decimal | None = Decimal(0)
    model: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Counts an outcome in; what asked no model has cost nothing."""
        if outcome.usage is not None:
            self.usage = outcome.usage if self.usage is None else self.usage + outcome.usage
        if outcome.model is not None:
            self.model = outcome.model
        elif outcome.usage is None:
            return
        if self.cost_usd is None or outcome.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += outcome.cost_usd

    def of(self, outcome: Outcome, seconds: float) -> Outcome:
        """The outcome with all that it took."""
        return replace(
            outcome, model=self.model, usage=self.usage, cost_usd=self.cost_usd, seconds=seconds
        )
