"""Where a model's name leads: its endpoint, its name there, what it can do and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from decimal import Decimal

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price, Usage, cost
from flowrun.dataclass import dataclass
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import AUTO


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a name leads; `model` is the name that the endpoint itself uses.

    `said_price` is the project's own word, `look_up` finds a public one. `auto` leads to a model
    only together with a request: what stands here for it is the easy one.
    """

    endpoint: Endpoint
    model: str
    capabilities: Capabilities
    said_price: Price | None = None
    look_up: Callable[[Endpoint, str], Price | None] | None = field(
        default=None, repr=False, compare=False
    )
    is_auto: bool = False

    @property
    def label(self) -> str:
        """The whole name, provider/model."""
        return AUTO if self.is_auto else f"{self.endpoint.name}/{self.model}"

    @property
    def price(self) -> Price | None:
        """What the model costs, None where nobody knows; the first look-up takes a while."""
        if self.said_price is not None or self.look_up is None:
            return self.said_price
        return self.look_up(self.endpoint, self.model)

    def cost(self, usage: Usage) -> Decimal | None:
        """What usage cost in US dollars, None where nobody knows; its provider may have said."""
        return usage.cost_usd if usage.cost_usd is not None else cost(usage, self.price)
