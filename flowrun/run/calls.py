"""The tools of a run: offered to models, called in conversations, and by steps of their own.

Caller
├── offered                   what a step's models are told, and the versions that its key holds
├── conversation              the tools of one conversation, as converse needs them
│   └── results               what is known from the journal; the rest at once, in parallel
└── step                      a `call` step
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from flowrun.chat import toolcalls
from flowrun.chat.messages import ChatReply, Part
from flowrun.chat.schema import compile_schema
from flowrun.chat.toolcalls import Judged
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, digest
from flowrun.document.slots import fill
from flowrun.document.task import Ask, Call
from flowrun.errors import FlowrunError, StepError, ToolError
from flowrun.masking import Masker
from flowrun.run import values
from flowrun.run.ask import Occasion, Spent
from flowrun.run.errands import Errand, Errands, SubRuns
from flowrun.run.events import Event
from flowrun.run.job import Job
from flowrun.run.offers import Bound, Offered, Offers, Toolbox
from flowrun.run.request import plain_data
from flowrun.run.turns import Result, Turns
from flowrun.store.base import Policy, Store

Arguments: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Called:
    """What a `call` step gave, and whether the store had it."""

    value: object
    is_kept: bool


@dataclass(slots=True)
class Caller:
    """Has tools called; one for a run.

    `token` names the run and those that it goes on from: a call that is not pure is made once
    for it. `redo` names the tools that may be called again although nobody knows what became of
    an earlier call. `masker` takes secrets out of what tools give.
    """

    toolbox: Toolbox
    store: Store
    policy: Policy
    emit: Callable[[Event], None]
    sub_runs: SubRuns
    token: str = ""
    redo: frozenset[str] = frozenset()
    masker: Masker | None = None
    _offers: Offers = field(init=False)
    _errands: Errands = field(init=False)

    def __post_init__(self) -> None:
        self._offers = Offers(self.toolbox)
        self._errands = Errands(self.store, self.emit, self.sub_runs, self.redo, self.masker)

    async def offered(self, ask: Ask) -> Offered:
        """The step's tools, ready. Raises: StepError that names the one that is not."""
        return await self._offers.of(ask)

    def conversation(self, occasion: Occasion) -> Conversation:
        """The tools of one conversation."""
        return Conversation(occasion, self._errands, Turns(self.store, occasion.key))

    async def step(self, job: Job, spent: Spent) -> Called:
        """What the tool of a `call` step gives.

        Raises: StepError of the template, the tool, or an earlier call of unknown outcome.
        """
        call = job.task.call
        assert call is not None
        bound = await self._offers.one(call.tool, call.member)
        arguments = _arguments(call, bound, job.scope)
        errand = Errand(bound, arguments, self._key(job, bound, arguments), job, spent)
        keeps = self.policy is not Policy.OFF
        known = self._errands.known(errand) if keeps else None
        if known is not None:
            self._errands.tell_kept(errand, known)
            return Called(known.value, is_kept=True)
        result = await self._errands.do(errand, keeps=keeps)
        if result.problem:
            raise ToolError(f'the tool "{bound.label}" failed: {result.problem}')
        return Called(result.value, is_kept=False)

    def _key(self, job: Job, bound: Bound, arguments: Arguments) -> str:
        if bound.facts.is_pure:
            return _pure(bound, arguments)
        return digest(
            "call/1",
            {
                "run": self.token,
                "step": job.step,
                "within": job.within,
                "item": job.item,
                "rounds": job.rounds,
                "version": bound.facts.version,
                "arguments": arguments,
            },
        )


class Conversation:
    """The tools of one conversation with a model, and its journal."""

    def __init__(self, occasion: Occasion, errands: Errands, turns: Turns) -> None:
        self._occasion = occasion
        self._errands = errands
        self._turns = turns

    @property
    def routes(self) -> Collection[str]:
        """The tools that nothing is run for."""
        return self._occasion.offered.routes

    @property
    def most_turns(self) -> int:
        """How many replies may call tools."""
        return self._occasion.ask.max_turns

    def kept(self, turn: int) -> ChatReply | None:
        """The reply of an earlier try, which was cut off later."""
        return self._turns.find(turn) if self._occasion.keeps else None

    def keep(self, turn: int, reply: ChatReply) -> None:
        """Keeps a reply that is not the last."""
        if self._occasion.keeps:
            self._turns.keep(turn, reply)

    async def results(self, turn: int, calls: Sequence[Judged]) -> list[tuple[Part, ...]]:
        """What each call gave, for the model.

        Raises: FlowrunError that is none of a tool's own failures; nothing is begun after a stop,
        or where an earlier call's outcome is not known.
        """
        self._occasion.require_going()
        errands = [
            None if each.problem else self._errand(turn, index, each)
            for index, each in enumerate(calls)
        ]
        found = await self._done({each.key: each for each in errands if each is not None})
        parts = []
        for call, errand in zip(calls, errands, strict=True):
            if errand is None:
                self._errands.tell_refused(
                    self._occasion.job, call.name, call.written, call.problem
                )
                parts.append(toolcalls.refused(call.problem))
            else:
                parts.append(self._told(found[errand.key]))
        return parts

    def _errand(self, turn: int, index: int, call: Judged) -> Errand:
        occasion = self._occasion
        bound = occasion.offered.bound[call.name]
        key = _pure(bound, call.arguments)
        if not bound.facts.is_pure:
            whose: dict[str, JsonValue] = {
                "conversation": occasion.key,
                "turn": turn,
                "index": index,
                "version": bound.facts.version,
                "arguments": call.arguments,
            }
            key = digest("tool/1", whose)
        place = (occasion.sample, turn, index)
        return Errand(bound, call.arguments, key, occasion.job, occasion.spent, True, place)

    async def _done(self, errands: Mapping[str, Errand]) -> Mapping[str, Result]:
        """The results by key; calls that are not known yet are made in parallel.

        One that fails for a reason of ours does not cut off the others, whose results count.
        """
        found = self._errands.all_known(errands) if self._occasion.keeps else {}
        missing = {key: each for key, each in errands.items() if key not in found}
        for key, result in found.items():
            self._errands.tell_kept(errands[key], result)
        async with asyncio.TaskGroup() as group:
            made = {key: group.create_task(self._tried(each)) for key, each in missing.items()}
        for key, task in made.items():
            outcome = task.result()
            if isinstance(outcome, FlowrunError):
                raise outcome
            found[key] = outcome
        return found

    async def _tried(self, errand: Errand) -> Result | FlowrunError:
        try:
            return await self._errands.do(errand, keeps=self._occasion.keeps)
        except FlowrunError as error:
            return error

    def _told(self, result: Result) -> tuple[Part, ...]:
        if result.problem:
            return toolcalls.refused(result.problem)
        return values.told(result.value, takes_images=self._occasion.takes_images)


def _pure(bound: Bound, arguments: Arguments) -> str:
    return digest("pure/1", {"version": bound.facts.version, "arguments": arguments})


def _arguments(call: Call, bound: Bound, scope: Mapping[str, object]) -> Arguments:
    """What a step calls its tool with. Raises: StepError if it does not fit."""
    found = plain_data(f"with of {bound.label}", fill(call.arguments, scope))
    if not isinstance(found, Mapping):
        raise StepError(f'`with` must give an object for the tool "{bound.label}"')
    problems = compile_schema(bound.facts.definition.parameters).problems(found)
    if problems:
        raise StepError(f'the arguments of "{bound.label}" do not fit: {"; ".join(problems)}')
    return found
