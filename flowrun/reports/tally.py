"""Tokens and money that answers have cost, added up."""

from __future__ import annotations

from decimal import Decimal

from flowrun.dataclass import dataclass
from flowrun.run.events import StepFinished


@dataclass(slots=True)
class Tally:
    """Tokens and money so far; `is_cost_unknown` where a part of it is not known."""

    tokens: int = 0
    cost_usd: Decimal | None = None
    is_cost_unknown: bool = False
    cached: int = 0

    def add(self, event: StepFinished) -> None:
        """Counts one answer; a cached one spends nothing, and what asks no model is no answer."""
        if event.status == "cached":
            self.cached += 1
            return
        if event.usage is not None:
            self.tokens += event.usage.total_tokens
        elif event.model is None:
            return
        if event.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + event.cost_usd
        elif event.usage is not None:
            self.is_cost_unknown = True
