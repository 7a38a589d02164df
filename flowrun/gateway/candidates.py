"""From a model's name to who is asked: its provider, its price, and the request as it takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Protocol

from flowrun.chat.messages import ChatRequest
from flowrun.chat.usage import Price
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import UsageError, did_you_mean
from flowrun.gateway.faults import Fault
from flowrun.gateway.fitting import fitted
from flowrun.providers.base import Endpoint, Provider
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Judge, Providers
from flowrun.serving import ServeSettings

PREFIX = "pipeline/"
PASSED_OVER = ("max_completion_tokens", "user")
"""Options that mean nothing to a pipeline and are sent by most clients unasked."""

_MOST_PRICES = 10_000


class Pipeline(Provider, Protocol):
    """A pipeline as a provider, under its name `pipeline/<name>`."""

    @property
    def description(self) -> str:
        """What the file says of itself."""
        ...

    @property
    def inputs(self) -> Sequence[Mapping[str, JsonValue]]:
        """What it is given, each with its name and type."""
        ...

    @property
    def worst_usd(self) -> Decimal | None:
        """What a run costs at most in US dollars; None where nobody has said."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One who can be asked; `label` is the whole name, which the answer tells.

    `endpoint` is None for a pipeline, which has `worst_usd` instead of a price. `ignored` names
    what was said and means nothing to it.
    """

    label: str
    provider: Provider
    request: ChatRequest
    price: Price | None = None
    endpoint: Endpoint | None = None
    has_own_key: bool = False
    ignored: tuple[str, ...] = ()
    worst_usd: Decimal | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is asked over HTTP, and is told how long its answer may be."""
        return self.endpoint is not None and self.endpoint.is_remote


class Candidates:
    """Finds them under one configuration; a request is never sent here but by `auto`'s judge."""

    def __init__(
        self,
        providers: Providers,
        settings: ServeSettings,
        pipelines: Mapping[str, Pipeline],
    ) -> None:
        self._providers = providers
        self._settings = settings
        self._pipelines = pipelines
        self._prices: dict[str, Price | None] = {}

    async def of(
        self,
        name: str,
        request: ChatRequest,
        own_keys: Mapping[str, str],
        *,
        is_paid: bool = False,
        judge: Judge | None = None,
    ) -> Candidate:
        """Who answers to the name; the price is looked up only where it `is_paid`.

        `judge` asks the judge of `auto`, where that is to be paid for.

        Raises: UsageError if nobody does, or has no key; Fault if it cannot take the request.
        """
        if name.startswith(PREFIX):
            return self._pipeline(name, request)
        resolved = await self._route(name, request, judge)
        endpoint = resolved.endpoint
        own_key = own_keys.get(endpoint.name)
        wanted, ignored = fitted(request, resolved, self._settings)
        return Candidate(
            resolved.label,
            self._provider(resolved, own_key),
            wanted,
            await self._price(resolved) if is_paid else None,
            endpoint,
            has_own_key=own_key is not None,
            ignored=ignored,
        )

    def _pipeline(self, name: str, request: ChatRequest) -> Candidate:
        """The pipeline of that name. Raises: Fault 404 if none is served."""
        pipeline = self._pipelines.get(name)
        if pipeline is None:
            bare = name.removeprefix(PREFIX)
            near = did_you_mean(bare, [each.removeprefix(PREFIX) for each in self._pipelines])
            mend = near.replace("did you mean ", f"did you mean {PREFIX}")
            said = f'no pipeline "{bare}" is served: {mend or "GET /v1/models lists them"}'
            if not self._pipelines:
                said = "this server runs no pipelines"
            raise Fault(404, said, code="model_not_found", param="model")
        ignored = [each for each in PASSED_OVER if each in request.options]
        if request.modalities != ("text",):
            ignored.append("modalities")
        wanted = replace(request, model=name)
        worst_usd = pipeline.worst_usd
        return Candidate(name, pipeline, wanted, ignored=tuple(ignored), worst_usd=worst_usd)

    async def judge(self, resolved: Resolved, question: ChatRequest) -> Candidate:
        """The judge of `auto`, as one more who can be asked."""
        provider, price = self._provider(resolved, None), await self._price(resolved)
        return Candidate(resolved.label, provider, question, price, resolved.endpoint)

    async def _route(self, name: str, request: ChatRequest, judge: Judge | None) -> Resolved:
        """Where a name leads. Raises: UsageError if nowhere."""
        try:
            return await self._providers.route(name, request, judge=judge)
        except UsageError as error:
            if PREFIX + name not in self._pipelines:
                raise
            said = f'"{name}" is no model: did you mean {PREFIX}{name}?'
            raise Fault(404, said, code="model_not_found", param="model") from error

    def _provider(self, resolved: Resolved, own_key: str | None) -> Provider:
        """Who answers. Raises: UsageError without a key; Fault 400 for one that is none."""
        ask = partial(self._providers.provider, resolved, retries=0)
        if own_key is None:
            return ask()
        try:
            return ask(own_key=own_key)
        except UsageError as error:
            raise Fault(400, str(error), code="invalid_provider_key") from error

    async def _price(self, resolved: Resolved) -> Price | None:
        label = resolved.label
        if label not in self._prices:
            if len(self._prices) >= _MOST_PRICES:
                self._prices.clear()
            # The first look-up reads a large list.
            self._prices[label] = await asyncio.to_thread(self._providers.price, resolved)
        return self._prices[label]
