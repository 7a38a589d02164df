"""Calls paid out of a budget: what one may cost at worst, and what it has cost.

Retrying( Paying( Limited( a provider ) ) )        every attempt is reserved by itself
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import assert_never

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, ImageUrl, Message, Part, Text
from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import AccessDenied, ProviderError, StepError, Unavailable, Unsupported
from flowrun.providers.base import Provider
from flowrun.providers.resolved import Resolved
from flowrun.run.budget import Budget

_REQUEST_TOKENS = 64
_MESSAGE_TOKENS = 16
_TOOLS_TOKENS = 1024
_IMAGE_TOKENS = 8192
"""What a provider may add to the text: round a request, a message, a set of tools; an image."""

_LIMITS = ("max_completion_tokens", "max_tokens")
_GAVE_UP = (408, 504, 524)
"""Statuses of somebody who waited in vain for a model that may have answered."""


def worst_case(request: ChatRequest, resolved: Resolved) -> Decimal:
    """What a request may cost at worst, in US dollars: all its input at the dearest price.

    Raises: StepError where the price, or how much may be answered, is not known.
    """
    price = resolved.price
    if price is None:
        raise StepError(
            f'nobody knows what "{resolved.label}" costs, so that no budget can hold it; write its '
            f'price into flowrun.toml: [prices."{resolved.label}"] with input and output'
        )
    if not price.at_worst(1, 1):
        return Decimal(0)
    output = _output_tokens(request, resolved.label) if price.at_worst(0, 1) else Decimal(0)
    return price.at_worst(input_tokens(request), output)


def input_tokens(request: ChatRequest) -> int:
    """So many tokens at most: no token is less than a byte of what is sent."""
    found = _REQUEST_TOKENS + sum(_of_message(each) for each in request.messages)
    if request.tools:
        found += _TOOLS_TOKENS + sum(_of_data(each.as_json()) for each in request.tools)
    if request.response_format.schema is not None:
        found += _of_data(request.response_format.as_json())
    return found


def _of_message(message: Message) -> int:
    calls = sum(
        _MESSAGE_TOKENS + _of_text(each.id + each.name + each.arguments)
        for each in message.tool_calls
    )
    return _MESSAGE_TOKENS + calls + sum(_of_part(each) for each in message.parts)


def _of_part(part: Part) -> int:
    match part:
        case Text(text):
            return _of_text(text)
        case Image() | ImageUrl():
            return _IMAGE_TOKENS
        case _ as never:
            assert_never(never)


def _of_data(data: JsonValue) -> int:
    return _of_text(json.dumps(data, ensure_ascii=False, default=dict))


def _of_text(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _output_tokens(request: ChatRequest, label: str) -> Decimal:
    said = [request.options[name] for name in _LIMITS if name in request.options]
    limits = [Decimal(str(each)) for each in said if isinstance(each, int | float) and each > 0]
    if not limits:
        raise StepError(
            f'nobody knows how much "{label}" may answer, so that no budget can hold it; set '
            "max_completion_tokens"
        )
    return max(limits)


@dataclass(slots=True)
class _Attempt:
    """One request to a model; `paid_usd` is what it has cost, the worst case until that is known.

    `has_answered`: something of a reply came, so that it is paid for whatever comes after.
    """

    paid_usd: Decimal
    has_answered: bool = False


class Paying:
    """A provider each of whose attempts is paid out of a budget; for one conversation.

    A reply whose usage nobody knows counts as its worst case, and so does an attempt that broke
    off and may be billed; one that was refused costs nothing. `require_going` raises once the
    run was stopped: what has not begun and had to wait for room is not begun after that.
    """

    def __init__(
        self,
        provider: Provider,
        budget: Budget,
        resolved: Resolved,
        require_going: Callable[[], None],
    ) -> None:
        self._provider = provider
        self._budget = budget
        self._resolved = resolved
        self._require_going = require_going
        self._has_begun = False

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply. Raises: BudgetReached."""
        async with self._attempt(request) as attempt:
            reply = await self._provider.send(request)
            self._book(attempt, reply.usage)
        return reply

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The reply in pieces. Raises: BudgetReached."""
        usage: Usage | None = None
        async with self._attempt(request) as attempt, self._opened(request) as deltas:
            async for delta in deltas:
                attempt.has_answered = True
                usage = delta.usage or usage
                yield delta
            self._book(attempt, usage)

    async def aclose(self) -> None:
        """Closes the provider inside."""
        await self._provider.aclose()

    @asynccontextmanager
    async def _attempt(self, request: ChatRequest) -> AsyncIterator[_Attempt]:
        worst_usd = worst_case(request, self._resolved)
        if not worst_usd:
            yield _Attempt(worst_usd)
            return
        has_waited = await self._budget.reserve(worst_usd)
        attempt = _Attempt(Decimal(0))
        try:
            if has_waited and not self._has_begun:
                self._require_going()
            self._has_begun = True
            attempt.paid_usd = worst_usd
            yield attempt
        except ProviderError as error:
            if not attempt.has_answered and _is_free(error):
                attempt.paid_usd = Decimal(0)
            raise
        finally:
            self._budget.settle(worst_usd, attempt.paid_usd)

    @asynccontextmanager
    async def _opened(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        deltas = self._provider.stream(request)
        try:
            yield deltas
        finally:
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()

    def _book(self, attempt: _Attempt, usage: Usage | None) -> None:
        paid_usd = None if usage is None else self._resolved.cost(usage)
        if paid_usd is not None:
            attempt.paid_usd = max(paid_usd, Decimal(0))


def paid_from(
    budget: Budget | None, resolved: Resolved, require_going: Callable[[], None]
) -> Callable[[Provider], Provider] | None:
    """The wrapper for one conversation with a model, None where no budget holds it."""
    if budget is None:
        return None
    return lambda provider: Paying(provider, budget, resolved, require_going)


def _is_free(error: ProviderError) -> bool:
    """Whether nothing was done that could be billed."""
    match error:
        case AccessDenied() | Unsupported():
            return True
        case Unavailable() if error.is_unsent:
            return True
        case _:
            return error.status is not None and error.status not in _GAVE_UP
