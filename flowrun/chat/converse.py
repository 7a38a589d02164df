"""One question to a model until there is a usable answer: sending, tool calls, and repair."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from flowrun.chat import toolcalls
from flowrun.chat.messages import ChatReply, ChatRequest, Delta, Message, Part, Text, ToolCall, fold
from flowrun.chat.toolcalls import Judged
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
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


class Tools(Protocol):
    """What a conversation needs to have tools called, and to go on where it was cut off.

    `turn` counts the model's replies from 0. `routes` are the tools whose call is the answer.
    """

    @property
    def routes(self) -> Collection[str]:
        """The names of those tools that nothing is run for."""
        ...

    @property
    def most_turns(self) -> int:
        """How many replies may call tools."""
        ...

    def kept(self, turn: int) -> ChatReply | None:
        """The reply of an earlier try at the same conversation, None from where it was cut."""
        ...

    def keep(self, turn: int, reply: ChatReply) -> None:
        """Takes a reply that the conversation goes on from."""
        ...

    async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
        """What each call gave, in their order; runs those without a problem."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What a conversation tells while it goes on; whatever is None is not told.

    `on_text` asks for a streamed reply. `masker` takes secrets out of whatever a model says,
    before anybody sees it. `slot` is held while a model is asked, and only then.
    """

    on_reply: Callable[[ChatReply], None]
    on_repair: Callable[[str, int], None]
    on_text: Callable[[str], None] | None = None
    masker: Masker | None = None
    slot: AbstractAsyncContextManager[None] | None = None


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
    tools: Tools | None = None,
) -> Answer[T]:
    """Asks until `read` accepts a reply; each faulty one is sent back with what is wrong.

    converse
    ├── provider.send, or stream folded; masked    unless an earlier try got this reply
    ├── tools.results           a reply that calls tools: on with what they gave
    ├── read(reply)             raises ReplyError for what cannot be used
    └── send_back               the conversation so far, the reply, and its problem

    Raises: ReplyError when `repairs` are used up, asking again cannot help, or the model calls
    tools without end; ProviderError when no reply comes; whatever `tools` raises.
    """
    talk = _Talk(request, tools)
    attempt = 0
    while True:
        reply = talk.kept() or toolcalls.readable(await _reply(provider, talk.asked, watch))
        if await talk.goes_on(reply):
            continue
        try:
            talk.check(reply)
            return Answer(read(reply), reply)
        except ReplyError as error:
            if attempt == repairs or not error.repairable:
                raise
            attempt += 1
            watch.on_repair(error.problem, attempt)
            talk.send_back(reply, error)


class _Talk:
    """A conversation as far as it has come; `asked` is what the model is asked next."""

    def __init__(self, request: ChatRequest, tools: Tools | None) -> None:
        self.asked = request
        self._sure = request
        self._tools = tools
        self._turn = 0
        self._answered = 0
        self._ids: set[str] = set()

    def kept(self) -> ChatReply | None:
        """The next reply, where an earlier try got it already."""
        return None if self._tools is None else self._tools.kept(self._turn)

    async def goes_on(self, reply: ChatReply) -> bool:
        """Whether the reply calls tools to be run; they are, and their results are added."""
        tools, calls = self._tools, toolcalls.calls_of(reply)
        if tools is None or not calls or self._sure.tool_choice == "none":
            return False
        if toolcalls.chosen(reply, self._sure.tools, tools.routes) is not None:
            return False
        if self._answered == tools.most_turns:
            turns = f"{tools.most_turns} turn{'s' * (tools.most_turns != 1)}"
            raise ReplyError(f"the model still calls tools after {turns}", text=reply.text)
        judged = toolcalls.judge(calls, self._sure.tools, tools.routes)
        tools.keep(self._turn, reply)
        results = await tools.results(self._turn, judged)
        self._turn += 1
        self._answered += 1
        self._add(toolcalls.answered(reply, judged, results, self._ids))
        if self._is_forced and not all(each.problem for each in judged):
            # A forced choice would be forced again and again, and no answer ever come.
            self.asked = replace(self.asked, tool_choice="auto")
        self._sure = self.asked
        return True

    def check(self, reply: ChatReply) -> None:
        """Raises: ReplyError for a whole reply that calls nothing where it must."""
        if self._is_forced and not reply.tool_calls and reply.finish_reason == "stop":
            raise ReplyError("it calls no tool, and it must", text=reply.text, repairable=True)

    def send_back(self, reply: ChatReply, error: ReplyError) -> None:
        """Asks again with the faulty reply and its problem; only the newest attempt is shown.

        An empty reply is not shown: providers refuse an empty turn.
        """
        self.asked = self._sure
        if self._tools is not None:
            self._tools.keep(self._turn, reply)
        self._turn += 1
        complaint = f"This reply cannot be used: {error.problem}."
        if self._tools is not None and toolcalls.chosen(
            reply, self._sure.tools, self._tools.routes
        ):
            judged = [Judged(reply.tool_calls[0].name)]
            results = [toolcalls.refused(f"{complaint} Choose again.")]
            self._add(toolcalls.answered(reply, judged, results, self._ids))
        elif error.text.strip():
            again = f"{complaint} Answer again, with nothing else."
            said = Message("assistant", (Text(error.text),), blocks=reply.blocks)
            self._add((said, Message("user", (Text(again),))))

    @property
    def _is_forced(self) -> bool:
        return self._tools is not None and bool(self._sure.forced_tools)

    def _add(self, messages: Sequence[Message]) -> None:
        self.asked = replace(self.asked, messages=(*self.asked.messages, *messages))


async def _reply(provider: Answers, request: ChatRequest, watch: Watch) -> ChatReply:
    if watch.slot is None:
        reply = await _sent(provider, request, watch)
    else:
        async with watch.slot:
            reply = await _sent(provider, request, watch)
    reply = reply if watch.masker is None else _masked(reply, watch.masker.mask)
    watch.on_reply(reply)
    return reply


async def _sent(provider: Answers, request: ChatRequest, watch: Watch) -> ChatReply:
    if watch.on_text is None:
        return await provider.send(request)
    return await _streamed(provider.stream(request), _Spoken(watch.on_text, watch.masker))


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
        tool_calls=tuple(
            ToolCall(mask(each.id), mask(each.name), mask(each.arguments))
            for each in reply.tool_calls
        ),
        # A block goes back as it came or not at all: its signature would not fit otherwise.
        blocks=tuple(each for each in reply.blocks if _is_clean(each, mask)),
    )


def _is_clean(value: JsonValue, mask: Callable[[str], str]) -> bool:
    """Whether no text in the value is masked."""
    match value:
        case str():
            return mask(value) == value
        case Mapping():
            return all(_is_clean(each, mask) for each in value.values())
        case Sequence():
            return all(_is_clean(each, mask) for each in value)
        case _:
            return True


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
