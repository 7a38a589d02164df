"""One answer to one request: from the store, from an equal request under way, or from a model.

Asker.answer
├── request.build, request.key
├── store.get                  an answer that was paid for before
└── _first                     one call for equal requests at one time
    ├── converse(provider, …)  the model, with repair; the next model when one is unavailable
    └── store.put              committed before anything depends on it
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from flowrun.chat import structured
from flowrun.chat.converse import Answer, Answers, Watch, converse
from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.chat.usage import Usage, cost
from flowrun.document import templates
from flowrun.document.slots import Scope
from flowrun.document.task import Ask, Task
from flowrun.document.templates import TemplateError
from flowrun.errors import AccessDenied, FlowrunError, ReplyError, Unavailable, Unsupported
from flowrun.masking import Masker
from flowrun.providers.router import Resolved
from flowrun.run import request
from flowrun.run.answers import from_kept, to_kept
from flowrun.run.events import Event, StepRepaired, StepRetried, StepStreamed
from flowrun.run.job import Job
from flowrun.store.base import Policy, Store


class Models(Protocol):
    """Where requests go."""

    def resolve(self, name: str) -> Resolved:
        """What a model's name leads to. Raises: UsageError if nowhere."""
        ...

    def provider(
        self, resolved: Resolved, *, retries: int, on_retry: Callable[[str, float, int], None]
    ) -> Answers:
        """The provider that answers for it, with its wrappers."""
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
        paid = None if reply.usage is None else cost(reply.usage, resolved.price)
        if reply.usage is not None:
            self.usage = reply.usage if self.usage is None else self.usage + reply.usage
        if paid is None or self.cost_usd is None:
            self.cost_usd = None
        else:
            self.cost_usd += paid


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


@dataclass(slots=True)
class Asker:
    """Answers requests; one for a run. `concurrency` bounds the calls under way at once.

    `is_watched` asks for streamed replies and tells their text. `masker` takes secrets out of
    what models say.
    """

    models: Models
    store: Store
    policy: Policy
    emit: Callable[[Event], None]
    concurrency: int
    is_watched: bool = False
    masker: Masker | None = None
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
        candidates = [_candidate(ask, job.scope, resolved, sample) for resolved in names]
        if self.policy is Policy.OFF or not ask.cache:
            return await self._first(job, ask, candidates, spent)
        while (kept := self._kept(job, candidates)) is None:
            key = candidates[0].key
            if (other := self._under_way.get(key)) is not None:
                # An equal request is under way: its answer will be in the store; if it failed,
                # this one is the next to try.
                await other.wait()
                continue
            done = self._under_way[key] = asyncio.Event()
            try:
                return await self._first(job, ask, candidates, spent)
            finally:
                del self._under_way[key]
                done.set()
        return kept

    def stop(self) -> None:
        """Sends nothing more, but for conversations under way."""
        self._is_stopped = True

    def _kept(self, job: Job, candidates: Sequence[Candidate]) -> Found | None:
        """The first kept answer that still satisfies the step; others are as good as none."""
        for candidate in candidates:
            answer = self.store.get(candidate.key)
            reply = None if answer is None else from_kept(answer, self.store.blob)
            if reply is not None:
                try:
                    return Found(_read(job.task, job.scope, reply), candidate, is_kept=True)
                except ReplyError:
                    continue
        return None

    async def _first(
        self, job: Job, ask: Ask, candidates: Sequence[Candidate], spent: Spent
    ) -> Found:
        """The answer of the first model that is there and takes the request's shape."""
        for number, (candidate, following) in enumerate(pairwise(candidates), 1):
            try:
                return await self._call(job, ask, candidate, spent)
            except (Unavailable, Unsupported) as error:
                reason = f"{error}; asking {following.resolved.label} instead"
                self.emit(StepRetried(job.task.id, job.item, reason, 0.0, number))
        return await self._call(job, ask, candidates[-1], spent)

    async def _call(self, job: Job, ask: Ask, candidate: Candidate, spent: Spent) -> Found:
        resolved = candidate.resolved
        if resolved.capabilities.images_in is False and candidate.request.images():
            raise Unsupported(f'"{resolved.label}" cannot take images')
        async with self._slots:
            if self._is_stopped:
                raise Stopped("the run was stopped")
            if (denied := self._denied.get(resolved.label)) is not None:
                raise denied
            try:
                answer = await self._conversation(job, ask, candidate, spent)
            except AccessDenied as error:
                # Whoever waits for a slot would be told the same.
                self._denied[resolved.label] = error
                raise
            if self.policy is not Policy.OFF and ask.cache:
                self._keep(candidate.key, answer.reply)
        return Found(answer.value, candidate, is_kept=False)

    async def _conversation(
        self, job: Job, ask: Ask, candidate: Candidate, spent: Spent
    ) -> Answer[object]:
        step, item = job.task.id, job.item

        def on_retry(reason: str, delay_s: float, attempt: int) -> None:
            self.emit(StepRetried(step, item, reason, delay_s, attempt))

        def on_text(text: str) -> None:
            self.emit(StepStreamed(step, item, text))

        watch = Watch(
            on_reply=lambda reply: spent.add(reply, candidate.resolved),
            on_repair=lambda reason, attempt: self.emit(StepRepaired(step, item, reason, attempt)),
            on_text=on_text if self.is_watched else None,
            masker=self.masker,
        )
        provider = self.models.provider(candidate.resolved, retries=ask.retry, on_retry=on_retry)
        return await converse(
            provider,
            candidate.request,
            read=lambda reply: _read(job.task, job.scope, reply),
            repairs=ask.repair,
            watch=watch,
        )

    def _keep(self, key: str, reply: ChatReply) -> None:
        answer, blobs = to_kept(reply)
        answer["created"] = int(time.time())
        self.store.put(key, answer, blobs)


def _candidate(ask: Ask, scope: Scope, resolved: Resolved, sample: int) -> Candidate:
    asked = request.build(ask, scope, resolved.model)
    if sample and isinstance(seed := asked.options.get("seed"), int):
        # With one seed for all, the samples would be one answer over and over.
        asked = replace(asked, options={**asked.options, "seed": seed + sample})
    key = request.key(
        asked,
        endpoint=resolved.endpoint.name,
        base_url=resolved.endpoint.base_url,
        sample=sample,
    )
    return Candidate(resolved, asked, key)


def _read(task: Task, scope: Scope, reply: ChatReply) -> object:
    """The step's value from a reply. Raises: ReplyError if it is not what was asked for."""
    ask = task.ask
    assert ask is not None
    structured.judge(reply, wants_image=ask.wants_image)
    value: object
    if ask.wants_image:
        # Earlier frames of a streamed picture are progress; the last one is the picture.
        value = replace(reply.images[-1], text=reply.text)
    else:
        value = structured.read(reply, ask.response_format)
    problem = unmet(task, scope, value)
    if problem:
        raise ReplyError(problem, text=reply.text, repairable=True)
    return value


def unmet(task: Task, scope: Scope, value: object) -> str:
    """What the step's `expect` finds missing in `value`; nothing if all holds.

    What cannot be evaluated does not hold: a reply may lack what the expression reads.
    """
    own = {**scope, task.id: value}
    for expected in task.expects:
        wanted = f"it must hold that {expected.template.source.strip()}"
        try:
            if not templates.value(expected.template, own):
                return wanted
        except TemplateError as error:
            return f"{wanted}, but {error}"
    return ""
