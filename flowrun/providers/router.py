"""From a model's name to the provider that answers: preset, own name, slug or provider/model.

    name --Router.resolve--> Resolved --Providers.provider--> Retrying(Limited(HttpProvider, ...))

    presets and names of the project's own -> auto's rule
    provider/model                         -> that endpoint
    a bare slug -> [endpoints.NAME] models -> kept lists of models -> families by name
                -> the only endpoint that is configured

Resolving sends nothing, and reads nothing but lists of models that were kept.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Price
from flowrun.config import Config
from flowrun.digest import JsonValue, digest
from flowrun.errors import UsageError, did_you_mean
from flowrun.providers.base import Endpoint, Provider
from flowrun.providers.catalog import (
    AUTO,
    IMAGE_PRESET,
    PRESETS,
    endpoints,
    is_configured,
    models_of,
    preset,
    price_of,
)
from flowrun.providers.dialects import imaging
from flowrun.providers.facts import Facts
from flowrun.providers.families import maker
from flowrun.providers.gate import LONGEST_WAIT_S
from flowrun.providers.resolved import Resolved
from flowrun.providers.stacks import Stacks
from flowrun.providers.wrap import Backoff, Retrying

if TYPE_CHECKING:
    from flowrun.providers.auto import Verdicts
    from flowrun.serving import AutoSettings


Judge: TypeAlias = Callable[[Resolved, ChatRequest], Awaitable[ChatReply]]
"""How the judge of `auto` is asked."""


_MOST_KNOWN = 10_000


class Router:
    """Resolves names under one configuration.

    Raises: UsageError if the configuration has an endpoint that cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[str, Resolved] = {}
        self._facts = Facts(config)
        self.endpoints = endpoints(config)

    def resolve(self, name: str) -> Resolved:
        """What the name leads to. Raises: UsageError if nowhere."""
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:  # names may be a stranger's
                self._known.clear()
            found = self._known[name] = self._found(name)
        return found

    def route(self, name: str, request: ChatRequest) -> Resolved:
        """Likewise; where it is `auto`, what the request decides for, else the easy one."""
        found = self.resolve(name)
        if not found.is_auto:
            return found
        from flowrun.providers.auto import choose

        settings = self.auto()
        return self.resolve(choose(request, settings) or settings.easy)

    def candidates(self, names: Iterable[str]) -> list[Resolved]:
        """All the models that the names may lead to, each once; those of `auto` among them."""
        found: dict[str, Resolved] = {}
        for name in names:
            resolved = self.resolve(name)
            chosen = self._names_of_auto().values() if resolved.is_auto else (name,)
            found |= {each.label: each for each in map(self.resolve, chosen)}
        return list(found.values())

    def capabilities(self, name: str) -> Capabilities:
        """What is known of the model of that name. Raises: UsageError if there is none."""
        return self.resolve(name).capabilities

    def auto(self) -> AutoSettings:
        """What `auto` chooses between, as configured."""
        # Imported here, for few projects have it.
        from flowrun.serving import AutoSettings

        return AutoSettings() if self._config.serving is None else self._config.serving.auto

    def _found(self, name: str) -> Resolved:
        target = self._followed(name)
        if target == AUTO:
            return self._auto()
        provider, slash, model = target.partition("/")
        if not slash:
            provider, model = self._server_of(target).name, target
        endpoint = self.endpoints.get(provider)
        if endpoint is None:
            mend = self._mend_of_provider(provider, target)
            raise UsageError(f'"{target}" names the unknown provider "{provider}": {mend}')
        if not model:
            raise UsageError(f'"{target}" names no model of {provider}')
        endpoint = imaging(endpoint, model)
        label = f"{provider}/{model}"
        known = models_of(endpoint, self._config)
        if known is not None and model not in known:
            labels = [f"{provider}/{each}" for each in known]
            mend = did_you_mean(label, labels) or f"it has {_listed(known)}"
            raise UsageError(f'"{label}" is not there: {mend}')
        able = self._facts.capabilities(endpoint, model) if known is None else known[model]
        if (script := self._config.fakes.get(model)) and endpoint.dialect == "fake":
            # What a script says is part of what an answer is kept under.
            said = digest("script/1", script.as_json())
            endpoint = replace(endpoint, base_url=f"script:{said}")
        price = price_of(label, endpoint, self._config)
        return Resolved(endpoint, model, able, price, self._facts.price)

    def _followed(self, name: str) -> str:
        """The name behind presets and names of the project's own; `auto` where it is a rule."""
        seen = [name]
        while (target := preset(seen[-1], self._config)) is not None:
            if seen[-1] == AUTO and AUTO not in self._config.models:
                return AUTO
            if target in seen:
                chain = " -> ".join([*seen, target])
                error = UsageError(f"{self._config.path}: [models] leads nowhere: {chain}")
                raise error.shown_as(f'"{name}" leads nowhere on this server')
            seen.append(target)
        return seen[-1]

    def _auto(self) -> Resolved:
        """`auto` by its rule; the embedded model where there is nothing else to choose."""
        names = self._names_of_auto()
        targets = {key: self._followed(name) for key, name in names.items()}
        for key, target in targets.items():
            if target == AUTO:
                where = "" if self._config.path is None else f"{self._config.path}: "
                error = UsageError(f"{where}[auto] {key} leads back to auto")
                raise error.shown_as(f'"{AUTO}" leads nowhere on this server')
        if set(targets.values()) <= {PRESETS[AUTO], PRESETS[IMAGE_PRESET]}:
            return self.resolve(PRESETS[AUTO])
        from flowrun.providers.auto import able

        known = {key: self._able(name) for key, name in names.items()}
        known.pop("judge", None)
        easy = self.resolve(names["easy"])
        return Resolved(easy.endpoint, easy.model, able(**known), is_auto=True)

    def _names_of_auto(self) -> dict[str, str]:
        settings = self.auto()
        names = {key: getattr(settings, key) for key in ("easy", "hard", "vision", "image")}
        return names if settings.judge is None else {**names, "judge": settings.judge}

    def _able(self, name: str) -> Capabilities:
        try:
            return self.resolve(name).capabilities
        except UsageError:
            return Capabilities()

    def _server_of(self, slug: str) -> Endpoint:
        """The one endpoint that says it serves the slug, makes such models, or is configured."""
        settings = self._config.endpoints
        ready = {name: each for name, each in self.endpoints.items() if self._is_ready(each)}
        family = maker(slug)
        serving = [name for name, each in settings.items() if slug in each.models]
        if not serving:
            serving = [name for name in ready if slug in self._facts.listed(name)]
            if family in ready and (not serving or family in serving):
                serving = [family]
        if not serving:
            serving = list(ready)
        if len(serving) == 1:
            return self.endpoints[serving[0]]
        if serving:
            labels = _listed(f"{name}/{slug}" for name in serving)
            raise UsageError(f'"{slug}" could be served by more than one provider: write {labels}')
        mend = self._mend_of_slug(slug, family)
        said = f'"{slug}" is no preset, and no provider is configured'
        near = f": {mend}" if mend.endswith("?") else ""
        raise UsageError(f"{said}: {mend}").shown_as(f"{said} on this server{near}")

    def _is_ready(self, endpoint: Endpoint) -> bool:
        return is_configured(endpoint, self._config)

    def _mend_of_slug(self, slug: str, family: str | None) -> str:
        slugs = [model for each in self._config.endpoints.values() for model in each.models]
        words = [*PRESETS, *self._config.models, *slugs]
        if found := did_you_mean(slug, words):
            return found
        endpoint = self.endpoints.get(family or "")
        if endpoint is not None and endpoint.key_env is not None:
            return f"set {endpoint.key_env}, or write provider/model"
        return "write provider/model, or set a provider's key"

    def _mend_of_provider(self, provider: str, target: str) -> str:
        if found := did_you_mean(provider, self.endpoints):
            return found
        router = self.endpoints["openrouter"]
        if self._is_ready(router):
            return f"write {router.name}/{target}"
        return f"known are {_listed(self.endpoints)}"


def resolve(name: str, config: Config) -> Resolved:
    """What a model's name leads to. Raises: UsageError if nowhere."""
    return Router(config).resolve(name)


def known_capabilities(config: Config) -> Router:
    """What is known of models by name, before anything is sent."""
    return Router(config)


class Providers:
    """The providers of one run: `async with Providers(config, in_flight=16) as providers`.

    `in_flight` bounds the requests under way to one endpoint. `progress` is told, in another
    thread, the bytes done and to come while the embedded model is fetched. `patience_s` is how long
    a request may wait before it is sent, in line or since the endpoint wants to be left alone.
    """

    def __init__(
        self,
        config: Config,
        *,
        in_flight: int,
        environ: Mapping[str, str] | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        patience_s: float = LONGEST_WAIT_S,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.router = Router(config)
        self._stacks = Stacks(
            config,
            in_flight=in_flight,
            environ=environ,
            secrets=_secrets(self.router.endpoints.values(), config.tools.env, environ),
            progress=progress,
            patience_s=patience_s,
        )
        self._verdicts: Verdicts | None = None
        self.masker = self._stacks.masker

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stacks.aclose()

    def resolve(self, name: str) -> Resolved:
        """What a model's name leads to. Raises: UsageError if nowhere."""
        return self.router.resolve(name)

    async def route(
        self, name: str, request: ChatRequest, *, judge: Judge | None = None
    ) -> Resolved:
        """The model that the name means for that request: for `auto` by its rule.

        Where the rule wants a judge's word, `judge` asks for it; without one it is just asked.

        Raises: UsageError for a name that leads nowhere; AccessDenied where the judge may not be
        asked, while a request that it does not answer for is as good as a hard one.
        """
        if not self.router.resolve(name).is_auto:
            return self.router.resolve(name)
        from flowrun.providers.auto import Verdicts, choose, question

        settings = self.router.auto()
        easy, hard = self.router.resolve(settings.easy), self.router.resolve(settings.hard)
        if settings.judge is None or choose(request, settings) is not None or easy == hard:
            return self.router.route(name, request)
        self._verdicts = self._verdicts or Verdicts()
        resolved = self.router.resolve(settings.judge)
        asked = question(request, resolved.model)
        ask = judge or self._ask
        said = await self._verdicts.of(resolved.label, asked, lambda: ask(resolved, asked))
        return easy if said == "easy" else hard

    def price(self, resolved: Resolved) -> Price | None:
        """What a model costs, None where nobody knows; the first look-up takes a while."""
        return resolved.price

    def require(self, names: Iterable[str]) -> None:
        """Sees that each of these models can be asked, before anything is sent.

        Raises: UsageError that names every environment variable that is not set.
        """
        faults, lacking = [], []
        asked = {each.endpoint.name: each.endpoint for each in self.router.candidates(names)}
        for endpoint in asked.values():
            try:
                self._stacks.key(endpoint)
            except UsageError as error:
                faults.append(str(error))
                lacking.append(endpoint.name)
        if faults:
            said = f"this server has no key of {_listed(lacking)}"
            raise UsageError("\n".join(faults)).shown_as(said)

    def provider(
        self,
        resolved: Resolved,
        *,
        retries: int = 4,
        on_retry: Callable[[str, float, int], None] = lambda *_: None,
        paying: Callable[[Provider], Provider] | None = None,
        own_key: str | None = None,
    ) -> Provider:
        """The provider that answers for a model, for one step, with its wrappers.

        `on_retry` is told the reason, the delay in seconds, and the number of the next attempt.
        `paying` is a wrapper for what every single attempt passes through. `own_key` is sent
        instead of the configured one.

        Raises: UsageError if its key is not set, or none.
        """
        if own_key is None:
            limited, health = self._stacks.of(resolved.endpoint, resolved.model)
        else:
            limited, health = self._stacks.of_own(resolved.endpoint, own_key)
        each = limited if paying is None else paying(limited)
        return Retrying(each, Backoff(retries=retries), health=health, on_retry=on_retry)

    async def models(self, endpoint: Endpoint) -> list[Mapping[str, JsonValue]]:
        """The models that an endpoint lists over HTTP.

        Raises: UsageError if its key is not set; ProviderError if it does not answer.
        """
        return await self._stacks.http(endpoint).models()

    async def _ask(self, judge: Resolved, asked: ChatRequest) -> ChatReply:
        return await self.provider(judge, retries=1).send(asked)


def _secrets(
    asked: Iterable[Endpoint], tools: Sequence[str], environ: Mapping[str, str]
) -> list[str]:
    """What is masked: the keys of endpoints, and what tools may be given."""
    names = {
        name
        for each in asked
        for name in (each.key_env, *each.header_env.values())
        if name is not None
    } | set(tools)
    return [value for name in sorted(names) if (value := environ.get(name, "").strip())]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
