"""What is known of models beyond the catalog: lists that were kept, and public prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config
from flowrun.digest import JsonValue
from flowrun.providers.base import Endpoint
from flowrun.providers.catalog import ENDPOINTS

_LISTED: Mapping[str, str] = {
    "anthropic": "anthropic",
    "gemini": "google",
    "openai": "openai",
    "openrouter": "openrouter",
}
"""The endpoints whose prices are public, and what the list of prices calls them."""
_MOST_PRICES = 10_000


class Facts:
    """Looks up what is kept and what is public, each once; a price anew every hour."""

    def __init__(
        self, config: Config, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._config = config
        self._now = now
        self._lists: dict[str, Mapping[str, Mapping[str, JsonValue]]] = {}
        self._prices: dict[tuple[str, str, int], Price | None] = {}

    def listed(self, name: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """The models that an endpoint of that name has listed, as far as that was kept."""
        found = self._lists.get(name)
        if found is None:
            found = self._lists[name] = self._kept(name)
        return found

    def capabilities(self, endpoint: Endpoint, model: str) -> Capabilities:
        """What the model can do: the endpoint's own word, then what it has listed."""
        row = self.listed(endpoint.name).get(model) if endpoint.is_remote else None
        if row is None:
            return endpoint.capabilities
        # Imported here, for it is there with a list only.
        from flowrun.providers.listing import capabilities

        return endpoint.capabilities.or_else(capabilities(row))

    def price(self, endpoint: Endpoint, model: str) -> Price | None:
        """What the model costs by what is public; None for endpoints that nobody has listed."""
        provider = _LISTED.get(endpoint.name)
        if provider is None or not _is_at_home(endpoint):
            return None
        now = self._now()
        key = (provider, model, int(now.timestamp()) // 3600)
        if key not in self._prices:
            if len(self._prices) >= _MOST_PRICES:
                self._prices.clear()
            self._prices[key] = self._public(provider, endpoint.name, model, now)
        return self._prices[key]

    def _public(self, provider: str, name: str, model: str, now: datetime) -> Price | None:
        # Imported here, for the list of prices is large.
        from flowrun.providers.prices import listed_price

        found = listed_price(provider, model, now)
        row = self.listed(name).get(model) if found is None else None
        if row is None:
            return found
        from flowrun.providers.listing import price

        return price(row)

    def _kept(self, name: str) -> Mapping[str, Mapping[str, JsonValue]]:
        if not (self._config.state / "models").is_dir():
            return {}
        # Imported here, for most projects have kept no list.
        from flowrun.providers.listing import kept

        found = kept(self._config.state, name)
        return {} if found is None else found.models


def _is_at_home(endpoint: Endpoint) -> bool:
    """Whether it is where the catalog has it: others in its stead have prices of their own."""
    home = ENDPOINTS[endpoint.name]
    return urlsplit(home.base_url).hostname == urlsplit(endpoint.base_url).hostname
