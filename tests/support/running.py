"""Pipelines run from their text over scripted models, without a process, a disk or a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply, ChatRequest, Text
from flowrun.chat.usage import Price, Usage
from flowrun.document.check import check
from flowrun.document.plan import Plan
from flowrun.document.source import load
from flowrun.document.tool import Tool
from flowrun.errors import StepError, UsageError
from flowrun.folder import Folder
from flowrun.masking import Masker
from flowrun.proofs import FullProofs
from flowrun.providers.base import Endpoint, Provider
from flowrun.providers.fake import Answer, Fake
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Judge
from flowrun.providers.wrap import Backoff, Retrying
from flowrun.run.ask import Asker
from flowrun.run.calls import Caller
from flowrun.run.events import Event, StepFinished
from flowrun.run.execution import Execution, RunResult
from flowrun.run.job import Job
from flowrun.run.offers import Toolbox
from flowrun.run.outputs import Outlet
from flowrun.run.perform import Performer
from flowrun.run.subruns import SubRuns
from flowrun.store.base import Policy, Store
from flowrun.store.memory import MemoryStore
from flowrun.tools import base
from tests.support import virtual_time
from tests.support.replies import png

Say = Callable[[ChatRequest], Answer]


def said(request: ChatRequest) -> str:
    """The text of the last user message."""
    users = [each for each in request.messages if each.role == "user"]
    return "".join(part.text for part in users[-1].parts if isinstance(part, Text))


def picture(seed: str = "seed") -> Image:
    """A real picture that the seed decides."""
    return Image.from_bytes(png(seed))


def echo(request: ChatRequest) -> Answer:
    """What was said; a picture where one is asked for."""
    return picture(said(request)) if request.wants_image else said(request)


def reply(text: str, finish: Any = "stop", **rest: Any) -> ChatReply:
    """A whole reply."""
    return ChatReply(text, finish, "scripted", Usage(input_tokens=1, output_tokens=2), **rest)


class Models:
    """The Models of a run: each name is a model of its own, answered by one script for all.

    `capabilities` and `prices` hold what is known of some of them; an unknown name is "nowhere".
    """

    def __init__(
        self,
        script: Say | Sequence[Answer] = echo,
        *,
        capabilities: Mapping[str, Capabilities] | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.fake = Fake(script)
        self.asked_of: list[str] = []
        self._capabilities = capabilities or {}
        self._prices = prices or {}

    @property
    def requests(self) -> list[ChatRequest]:
        """What was asked, in order."""
        return self.fake.requests

    @property
    def prompts(self) -> list[str]:
        """The last user message of each request."""
        return [said(each) for each in self.requests]

    def resolve(self, name: str) -> Resolved:
        """The model of that name."""
        if name == "nowhere":
            raise UsageError('"nowhere" leads nowhere')
        endpoint = Endpoint("scripted", "fake")
        known = self._capabilities.get(name, Capabilities())
        return Resolved(endpoint, name, known, self._prices.get(name))

    async def route(self, name: str, request: ChatRequest, *, judge: Judge) -> Resolved:
        """The model of that name, whatever is asked."""
        return self.resolve(name)

    def provider(
        self,
        resolved: Resolved,
        *,
        retries: int,
        on_retry: Callable[[str, float, int], None],
        paying: Callable[[Provider], Provider] | None,
    ) -> Provider:
        """The script, with retries in virtual time."""
        self.asked_of.append(resolved.model)
        return Retrying(
            self.fake if paying is None else paying(self.fake),
            Backoff(retries=retries),
            on_retry=on_retry,
            clock=virtual_time.CLOCK,
            dice=lambda: 0.5,
        )


@dataclass
class Run:
    """What came of a run, and what could be seen of it."""

    result: RunResult
    models: Models
    events: list[Event]

    @property
    def outputs(self) -> Mapping[str, object]:
        """The outputs by name."""
        return self.result.outputs

    @property
    def prompts(self) -> list[str]:
        """The last user message of each request."""
        return self.models.prompts

    def status(self, step: str) -> str:
        """How a step ended."""
        return self.result.steps[step].status

    @property
    def statuses(self) -> dict[str, str]:
        """How every step ended."""
        return {name: each.status for name, each in self.result.steps.items()}

    def value(self, step: str) -> object:
        """A step's value."""
        return self.result.steps[step].value

    def reason(self, step: str) -> str:
        """Why a step was skipped, failed, or ignored."""
        return self.result.steps[step].reason

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]

    def items(self, step: str) -> list[tuple[int, str, str]]:
        """Item, status and reason of a foreach's items, by item."""
        found = [
            (each.item, each.status, each.reason)
            for each in self.events
            if isinstance(each, StepFinished) and each.step == step and each.item is not None
        ]
        return sorted(found)


class NoTools:
    """A toolbox without any."""

    async def ready(self, tool: Tool) -> Mapping[str, base.Tool]:
        """Never."""
        raise StepError(f'the tool "{tool.name}" cannot be had')


@dataclass
class Stage:
    """Everything that a run needs; kept, a second run finds what the first one left.

    `files` are those beside the pipeline, `toolbox` has its tools ready.
    """

    models: Models = field(default_factory=Models)
    store: Store = field(default_factory=MemoryStore)
    policy: Policy = Policy.USE
    out: Path = Path("out")
    concurrency: int = 16
    keep_going: bool = False
    is_watched: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)
    masker: Masker | None = None
    on_start: Callable[[Execution], None] | None = None
    listener: Callable[[Event], None] | None = None
    events: list[Event] = field(default_factory=list)
    files: Mapping[str, str] = field(default_factory=dict)
    toolbox: Toolbox = field(default_factory=NoTools)
    token: str = "run"
    redo: frozenset[str] = frozenset()

    def run(self, source: str, **inputs: object) -> Run:
        """Runs a pipeline's text to its end, in virtual time."""
        return self.run_plan(plan_of(source, self.files), **inputs)

    def run_plan(self, plan: Plan, **inputs: object) -> Run:
        """Runs a plan to its end, in virtual time."""
        return virtual_time.run(self.go(plan, inputs))

    async def go(self, plan: Plan, inputs: Mapping[str, object]) -> Run:
        """Runs a plan in the running loop."""
        events: list[Event] = []
        self.events = events

        def emit(event: Event) -> None:
            events.append(event)
            if self.listener is not None:
                self.listener(event)

        sub_runs = SubRuns(self._read)
        caller = Caller(
            self.toolbox,
            self.store,
            self.policy,
            emit,
            sub_runs=sub_runs,
            token=self.token,
            redo=self.redo,
            masker=self.masker,
        )
        asker = Asker(
            models=self.models,
            store=self.store,
            policy=self.policy,
            emit=emit,
            concurrency=self.concurrency,
            is_watched=self.is_watched,
            masker=self.masker,
            calls=caller,
        )
        outlet = Outlet(Folder(self.out), emit)
        outlet.check(plan, inputs)
        execution = Execution(
            plan,
            inputs,
            Performer(asker, emit, self.overrides, caller, self._read),
            outlet,
            keep_going=self.keep_going,
        )
        sub_runs.schedule = execution.schedule
        if self.on_start is not None:
            self.on_start(execution)
        return Run(await execution.run(), self.models, events)

    def _read(self, name: str) -> bytes:
        return self.files[name].encode()


def plan_of(source: str, files: Mapping[str, str] | None = None) -> Plan:
    """The plan of a pipeline's text, which is checked first."""
    loaded = load(dedent(source).encode(), "test.yaml")
    read_file = dict(files or {}).__getitem__
    return check(loaded, read_file=read_file, proofs=FullProofs()).sound_plan()


def run(source: str, script: Say | Sequence[Answer] = echo, **inputs: object) -> Run:
    """Runs a pipeline's text over a script, on a stage of its own."""
    return Stage(models=Models(script)).run(source, **inputs)


def job(source: str, scope: Mapping[str, object] | None = None, item: int | None = None) -> Job:
    """The job of a pipeline's last step, in a scope."""
    return Job(plan_of(source).tasks[-1], item, {"inputs": {}, "run": {}, **(scope or {})})


def price(dollars: str) -> Price:
    """A price in dollars for a million tokens of any kind."""
    return Price(Decimal(dollars), Decimal(dollars))


async def until(condition: Callable[[], bool]) -> None:
    """Lets others run until the condition holds; the loop's own complaint ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0.001)
