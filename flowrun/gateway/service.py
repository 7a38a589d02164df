"""One completion's way, free of any transport: read, routed, paid for, asked, written.

    Service.account -> Service.call -> Service.whole                        a unary body
                                    -> Service.stream -> Streamed.chunks    its pieces

Candidates are asked in turn: the next one only before any content, and only where the one before
was not available or is not there. Each has a bill of its own, which is settled or given back
before the next is asked, so that nobody pays twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Usage
from flowrun.config import Config
from flowrun.dataclass import dataclass
from flowrun.errors import (
    FlowrunError,
    NotInstalled,
    Unavailable,
    Unsupported,
    UsageError,
    did_you_mean,
)
from flowrun.gateway.attempt import HUNG_UP, Attempt
from flowrun.gateway.auth import Keyring
from flowrun.gateway.base import OPEN, Account, Ledger, Listed
from flowrun.gateway.candidates import Candidate, Candidates, Pipeline
from flowrun.gateway.codec import Asked, Writer, read
from flowrun.gateway.faults import Fault, fault_of
from flowrun.gateway.limits import Limits
from flowrun.gateway.memory import Memory
from flowrun.gateway.metering import charge_units, output_limit, worst_case
from flowrun.gateway.models_list import listed
from flowrun.gateway.pictures import Pictures
from flowrun.gateway.stream import Streamed
from flowrun.gateway.till import FOR_NOTHING, Till
from flowrun.masking import Masker
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Providers
from flowrun.providers.wording import brief
from flowrun.serving import Serving

_EVERYBODY = Account(OPEN, OPEN, "")
_NOT_THERE, _BUSY, _SERVER_ERROR = 404, 429, 500
_MOST_OWN_KEYS = 32
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A completion that was asked for; `id` is new, and its answer's own.

    `own_keys` are the caller's keys by endpoint.
    """

    id: str
    account: Account
    asked: Asked
    own_keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: its body, and who gave it at what price."""

    body: bytes
    attempt: Attempt


class Service:
    """Everything that completions share: `async with Service(config, providers) as service`.

    Without a ledger and its keyring everybody is let in and nobody pays. `pipelines` are
    providers by their whole names, `pipeline/<name>`.
    """

    def __init__(
        self,
        config: Config,
        providers: Providers,
        *,
        ledger: Ledger | None = None,
        keyring: Keyring | None = None,
        pipelines: Mapping[str, Pipeline] | None = None,
    ) -> None:
        serving = config.serving or Serving()
        self.config = config
        self.settings = serving.serve
        self.pipelines = pipelines or {}
        self.limits = Limits(serving.serve)
        self.till = Till(ledger)
        self._credits = serving.credits
        self._providers = providers
        self._ledger = ledger
        self._keyring = keyring
        self._pictures = Pictures(serving.serve)
        self._memory = Memory()
        self._candidates = Candidates(providers, serving.serve, self.pipelines)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async with AsyncExitStack() as stack:
            if self._ledger is not None:
                stack.push_async_callback(self._ledger.aclose)
            await stack.enter_async_context(self._providers)
            stack.push_async_callback(self._pictures.aclose)
            stack.push_async_callback(self.till.aclose)

    async def account(self, authorization: str | None) -> Account:
        """Who asks. Raises: Fault 401 if nobody knows."""
        if self._keyring is None or await self._keyring.is_open():
            return _EVERYBODY
        return await self._keyring.account(authorization)

    async def call(self, account: Account, body: bytes, provider_keys: str | None = None) -> Call:
        """What a body asks for, with its pictures and what earlier replies left.

        Raises: Fault with the part that cannot be taken.
        """
        keys = own_keys(provider_keys) if provider_keys else {}
        self._require_known(keys)
        asked = read(body)
        request = await self._pictures.inlined(asked.request)
        request = self._memory.restored(account.id, request)
        if request is not asked.request:
            asked = replace(asked, request=request)
        return Call(f"chatcmpl-{uuid4().hex}", account, asked, keys)

    def models(self) -> tuple[Listed, ...]:
        """What can be asked for by name; reads files."""
        return listed(self.config, self._providers, self.pipelines)

    def _require_known(self, endpoints: Iterable[str]) -> None:
        """Raises: Fault 400 for a key of nobody."""
        known = self._providers.router.endpoints
        for name in endpoints:
            if name not in known:
                mend = did_you_mean(name, known) or f"known are {', '.join(known)}"
                said = f'x-provider-key has a key of the unknown provider "{brief(name, limit=60)}"'
                raise Fault(400, f"{said}: {mend}", code="invalid_provider_key")

    async def whole(self, call: Call) -> Answer:
        """The answer, charged for. Raises: Fault."""

        async def asked(attempt: Attempt) -> Answer:
            reply = await attempt.send()
            self._remember(call, reply)
            await attempt.settle("done")
            return Answer(self.writer(call, attempt.candidate.label).whole(reply), attempt)

        return await self._answered(call, asked)

    async def stream(self, call: Call) -> Streamed:
        """The answer from its first content on. Raises: Fault."""

        async def asked(attempt: Attempt) -> Streamed:
            try:
                first = await attempt.first()
            except BaseException:
                await attempt.aclose()
                raise
            return Streamed(
                attempt,
                first,
                self.writer(call, attempt.candidate.label),
                on_reply=lambda reply: self._remember(call, reply),
                fault=lambda error: self._fault(error, call, attempt.candidate),
            )

        return await self._answered(call, asked)

    async def _answered(self, call: Call, ask: Callable[[Attempt], Awaitable[T]]) -> T:
        """What the first candidate gives who can be asked and answers."""
        failures: list[Fault] = []
        is_paid = self.till.takes_money(call.account)
        judge = partial(self._judged, call) if is_paid else None
        for number, name in enumerate((call.asked.name, *call.asked.fallbacks)):
            candidate = None
            try:
                candidate = await self._candidates.of(
                    name, call.asked.request, call.own_keys, is_paid=is_paid, judge=judge
                )
                attempt = await self._begun(call, candidate, f".{number}" if number else "")
                try:
                    return await ask(attempt)
                except asyncio.CancelledError as error:
                    await (attempt.settle("gone") if HUNG_UP in error.args else attempt.fail())
                    raise
                except BaseException:
                    await attempt.fail()
                    raise
            except FlowrunError as error:
                failures.append(self._fault(error, call, candidate))
                if not _may_be_elsewhere(error):
                    raise failures[-1] from None
        raise _told(failures)

    async def _judged(self, call: Call, resolved: Resolved, question: ChatRequest) -> ChatReply:
        """What the judge of `auto` says, which the caller pays for as for any other call."""
        attempt = await self._begun(
            call, await self._candidates.judge(resolved, question), f".judge-{uuid4().hex[:8]}"
        )
        try:
            reply = await attempt.send()
        except BaseException:
            await attempt.fail()
            raise
        await attempt.settle("done")
        return reply

    async def _begun(self, call: Call, candidate: Candidate, part: str) -> Attempt:
        """An attempt whose worst case is set aside; `part` tells it from others of the call.

        Raises: Fault 400, 402; LedgerError.
        """
        if not self.till.takes_money(call.account):
            return Attempt(candidate, FOR_NOTHING, self._credits)
        candidate = self._limited(candidate)
        worst = self._worst_units(candidate)
        if worst is None:
            raise _unpriced(candidate)
        # Of what a pipeline or a picture costs at most, the limit is not the part that counts.
        has_limit = candidate.is_remote and not candidate.request.wants_image
        bill = await self.till.open(call.account, call.id + part, worst, has_limit=has_limit)
        return Attempt(candidate, bill, self._credits)

    def _worst_units(self, candidate: Candidate) -> int | None:
        """What the call cannot cost more than; None where its price is unknown."""
        if candidate.endpoint is None:
            dearest = Usage(cost_usd=candidate.worst_usd)
            return charge_units(dearest, None, self._credits, images=0, has_own_key=False)
        return worst_case(
            candidate.request,
            candidate.price,
            self._credits,
            makes_image=candidate.request.wants_image,
            has_own_key=candidate.has_own_key,
        )

    def _limited(self, candidate: Candidate) -> Candidate:
        """The candidate told how long its answer may be, for so much is set aside."""
        request = candidate.request
        is_told = "max_completion_tokens" in request.options or "max_tokens" in request.options
        is_drawn = candidate.endpoint is not None and candidate.endpoint.dialect == "openai-images"
        if is_told or is_drawn or not candidate.is_remote:
            return candidate
        limit = output_limit(request, self._credits)
        options = {**request.options, "max_completion_tokens": limit}
        return replace(candidate, request=replace(request, options=options))

    def writer(self, call: Call, label: str) -> Writer:
        """What writes the answer; `label` is the model that it comes from."""
        return Writer(call.id, int(time.time()), label, call.asked.usage_form)

    def _remember(self, call: Call, reply: ChatReply) -> None:
        if reply.blocks and reply.tool_calls:
            self._memory.keep(call.account.id, reply.tool_calls, reply.blocks)

    def _fault(self, error: FlowrunError, call: Call, candidate: Candidate | None) -> Fault:
        """What the caller is told; a key of the caller's own is never part of it."""
        has_own_key = candidate is not None and candidate.has_own_key
        fault = fault_of(error, has_own_key=has_own_key)
        return fault.masked(Masker(call.own_keys.values()).mask) if call.own_keys else fault


def _unpriced(candidate: Candidate) -> Fault:
    """The fault of a model whose price nobody knows."""
    label = candidate.label
    if candidate.endpoint is None:
        told = f"{label} has no budget: write budget: {{usd: 0.10}} at the top of its file"
        return Fault(400, told, code="price_unknown", param="model")
    told = f"the price of {label} is unknown to this server"
    mend = f'write [prices."{label}"], or unknown_price = "free" under [credits], in flowrun.toml'
    fault = Fault(400, told, code="price_unknown", param="model")
    return fault.logged_as(f"{told}: {mend}")


def _may_be_elsewhere(error: FlowrunError) -> bool:
    """Whether another model may fare better: this one cannot be had, whatever is asked."""
    if isinstance(error, NotInstalled):
        return True
    if isinstance(error, Unsupported | Fault):
        return error.status == _NOT_THERE
    return isinstance(error, Unavailable | UsageError)


def _told(failures: Sequence[Fault]) -> Fault:
    """The failure that is told of several: one that passes, where there is one."""
    passing = [each for each in failures if each.status >= _SERVER_ERROR or each.status == _BUSY]
    return (passing or list(failures))[-1]


def own_keys(said: str) -> dict[str, str]:
    """The keys of a header such as `anthropic=sk-..., openai=sk-...`, by endpoint.

    Raises: Fault 400, which does not repeat them.
    """
    found: dict[str, str] = {}
    for each in said.split(","):
        name, equals, key = (part.strip() for part in each.partition("="))
        is_key = key.isascii() and key.isprintable() and " " not in key
        is_pair = name and equals and key and is_key and name not in found
        if not is_pair or len(found) >= _MOST_OWN_KEYS:
            raise Fault(
                400,
                "x-provider-key must be written as: endpoint=key, endpoint=key",
                code="invalid_provider_key",
            )
        found[name] = key
    return found
