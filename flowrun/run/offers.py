"""The tools of a step made ready: by what name a model calls each, and which version it is.

search                    a tool of the file, which a model calls by the same name
docs.search               a tool of an MCP server, which a model calls docs__search
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from flowrun.chat.messages import ToolDefinition
from flowrun.chat.schema import InvalidSchema, compile_schema
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.plan import Plan
from flowrun.document.task import Ask
from flowrun.document.tool import McpServer, SubPipeline, Tool
from flowrun.errors import StepError, did_you_mean
from flowrun.run.versions import plan_version, tools_of
from flowrun.tools import base

_ANYTHING: Mapping[str, JsonValue] = {"type": "object", "properties": {}}


class Toolbox(Protocol):
    """Where tools become ready, each once for a run."""

    async def ready(self, tool: Tool) -> Mapping[str, base.Tool]:
        """The declared tool under "", or a server's tools by their names. Raises: StepError."""
        ...


@dataclass(frozen=True, slots=True)
class Bound:
    """A tool that can be called: either an `implementation`, or a `plan` that is run.

    `label` is its name in the file, with the server's before it.
    """

    label: str
    declared: Tool
    facts: base.ToolFacts
    implementation: base.Tool | None = None
    plan: Plan | None = None

    @property
    def wire(self) -> str:
        """What models call it."""
        return self.facts.definition.name

    @property
    def names(self) -> frozenset[str]:
        """What people may call it."""
        return frozenset((self.label, self.declared.name, self.wire))


@dataclass(frozen=True, slots=True)
class Offered:
    """What a step's models are told of its tools, and what is called for each.

    `versions` are those of the tools that are run; `routes` the names of the others.
    """

    definitions: tuple[ToolDefinition, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    routes: frozenset[str] = frozenset()
    bound: Mapping[str, Bound] = field(default_factory=dict)


class Offers:
    """The tools of a run, made ready when they are first needed."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        # By identity, for neither a step nor a tool can be hashed; each is held here as well.
        self._steps: dict[int, tuple[Ask, Offered]] = {}
        self._tools: dict[int, tuple[Tool, Mapping[str, Bound]]] = {}

    async def of(self, ask: Ask) -> Offered:
        """The tools of a step. Raises: StepError that names the one that cannot be had."""
        known = self._steps.get(id(ask))
        if known is None:
            known = self._steps[id(ask)] = (ask, await self._offered(ask))
        return known[1]

    async def one(self, tool: Tool, member: str) -> Bound:
        """The tool, or one of an MCP server. Raises: StepError."""
        ready = await self._bound(tool)
        return ready[_member(tool, ready, member)]

    async def _offered(self, ask: Ask) -> Offered:
        definitions: dict[str, ToolDefinition] = {}
        routes: set[str] = set()
        bound: dict[str, Bound] = {}
        for tool in ask.tools:
            if tool.is_route:
                found = {tool.name: _route(tool)}
                routes.add(tool.name)
            else:
                ready = {each.wire: each for each in (await self._bound(tool)).values()}
                found = {name: each.facts.definition for name, each in ready.items()}
                bound |= ready
            for name in found.keys() & definitions.keys():
                raise StepError(f'two tools of this step are called "{name}"')
            definitions |= found
        versions = {name: each.facts.version for name, each in bound.items()}
        return Offered(tuple(definitions.values()), versions, frozenset(routes), bound)

    async def _bound(self, tool: Tool) -> Mapping[str, Bound]:
        known = self._tools.get(id(tool))
        if known is None:
            known = self._tools[id(tool)] = (tool, await self._made(tool))
        return known[1]

    async def _made(self, tool: Tool) -> Mapping[str, Bound]:
        if isinstance(tool.action, SubPipeline):
            return {"": await _pipeline(tool, tool.action.plan, self._toolbox)}
        ready = await self._toolbox.ready(tool)
        if isinstance(tool.action, McpServer) and tool.action.allow is not None:
            ready = {_member(tool, ready, name): ready[name] for name in tool.action.allow}
        return {member: _bound(tool, member, each) for member, each in ready.items()}


def _member(tool: Tool, ready: Mapping[str, object], name: str) -> str:
    if name not in ready:
        mend = did_you_mean(name, ready) or f"it has: {', '.join(ready)}"
        raise StepError(f'"{tool.name}" has no tool "{name}"; {mend}')
    return name


def _bound(tool: Tool, member: str, ready: base.Tool) -> Bound:
    label = f"{tool.name}.{member}" if member else tool.name
    return _sound(Bound(label, tool, ready.facts, ready))


async def _pipeline(tool: Tool, plan: Plan, toolbox: Toolbox) -> Bound:
    versions: dict[str, str] = {}
    for inner in tools_of(plan):
        for member, each in (await toolbox.ready(inner)).items():
            versions[f"{inner.origin}:{inner.name}.{member}"] = each.facts.version
    facts = base.ToolFacts(
        ToolDefinition(tool.name, tool.description, tool.parameters or _inputs(plan)),
        plan_version(plan, versions),
        tool.is_pure,
        tool.timeout_s,
        tool.returns,
    )
    return _sound(Bound(tool.name, tool, facts, plan=plan))


def _inputs(plan: Plan) -> Mapping[str, JsonValue]:
    """What a pipeline takes, as a tool's parameters; files and pictures keep their defaults."""
    taken = [each for each in plan.inputs if each.kind == "data"]
    return {
        "type": "object",
        "properties": {each.name: each.schema for each in taken},
        "required": [each.name for each in taken if each.is_required],
        "additionalProperties": False,
    }


def _route(tool: Tool) -> ToolDefinition:
    parameters = tool.parameters or _ANYTHING
    _require_sound(tool.name, parameters)
    return ToolDefinition(tool.name, tool.description, parameters)


def _sound(bound: Bound) -> Bound:
    _require_sound(bound.label, bound.facts.definition.parameters, bound.facts.returns or {})
    return bound


def _require_sound(label: str, *schemas: Mapping[str, JsonValue]) -> None:
    """Sees to it that the tool's schemas can be used, before it is offered."""
    try:
        for schema in schemas:
            compile_schema(schema)
    except InvalidSchema as error:
        raise StepError(f'the schema of the tool "{label}" is faulty: {error}') from error
