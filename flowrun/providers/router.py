"""From a model's name to the provider that answers: preset, own name, slug or provider/model.

    name --Router.resolve--> Resolved --Providers.provider--> Retrying(Limited(HttpProvider, ...))

Resolving is pure. What costs anything to import or to open is imported and opened when the
first request needs it, once for a run: one HTTP client, one limit for each endpoint, one
embedded model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, assert_never

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config
from flowrun.digest import JsonValue, digest
from flowrun.errors import UsageError, did_you_mean
from flowrun.masking import Masker
from flowrun.providers.base import Dialect, Endpoint, Provider
from flowrun.providers.catalog import (
    LOCAL_IMAGE_MODEL,
    PRESETS,
    endpoints,
    models_of,
    preset,
    price_of,
)
from flowrun.providers.gate import Gate
from flowrun.providers.health import Health
from flowrun.providers.wrap import Backoff, Limited, Retrying

if TYPE_CHECKING:
    from flowrun.providers.http import Client, HttpProvider


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a name leads; `model` is the name that the endpoint itself uses."""

    endpoint: Endpoint
    model: str
    capabilities: Capabilities
    price: Price | None

    @property
    def label(self) -> str:
        """The whole name, provider/model."""
        return f"{self.endpoint.name}/{self.model}"


class Router:
    """Resolves names under one configuration.

    Raises: UsageError if the configuration has an endpoint that cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[str, Resolved] = {}
        self.endpoints = endpoints(config)

    def resolve(self, name: str) -> Resolved:
        """What the name leads to. Raises: UsageError if nowhere."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._found(name)
        return found

    def capabilities(self, name: str) -> Capabilities:
        """What is known of the model of that name. Raises: UsageError if there is none."""
        return self.resolve(name).capabilities

    def _found(self, name: str) -> Resolved:
        target = self._followed(name)
        provider, slash, model = target.partition("/")
        if not slash:
            provider, model = self._server_of(target).name, target
        endpoint = self.endpoints.get(provider)
        if endpoint is None:
            mend = did_you_mean(provider, self.endpoints) or f"known are {_listed(self.endpoints)}"
            raise UsageError(f'"{target}" names the unknown provider "{provider}": {mend}')
        if not model:
            raise UsageError(f'"{target}" names no model of {provider}')
        label = f"{provider}/{model}"
        known = models_of(endpoint, self._config)
        if known is not None and model not in known:
            mend = did_you_mean(model, known) or f"it has {_listed(known)}"
            raise UsageError(f'"{label}" is not there: {mend}')
        capabilities = endpoint.capabilities if known is None else known[model]
        if (script := self._config.fakes.get(model)) and endpoint.dialect == "fake":
            # What a script says is part of what an answer is kept under.
            said = digest("script/1", script.as_json())
            endpoint = replace(endpoint, base_url=f"script:{said}")
        return Resolved(endpoint, model, capabilities, price_of(label, endpoint, self._config))

    def _followed(self, name: str) -> str:
        """The name behind presets and names of the project's own."""
        seen = [name]
        while (target := preset(seen[-1], self._config)) is not None:
            if target in seen:
                chain = " -> ".join([*seen, target])
                raise UsageError(f"{self._config.path}: [models] leads nowhere: {chain}")
            seen.append(target)
        return seen[-1]

    def _server_of(self, slug: str) -> Endpoint:
        """The one endpoint that says it serves the slug, or that is configured at all."""
        settings = self._config.endpoints
        serving = [name for name, each in settings.items() if slug in each.models]
        if not serving:
            serving = [name for name, each in self.endpoints.items() if self._is_configured(each)]
        if len(serving) == 1:
            return self.endpoints[serving[0]]
        if serving:
            labels = _listed(f"{name}/{slug}" for name in serving)
            raise UsageError(f'"{slug}" could be served by more than one provider: write {labels}')
        slugs = [model for each in settings.values() for model in each.models]
        words = [*PRESETS, *self._config.models, *slugs]
        mend = did_you_mean(slug, words) or "write provider/model, or set a provider's key"
        raise UsageError(f'"{slug}" is no preset, and no provider is configured: {mend}')

    def _is_configured(self, endpoint: Endpoint) -> bool:
        if not endpoint.is_remote:
            return False
        if endpoint.key_env is None:
            return True
        return endpoint.key_env in self._config.variables


def resolve(name: str, config: Config) -> Resolved:
    """What a model's name leads to. Raises: UsageError if nowhere."""
    return Router(config).resolve(name)


def known_capabilities(config: Config) -> Router:
    """What is known of models by name, before anything is sent."""
    return Router(config)


def missing_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """The environment variable that has to be set before the endpoint is asked."""
    name = endpoint.key_env
    return name if name is not None and not environ.get(name, "").strip() else None


class Providers:
    """The providers of one run: `async with Providers(config, in_flight=16) as providers`.

    `in_flight` bounds the requests under way to one endpoint. `progress` is told, in another
    thread, the bytes done and to come while the embedded model is fetched.
    """

    def __init__(
        self,
        config: Config,
        *,
        in_flight: int,
        environ: Mapping[str, str] | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._config = config
        self._in_flight = in_flight
        self._environ = os.environ if environ is None else environ
        self._progress = progress
        self._open = AsyncExitStack()
        self._stacks: dict[str, tuple[Limited, Health]] = {}
        self._clients: dict[bool, Client] = {}
        self.router = Router(config)
        self.masker = Masker(self._secrets())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()
        self._stacks.clear()
        self._clients.clear()

    def resolve(self, name: str) -> Resolved:
        """What a model's name leads to. Raises: UsageError if nowhere."""
        return self.router.resolve(name)

    def require(self, names: Iterable[str]) -> None:
        """Sees that each of these models can be asked, before anything is sent.

        Raises: UsageError that names every environment variable that is not set.
        """
        faults = []
        for endpoint in {
            each.endpoint.name: each.endpoint for each in map(self.resolve, names)
        }.values():
            try:
                self._key(endpoint)
            except UsageError as error:
                faults.append(str(error))
        if faults:
            raise UsageError("\n".join(faults))

    def provider(
        self,
        resolved: Resolved,
        *,
        retries: int = 4,
        on_retry: Callable[[str, float, int], None] = lambda *_: None,
        paying: Callable[[Provider], Provider] | None = None,
    ) -> Provider:
        """The provider that answers for a model, for one step, with its wrappers.

        `on_retry` is told the reason, the delay in seconds, and the number of the next attempt.
        `paying` is a wrapper for what every single attempt passes through.

        Raises: UsageError if its key is not set.
        """
        limited, health = self._stack(resolved)
        each = limited if paying is None else paying(limited)
        return Retrying(each, Backoff(retries=retries), health=health, on_retry=on_retry)

    async def models(self, endpoint: Endpoint) -> list[Mapping[str, JsonValue]]:
        """The models that an endpoint lists over HTTP.

        Raises: UsageError if its key is not set; ProviderError if it does not answer.
        """
        return await self._http(endpoint).models()

    def _stack(self, resolved: Resolved) -> tuple[Limited, Health]:
        endpoint = resolved.endpoint
        name = endpoint.name if endpoint.is_remote else resolved.label
        if name not in self._stacks:
            in_flight = min(self._in_flight, endpoint.max_in_flight or self._in_flight)
            health = Health(in_flight=in_flight)
            limited = Limited(self._base(resolved), Gate(in_flight), health)
            self._open.push_async_callback(limited.aclose)
            self._stacks[name] = (limited, health)
        return self._stacks[name]

    def _base(self, resolved: Resolved) -> Provider:
        match resolved.endpoint.dialect:
            case "openai" | "anthropic":
                return self._http(resolved.endpoint)
            case "local":
                return self._local(resolved.model)
            case "fake":
                return self._fake(resolved.model)
            case _ as never:
                assert_never(never)

    def _http(self, endpoint: Endpoint) -> HttpProvider:
        # Imported here, for a run of the embedded model needs no HTTP client.
        from flowrun.providers.http import HttpProvider, open_client

        key = self._key(endpoint)
        urls = (endpoint.base_url, endpoint.models_url or "")
        tls = any(url.startswith("https:") for url in urls)
        if tls not in self._clients:
            client = self._clients[tls] = open_client(self._in_flight, tls=tls)
            self._open.push_async_callback(client.aclose)
        named = {
            header: value
            for header, variable in endpoint.header_env.items()
            if (value := _header(variable, self._environ))
        }
        return HttpProvider(
            replace(endpoint, headers={**endpoint.headers, **named}),
            self._dialect(endpoint),
            self._clients[tls],
            key=key,
            masker=self.masker,
        )

    def _dialect(self, endpoint: Endpoint) -> Dialect:
        # Imported here, for few runs speak more than one.
        if endpoint.dialect == "anthropic":
            from flowrun.providers.anthropic import AnthropicDialect

            return AnthropicDialect(self.masker.mask)
        from flowrun.providers.openai import OpenAIDialect

        return OpenAIDialect(self.masker.mask)

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

    def _key(self, endpoint: Endpoint) -> str | None:
        if (variable := missing_key(endpoint, self._environ)) is not None:
            raise UsageError(
                f"{endpoint.name} needs a key: set the environment variable {variable}"
            )
        return None if endpoint.key_env is None else _header(endpoint.key_env, self._environ)

    def _secrets(self) -> list[str]:
        """What is masked: the keys of endpoints, and what tools may be given."""
        names = {
            name
            for each in self.router.endpoints.values()
            for name in (each.key_env, *each.header_env.values())
            if name is not None
        } | set(self._config.tools.env)
        return [value for name in sorted(names) if (value := self._environ.get(name, "").strip())]


def _header(variable: str, environ: Mapping[str, str]) -> str:
    """A variable's value as it can stand in a header; it may end in a line break."""
    value = environ.get(variable, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"{variable} holds characters that cannot be sent in a header")
    return value


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
