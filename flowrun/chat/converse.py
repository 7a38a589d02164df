"""One question to a model until there is a usable answer: sending, and repair of faulty replies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Message, Text, fold
from flowrun.errors import ReplyError
from flowrun.masking import Masker

T = TypeVar("T")


class Answers(Protocol):
    """What a conversation needs of a provider."""

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """The reply in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What a conversation tells while it goes on; whatever is None is not told.

    `on_text` asks for a streamed reply. `masker` takes secrets out of whatever a model says,
    before anybody sees it.
    """

    on_reply: Callable[[ChatReply], None]
    on_repair: Callable[[str, int], None]
    on_text: Callable[[str], None] | None = None
    masker: Masker | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable reply and what was read from it."""

    value: T
    reply: ChatReply


async def converse(
    provider: Answers,
    request: ChatRequest,
    *,
    read: Callable[[ChatReply], T],
    repairs: int,
    watch: Watch,
) -> Answer[T]:
    """Asks until `read` accepts a reply; each faulty one is sent back with what is wrong.

    converse
    ├── provider.send, or stream folded; masked
    ├── read(reply)             raises ReplyError for what cannot be used
    └── _sent_back              the conversation so far, the reply, and its problem

    Raises: ReplyError when `repairs` are used up or asking again cannot help; ProviderError when
    no reply comes.
    """
    asked = request
    for attempt in range(1, repairs + 1):
        reply = await _reply(provider, asked, watch)
        try:
            return Answer(read(reply), reply)
        except ReplyError as error:
            if not error.repairable:
                raise
            watch.on_repair(error.problem, attempt)
            asked = _sent_back(request, error)
    reply = await _reply(provider, asked, watch)
    return Answer(read(reply), reply)


async def _reply(provider: Answers, request: ChatRequest, watch: Watch) -> ChatReply:
    if watch.on_text is None:
        reply = await provider.send(request)
    else:
        reply = await _streamed(provider.stream(request), _Spoken(watch.on_text, watch.masker))
    reply = reply if watch.masker is None else _masked(reply, watch.masker.mask)
    watch.on_reply(reply)
    return reply


async def _streamed(stream: AsyncIterator[Delta], spoken: _Spoken) -> ChatReply:
    deltas: list[Delta] = []
    try:
        async for delta in stream:
            deltas.append(delta)
            spoken.hear(delta)
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    spoken.end()
    return fold(deltas)


def _masked(reply: ChatReply, mask: Callable[[str], str]) -> ChatReply:
    return replace(
        reply,
        text=mask(reply.text),
        refusal=mask(reply.refusal),
        reasoning=mask(reply.reasoning),
        model=mask(reply.model),
        id=mask(reply.id),
    )


class _Spoken:
    """Text passed on as it streams in; what may be a part of a secret waits for the rest."""

    def __init__(self, say: Callable[[str], None], masker: Masker | None) -> None:
        self._say = say
        self._masker = masker
        self._waiting = ""

    def hear(self, delta: Delta) -> None:
        """Takes in a piece."""
        text = delta.text
        if self._masker is not None:
            whole = text if delta.restart else self._waiting + text
            text, self._waiting = self._masker.split(whole)
        if text:
            self._say(text)

    def end(self) -> None:
        """Passes on what waited."""
        if self._masker is not None and self._waiting:
            self._say(self._masker.mask(self._waiting))


def _sent_back(request: ChatRequest, error: ReplyError) -> ChatRequest:
    """The request with the faulty reply and its problem; only the newest attempt is shown.

    An empty reply is not shown: providers refuse an empty turn.
    """
    if not error.text.strip():
        return request
    complaint = f"This reply cannot be used: {error.problem}. Answer again, with nothing else."
    return replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", (Text(error.text),)),
            Message("user", (Text(complaint),)),
        ),
    )
