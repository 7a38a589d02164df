"""Providers as they are opened: one limit for each endpoint and key, one HTTP client for all.

What costs anything to import or to open is imported and opened when the first request needs it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from flowrun.config import Config
from flowrun.dataclass import dataclass
from flowrun.errors import UsageError
from flowrun.masking import Masker
from flowrun.providers.base import Endpoint, Provider
from flowrun.providers.catalog import LOCAL_IMAGE_MODEL
from flowrun.providers.dialects import dialect_of
from flowrun.providers.gate import Gate
from flowrun.providers.health import Health
from flowrun.providers.wrap import Limited

if TYPE_CHECKING:
    from flowrun.providers.http import Client, HttpProvider

MOST_OWN = 256
"""How many keys of callers are remembered."""

_SHORTEST_KEY = 8
_LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class Lane:
    """The one gate to an endpoint, for one key, whatever dialects are spoken through it."""

    gate: Gate
    health: Health
    spoken: dict[str, Limited] = field(default_factory=dict)


def missing_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """The environment variable that has to be set before the endpoint is asked."""
    name = endpoint.key_env
    return name if name is not None and not environ.get(name, "").strip() else None


class Stacks:
    """What one run, or one server, has open; `secrets` are masked in every error.

    `patience_s` is how long a request may wait until it is sent.
    """

    def __init__(
        self,
        config: Config,
        *,
        in_flight: int,
        environ: Mapping[str, str],
        secrets: Sequence[str],
        progress: Callable[[int, int | None], None] | None,
        patience_s: float,
    ) -> None:
        self._config = config
        self._patience_s = patience_s
        self._in_flight = in_flight
        self._environ = environ
        self._secrets = secrets
        self._progress = progress
        self._open = AsyncExitStack()
        self._lanes: dict[str, Lane] = {}
        self._own: OrderedDict[tuple[str, str], Lane] = OrderedDict()
        self._clients: dict[bool, Client] = {}
        self.masker = Masker(secrets)

    async def aclose(self) -> None:
        """Closes everything."""
        await self._open.aclose()
        self._lanes.clear()
        self._own.clear()
        self._clients.clear()

    def of(self, endpoint: Endpoint, model: str) -> tuple[Limited, Health]:
        """The limit that all share who ask the endpoint. Raises: UsageError without its key."""
        name = endpoint.name if endpoint.is_remote else f"{endpoint.name}/{model}"
        if (lane := self._lanes.get(name)) is None:
            lane = self._lanes[name] = self._lane(endpoint)
        limited = lane.spoken.get(endpoint.dialect)
        if limited is None:
            limited = Limited(self._base(endpoint, model), lane.gate, lane.health)
            lane.spoken[endpoint.dialect] = limited
            self._open.push_async_callback(limited.aclose)
        return limited, lane.health

    def of_own(self, endpoint: Endpoint, own_key: str) -> tuple[Limited, Health]:
        """The limit of those who bring a key of their own; the least recent are forgotten.

        Raises: UsageError if it is no key, or the endpoint takes none.
        """
        _require_key(endpoint, own_key)
        name = (endpoint.name, sha256(own_key.encode()).hexdigest())
        if (lane := self._own.get(name)) is None:
            lane = self._own[name] = self._lane(endpoint)
        self._own.move_to_end(name)
        if len(self._own) > MOST_OWN:
            self._own.popitem(last=False)
        limited = lane.spoken.get(endpoint.dialect)
        if limited is None:
            limited = Limited(self.http(endpoint, own_key), lane.gate, lane.health)
            lane.spoken[endpoint.dialect] = limited
        return limited, lane.health

    def key(self, endpoint: Endpoint) -> str | None:
        """The endpoint's key. Raises: UsageError if it is not set, or cannot be sent."""
        if (variable := missing_key(endpoint, self._environ)) is not None:
            said = f"{endpoint.name} needs a key: set the environment variable {variable}"
            raise UsageError(said).shown_as(
                f"this server has no key of {endpoint.name}; send yours in x-provider-key"
            )
        return None if endpoint.key_env is None else _header(endpoint.key_env, self._environ)

    def http(self, endpoint: Endpoint, own_key: str | None = None) -> HttpProvider:
        """The endpoint over HTTP, with the key that is configured or the caller's own."""
        # Imported here, for a run of the embedded model needs no HTTP client.
        from flowrun.providers.http import HttpProvider

        key, masker = self.key(endpoint) if own_key is None else own_key, self.masker
        if own_key is not None:
            masker = Masker([*self._secrets, own_key])
        # What names our own account has no place beside another's key.
        header_env = endpoint.header_env if own_key is None else {}
        named = {
            header: value
            for header, variable in header_env.items()
            if (value := _header(variable, self._environ))
        }
        return HttpProvider(
            replace(endpoint, headers={**endpoint.headers, **named}),
            dialect_of(endpoint, masker.mask),
            self._client(endpoint),
            key=key,
            masker=masker,
        )

    def _client(self, endpoint: Endpoint) -> Client:
        # Imported here, for a run of the embedded model needs no HTTP client.
        from flowrun.providers.http import open_client

        urls = (endpoint.base_url, endpoint.models_url or "")
        tls = any(url.startswith("https:") for url in urls)
        if tls not in self._clients:
            client = self._clients[tls] = open_client(self._in_flight, tls=tls)
            self._open.push_async_callback(client.aclose)
        return self._clients[tls]

    def _lane(self, endpoint: Endpoint) -> Lane:
        in_flight = min(self._in_flight, endpoint.max_in_flight or self._in_flight)
        gate = Gate(in_flight, name=endpoint.name, patience_s=self._patience_s)
        return Lane(gate, Health(in_flight=in_flight, patience_s=self._patience_s))

    def _base(self, endpoint: Endpoint, model: str) -> Provider:
        match endpoint.dialect:
            case "openai" | "openai-images" | "anthropic" | "gemini":
                return self.http(endpoint)
            case "local":
                return self._local(model)
            case "fake":
                return self._fake(model)
            case _ as never:
                assert_never(never)

    def _local(self, model: str) -> Provider:
        # Imported here, for they belong to an extra and cost more than a small run takes.
        if model == LOCAL_IMAGE_MODEL:
            from flowrun.providers.placeholder import Placeholder

            return Placeholder()
        from flowrun.providers.local import Embedded, loader
        from flowrun.providers.weights import models_folder

        folder = models_folder(self._environ, Path.home())
        return Embedded(loader(folder), progress=self._progress)

    def _fake(self, model: str) -> Provider:
        # Imported here, for few runs need it.
        from flowrun.providers import fake

        if model in self._config.fakes:
            return fake.Fake(fake.scripted(self._config.fakes[model]))
        return fake.Fake(fake.image if model == "image" else fake.echo)


def _header(variable: str, environ: Mapping[str, str]) -> str:
    """A variable's value as it can stand in a header; it may end in a line break."""
    value = environ.get(variable, "").strip()
    if not _can_be_sent(value):
        said = f"{variable} holds characters that cannot be sent in a header"
        raise UsageError(said).shown_as("this server's key of that provider cannot be sent")
    return value


def _require_key(endpoint: Endpoint, own_key: str) -> None:
    if not endpoint.is_remote:
        raise UsageError(f"{endpoint.name} takes no key: it runs in this process")
    if endpoint.key_env is None:
        raise UsageError(f"{endpoint.name} takes no key: none is configured for it")
    if not _can_be_sent(own_key) or not _SHORTEST_KEY <= len(own_key) <= _LONGEST_KEY:
        raise UsageError(f"what was given as a key of {endpoint.name} is none")


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable()
