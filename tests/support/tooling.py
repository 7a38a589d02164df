"""Conversations with tools over scripted models: counting tools, and stores that die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from flowrun.chat.messages import ChatReply, ChatRequest, Text, ToolCall, ToolDefinition
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.document import templates
from flowrun.document.plan import Plan
from flowrun.document.slots import Slot
from flowrun.document.task import Ask, Call, Piece, Task, Turn
from flowrun.document.tool import McpServer, PythonFunction, SubPipeline, Tool
from flowrun.errors import StepError, StoreError
from flowrun.masking import Masker
from flowrun.providers.fake import Answer
from flowrun.run.ask import Asker, Found, Spent
from flowrun.run.calls import Called, Caller
from flowrun.run.events import Event
from flowrun.run.job import Job
from flowrun.store.base import Policy, Store
from flowrun.store.memory import MemoryStore
from flowrun.tools import base
from flowrun.tools.mcp import wire_name
from tests.support import virtual_time
from tests.support.running import Models

Act = Callable[[Mapping[str, JsonValue]], object]
ANY: Mapping[str, JsonValue] = {"type": "object", "properties": {}}
CITY: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


ROME, OSLO = '{"city": "Rome"}', '{"city": "Oslo"}'


def weather(arguments: Mapping[str, JsonValue]) -> object:
    """What the weather is like in a city."""
    return f"sun in {arguments['city']}"


class Counting:
    """A tool that remembers what it was called with; an act may be awaited."""

    def __init__(
        self,
        name: str = "weather",
        act: Act = weather,
        *,
        is_pure: bool = False,
        version: str = "1",
        parameters: Mapping[str, JsonValue] = CITY,
        returns: Mapping[str, JsonValue] | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.name = name
        self.act = act
        self.called: list[Mapping[str, JsonValue]] = []
        self.facts = base.ToolFacts(
            ToolDefinition(name, f"about {name}", parameters),
            f"{name}/{version}",
            is_pure,
            timeout_s,
            returns,
        )
        self.declared = Tool(name, ("tools", name), PythonFunction("m", name))

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What the act gives, or raises."""
        self.called.append(arguments)
        found = self.act(arguments)
        return await found if isinstance(found, Awaitable) else found


def route(name: str, parameters: Mapping[str, JsonValue] | None = None) -> Tool:
    """A tool without an implementation."""
    return Tool(name, ("tools", name), None, f"about {name}", parameters)


def server(name: str, *allow: str) -> Tool:
    """An MCP server, of which some tools are allowed."""
    return Tool(name, ("tools", name), McpServer(command=("x",), allow=allow or None))


def pipeline(name: str, plan: Plan, *, is_pure: bool = False) -> Tool:
    """A pipeline as a tool."""
    return Tool(name, ("tools", name), SubPipeline(plan), f"about {name}", is_pure=is_pure)


class Box:
    """Tools that are ready, by the names they are declared under."""

    def __init__(self, tools: Sequence[Counting], servers: Mapping[str, Sequence[Counting]]):
        self.tools = {each.name: each for each in tools}
        self.servers = servers
        self.asked_for: list[str] = []

    async def ready(self, tool: Tool) -> Mapping[str, base.Tool]:
        """The tool, or the tools of a server."""
        self.asked_for.append(tool.name)
        if tool.name in self.servers:
            return {each.name: _served(tool.name, each) for each in self.servers[tool.name]}
        if tool.name not in self.tools:
            raise StepError(f'the tool "{tool.name}" cannot be had')
        return {"": self.tools[tool.name]}


def _served(server: str, tool: Counting) -> Counting:
    """The same tool under the name that a server's tools have for models."""
    found = copy(tool)
    name = wire_name(server, tool.name, ())
    found.facts = replace(tool.facts, definition=replace(tool.facts.definition, name=name))
    return found


class Pipelines:
    """Sub-pipelines whose outputs a function gives."""

    def __init__(self, act: Callable[[Mapping[str, object]], Mapping[str, object]]) -> None:
        self.act = act
        self.runs: list[tuple[Mapping[str, object], Job, str]] = []

    async def run(
        self, plan: Plan, inputs: Mapping[str, object], *, job: Job, name: str, spent: Spent
    ) -> Mapping[str, object]:
        """The outputs."""
        self.runs.append((inputs, job, name))
        return self.act(inputs)


class Dying:
    """A store whose process is killed at the n-th `put`, before or after it is written."""

    def __init__(self, store: Store, at: int, *, is_written: bool) -> None:
        self._store = store
        self._left = at
        self._is_written = is_written

    def get(self, key: str) -> Mapping[str, JsonValue] | None:
        """As the store."""
        return self._store.get(key)

    def put(
        self, key: str, answer: Mapping[str, JsonValue], blobs: Mapping[str, bytes] | None = None
    ) -> None:
        """As the store, until it dies."""
        self._left -= 1
        if self._left > 0 or (self._left == 0 and self._is_written):
            self._store.put(key, answer, blobs)
        if self._left <= 0:
            raise StoreError("killed")

    def blob(self, sha256: str) -> bytes | None:
        """As the store."""
        return self._store.blob(sha256)

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def is_dead(self) -> bool:
        """Whether the n-th `put` came."""
        return self._left <= 0


@dataclass
class Bench:
    """What a conversation needs; kept, a second try finds what the first one left."""

    models: Models
    tools: Sequence[Counting] = ()
    store: Store = field(default_factory=MemoryStore)
    policy: Policy = Policy.USE
    servers: Mapping[str, Sequence[Counting]] = field(default_factory=dict)
    pipelines: Pipelines = field(default_factory=lambda: Pipelines(lambda inputs: inputs))
    redo: frozenset[str] = frozenset()
    masker: Masker | None = None
    token: str = "run"
    concurrency: int = 4
    is_watched: bool = False
    events: list[Event] = field(default_factory=list)

    def caller(self) -> Caller:
        """A caller, as a run has one."""
        return Caller(
            Box(self.tools, self.servers),
            self.store,
            self.policy,
            self.events.append,
            sub_runs=self.pipelines,
            token=self.token,
            redo=self.redo,
            masker=self.masker,
        )

    def asker(self) -> Asker:
        """An asker, as a run has one."""
        return Asker(
            self.models,
            self.store,
            self.policy,
            self.events.append,
            self.concurrency,
            self.is_watched,
            self.masker,
            self.caller(),
        )

    def ask(self, *more: Tool, expects: Sequence[str] = (), **fields: Any) -> Found:
        """The answer of a conversation with all the tools."""
        return virtual_time.run(self.answer(self.asker(), *more, expects=expects, **fields))

    async def answer(
        self, asker: Asker, *more: Tool, expects: Sequence[str] = (), **fields: Any
    ) -> Found:
        """The same in the running loop; some fields are the job's."""
        sample, rounds = fields.pop("sample", 0), fields.pop("rounds", ())
        prompt = fields.pop("prompt", "hi")
        models = [asker.models.resolve(each) for each in fields.pop("models", ["m"])]
        listed = (*(each.declared for each in self.tools), *more)
        asked = Ask("m", (_turn(prompt),), tools=listed, **fields)
        slots = tuple(Slot((), templates.parse_expression(each)) for each in expects)
        task = Task("a", ("steps", "a"), asked, expects=slots)
        job = Job(task, None, {"inputs": {}, "run": {}}, rounds=rounds)
        return await asker.answer(job, asked, models, sample=sample, spent=Spent())

    def call(self, tool: Tool, member: str = "", item: int | None = None, **given: Any) -> Called:
        """What a `call` step gives."""
        return virtual_time.run(self.step(self.caller(), tool, member, item, **given))

    async def step(
        self, caller: Caller, tool: Tool, member: str = "", item: int | None = None, **given: Any
    ) -> Called:
        """The same in the running loop."""
        arguments = given.pop("arguments", given)
        task = Task("a", ("steps", "a"), call=Call(tool, member, arguments))
        job = Job(task, item, {"inputs": {}, "run": {}})
        return await caller.step(job, Spent())

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]


def _turn(text: str) -> Turn:
    return Turn("user", (Piece("text", Slot((), templates.parse(text))),))


def calling(*calls: tuple[str, str] | tuple[str, str, str], text: str = "") -> ChatReply:
    """A reply that calls tools: names and arguments as written, perhaps with an id."""
    made = tuple(
        ToolCall(each[2] if len(each) > 2 else f"id{number}", each[0], each[1])
        for number, each in enumerate(calls)
    )
    return ChatReply(text, "tool_calls", "m", Usage(1, 0, 0, 1), tool_calls=made)


def in_order(*answers: Answer) -> Callable[[ChatRequest], Answer]:
    """A script by how many replies the conversation already has, whoever asks how often."""
    return lambda request: answers[sum(m.role == "assistant" for m in request.messages)]


def results(request: ChatRequest) -> list[str]:
    """The texts of the tools' results in a request, in order."""
    return [
        "".join(part.text for part in each.parts if isinstance(part, Text))
        for each in request.messages
        if each.role == "tool"
    ]


async def turns(number: int) -> None:
    """Lets others run."""
    for _ in range(number):
        await asyncio.sleep(0)


TWO = in_order(calling(("weather", ROME), ("weather", OSLO)), "warm")
"""A script: two calls at once, then an answer."""


def bench(*script: Answer, tool: Counting | None = None) -> Bench:
    """A bench with a script and one tool."""
    return Bench(Models(in_order(*script)), [tool or Counting()])
