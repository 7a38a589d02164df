"""One answer to one request: from the store, from an equal request under way, or from a model.

Asker.answer
├── models.route             what `auto` means for the request, if a step asks it
├── request.build, request.key
├── store.get                  an answer that was paid for before
└── _first                     one call for equal requests at one time
    ├── converse(provider, …)  the model, with its tools and repair, each attempt paid out of the
    │                          budget if there is one; the next model when one is unavailable
    └── store.put              committed before anything depends on it
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from flowrun.chat import structured, toolcalls
from flowrun.chat.capabilities import lacks, refusal
from flowrun.chat.converse import Answer, Answers, Tools, Watch, converse
from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Usage
from flowrun.dataclass import dataclass
from flowrun.document.task import Ask
from flowrun.errors import AccessDenied, FlowrunError, ReplyError, Unavailable, Unsupported
from flowrun.masking import Masker
from flowrun.providers.base import Provider
from flowrun.providers.catalog import AUTO
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Judge
from flowrun.run import request
from flowrun.run.answers import from_kept, to_kept
from flowrun.run.demands import unmet
from flowrun.run.events import Event, StepRepaired, StepRetried, StepStreamed
from flowrun.run.job import Job
from flowrun.run.offers import Offered
from flowrun.run.paying import paid_from
from flowrun.run.places import Place
from flowrun.store.base import Policy, Store


class Models(Protocol):
    """Where requests go."""

    def resolve(self, name: str) -> Resolved:
        """What a model's name leads to. Raises: UsageError if nowhere."""
        ...

    async def route(self, name: str, request: ChatRequest, *, judge: Judge) -> Resolved:
        """What it leads to for that request; `judge` asks for a judge's word."""
        ...

    def provider(
        self,
        resolved: Resolved,
        *,
        retries: int,
        on_retry: Callable[[str, float, int], None],
        paying: Callable[[Provider], Provider] | None,
    ) -> Answers:
        """The provider that answers for it; each attempt passes through `paying`, if any."""
        ...


class Stopped(FlowrunError):
    """The run was stopped before this request was sent."""


@dataclass(slots=True)
class Spent:
    """What a job has cost so far, faulty replies included; `cost_usd` is None when unknown."""

    usage: Usage | None = None
    cost_usd: Decimal | None = Decimal(0)

    def add(self, reply: ChatReply, resolved: Resolved) -> None:
        """Counts a reply in."""
        paid = None if reply.usage is None else resolved.cost(reply.usage)
        if reply.usage is not None:
            self.usage = reply.usage if self.usage is None else self.usage + reply.usage
        if paid is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += paid


@dataclass(frozen=True, slots=True)
class Occasion:
    """A conversation in which tools may be called, and on whose behalf.

    `key` names the conversation, `keeps` says whether it may be gone on with later.
    `require_going` raises Stopped once the run was stopped.
    """

    job: Job
    ask: Ask
    offered: Offered
    key: str
    sample: int
    spent: Spent
    keeps: bool
    takes_images: bool
    require_going: Callable[[], None]


class Calls(Protocol):
    """Whoever has tools called."""

    async def offered(self, ask: Ask) -> Offered:
        """The step's tools, ready. Raises: StepError."""
        ...

    def conversation(self, occasion: Occasion) -> Tools:
        """The tools of one conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that may answer, the request as it is put to it, and its key."""

    resolved: Resolved
    request: ChatRequest
    key: str


@dataclass(frozen=True, slots=True)
class Found:
    """A value, whom it came from, and whether the store had it."""

    value: object
    candidate: Candidate
    is_kept: bool


@dataclass(frozen=True, slots=True)
class _Question:
    """One sample that is asked for, and what is spent on it."""

    job: Job
    ask: Ask
    sample: int
    spent: Spent
    offered: Offered | None


@dataclass(slots=True)
class Asker:
    """Answers requests; one for a run. `concurrency` bounds the calls under way at once.

    `is_watched` asks for streamed replies and tells their text. `masker` takes secrets out of
    what models say. `calls` has tools called, where steps offer any.
    """

    models: Models
    store: Store
    policy: Policy
    emit: Callable[[Event], None]
    concurrency: int
    is_watched: bool = False
    masker: Masker | None = None
    calls: Calls | None = None
    _is_stopped: bool = False
    _denied: dict[str, AccessDenied] = field(default_factory=dict)
    _under_way: dict[str, asyncio.Event] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    async def answer(
        self, job: Job, ask: Ask, names: Sequence[Resolved], *, sample: int, spent: Spent
    ) -> Found:
        """The value of one sample.

        Raises: FlowrunError of the kind that says why there is none; Stopped after `stop`.
        """
        offered = await self._offered(ask) if ask.tools else None
        question = _Question(job, ask, sample, spent, offered)
        if any(each.is_auto for each in names):
            names = await self._routed(question, names)
        candidates = [_candidate(question, resolved) for resolved in names]
        if not self.keeps(ask):
            return await self._first(question, candidates)
        while (kept := self._kept(question, candidates)) is None:
            key = candidates[0].key
            if (other := self._under_way.get(key)) is not None:
                # An equal request is under way: its answer will be in the store; if it failed,
                # this one is the next to try.
                await other.wait()
                continue
            done = self._under_way[key] = asyncio.Event()
            try:
                return await self._first(question, candidates)
            finally:
                del self._under_way[key]
                done.set()
        return kept

    def stop(self) -> None:
        """Sends nothing more, but for repairs; a conversation with tools goes on another time."""
        self._is_stopped = True

    def require_going(self) -> None:
        """Raises: Stopped after `stop`."""
        if self._is_stopped:
            raise Stopped("the run was stopped")

    def keeps(self, ask: Ask) -> bool:
        """Whether answers to such a step are looked for, and kept."""
        return self.policy is not Policy.OFF and ask.cache

    def keep(self, key: str, reply: ChatReply) -> None:
        """Keeps an answer under a key."""
        answer, blobs = to_kept(reply)
        answer["created"] = int(time.time())
        self.store.put(key, answer, blobs)

    async def _offered(self, ask: Ask) -> Offered:
        assert self.calls is not None
        return await self.calls.offered(ask)

    async def _routed(self, question: _Question, names: Sequence[Resolved]) -> list[Resolved]:
        """The models, with what `auto` means for this request."""
        # Imported here, for few steps leave the choice of a model to a rule.
        from flowrun.run.judging import Judging

        asked, judging = (
            _built(question, AUTO),
            Judging(self, question.job, question.ask, question.spent),
        )
        chosen = await self.models.route(AUTO, asked, judge=judging.answer)
        return [chosen if each.is_auto else each for each in names]

    def _kept(self, question: _Question, candidates: Sequence[Candidate]) -> Found | None:
        """The first kept answer that still satisfies the step; others are as good as none."""
        for candidate in candidates:
            answer = self.store.get(candidate.key)
            reply = None if answer is None else from_kept(answer, self.store.blob)
            if reply is not None:
                try:
                    return Found(_read(question, reply), candidate, is_kept=True)
                except ReplyError:
                    continue
        return None

    async def _first(self, question: _Question, candidates: Sequence[Candidate]) -> Found:
        """The answer of the first model that is there and takes the request's shape."""
        job = question.job
        for number, (candidate, following) in enumerate(pairwise(candidates), 1):
            try:
                return await self._call(question, candidate)
            except (Unavailable, Unsupported) as error:
                reason = f"{error}; asking {following.resolved.label} instead"
                self.emit(StepRetried(job.step, job.item, reason, 0.0, number, job.within))
        return await self._call(question, candidates[-1])

    async def _call(self, question: _Question, candidate: Candidate) -> Found:
        resolved, asked = candidate.resolved, candidate.request
        if (param := lacks(resolved.capabilities, asked)) is not None:
            said = refusal(resolved.label, param, asked, resolved.capabilities)
            raise Unsupported(said, param=param)
        answer = await self._conversation(question, candidate)
        if self.keeps(question.ask):
            self.keep(candidate.key, answer.reply)
        return Found(answer.value, candidate, is_kept=False)

    async def _conversation(self, question: _Question, candidate: Candidate) -> Answer[object]:
        job, ask = question.job, question.ask
        step, item, within = job.step, job.item, job.within

        def on_retry(reason: str, delay_s: float, attempt: int) -> None:
            self.emit(StepRetried(step, item, reason, delay_s, attempt, within))

        def on_repair(reason: str, attempt: int) -> None:
            self.emit(StepRepaired(step, item, reason, attempt, within))

        def on_text(text: str) -> None:
            self.emit(StepStreamed(step, item, text, within))

        watch = Watch(
            on_reply=lambda reply: question.spent.add(reply, candidate.resolved),
            on_repair=on_repair,
            on_text=on_text if self.is_watched else None,
            masker=self.masker,
            slot=Place(self, candidate.resolved.label, has_tools=bool(ask.tools)),
        )
        return await converse(
            self.models.provider(
                candidate.resolved,
                retries=ask.retry,
                on_retry=on_retry,
                paying=paid_from(job.budget, candidate.resolved, self.require_going),
            ),
            candidate.request,
            read=lambda reply: _read(question, reply),
            repairs=ask.repair,
            watch=watch,
            tools=self._tools(question, candidate),
        )

    def _tools(self, question: _Question, candidate: Candidate) -> Tools | None:
        if question.offered is None or self.calls is None:
            return None
        occasion = Occasion(
            question.job,
            question.ask,
            question.offered,
            candidate.key,
            question.sample,
            question.spent,
            keeps=self.keeps(question.ask),
            takes_images=candidate.resolved.capabilities.images_in is not False,
            require_going=self.require_going,
        )
        return self.calls.conversation(occasion)

    async def enter(self, label: str, *, is_first: bool) -> None:
        """Takes a slot. Raises: Stopped, and AccessDenied where it was denied before."""
        await self._slots.acquire()
        try:
            if is_first:
                self.require_going()
            if (denied := self._denied.get(label)) is not None:
                raise denied
        except FlowrunError:
            self._slots.release()
            raise

    def leave(self, label: str, error: BaseException | None) -> None:
        """Gives the slot back; who waits for one would be denied the same."""
        if isinstance(error, AccessDenied):
            self._denied[label] = error
        self._slots.release()


def _candidate(question: _Question, resolved: Resolved) -> Candidate:
    job, offered = question.job, question.offered or Offered()
    asked = request.drawn(_built(question, resolved.model), question.sample + sum(job.rounds))
    key = request.key(
        asked,
        endpoint=resolved.endpoint.name,
        base_url=resolved.endpoint.base_url,
        sample=question.sample,
        versions=offered.versions,
        rounds=job.rounds,
    )
    return Candidate(resolved, asked, key)


def _built(question: _Question, model: str) -> ChatRequest:
    tools = () if question.offered is None else question.offered.definitions
    return request.build(question.ask, question.job.scope, model, tools=tools)


def _read(question: _Question, reply: ChatReply) -> object:
    """The step's value from a reply. Raises: ReplyError if it is not what was asked for."""
    value = _taken(question.offered, reply)
    if value is None:
        value = _said(question.ask, reply)
    problem = unmet(question.job.task, question.job.scope, value)
    if problem:
        raise ReplyError(problem, text=reply.text, repairable=True)
    return value


def _taken(offered: Offered | None, reply: ChatReply) -> object:
    """The route that the reply takes, if it takes one."""
    if offered is None:
        return None
    call = toolcalls.chosen(reply, offered.definitions, offered.routes)
    return None if call is None else {"tool": call.name, "arguments": call.arguments}


def _said(ask: Ask, reply: ChatReply) -> object:
    structured.judge(reply, wants_image=ask.wants_image)
    if ask.wants_image:
        # Earlier frames of a streamed picture are progress; the last one is the picture.
        picture = reply.images[-1]
        return replace(picture, text=reply.text or picture.text)
    return structured.read(reply, ask.response_format)
