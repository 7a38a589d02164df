"""What tells one pipeline that is used as a tool from another: the digest of all that it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isinf

from flowrun.chat.images import Image
from flowrun.digest import JsonValue, digest
from flowrun.document.plan import Plan
from flowrun.document.templates import Template
from flowrun.document.tool import SubPipeline, Tool

_ELSEWHERE = frozenset(("path", "origin", "folder", "file", "version", "size", "budget_usd"))
"""Fields that change when nothing that is done does: where something stands, what it may cost."""


def plan_version(plan: Plan, tools: Mapping[str, str]) -> str:
    """The version of a plan; `tools` are the versions of the tools that it calls."""
    return digest("plan/1", {"plan": _spelled(plan), "tools": tools})


def tools_of(plan: Plan) -> Iterator[Tool]:
    """The tools that a plan may have run, those of the pipelines in it among them."""
    for _, task in plan.all_tasks():
        for tool in task.tools():
            if not tool.is_route and not isinstance(tool.action, SubPipeline):
                yield tool


def _spelled(value: object) -> JsonValue:
    """A value as JSON: of a template its source, of an image its digest."""
    match value:
        case float() if isinf(value):
            return "inf"
        case bool() | int() | float() | str() | None:
            return value
        case Template():
            # The source names the files it includes; the tree holds what is in them.
            files = {name: repr(tree) for name, tree in value.library.items()}
            return [value.source, "" if value.is_constant else repr(value.tree), files]
        case Image():
            return [value.sha256, value.text]
        case Mapping():
            return {str(name): _spelled(each) for name, each in value.items()}
        case list() | tuple():
            return [_spelled(each) for each in value]
        case _ if is_dataclass(value):
            names = [each.name for each in fields(value) if each.name not in _ELSEWHERE]
            said = {name: _spelled(getattr(value, name)) for name in names}
            return {"": type(value).__name__, **said}
        case _:
            raise TypeError(f"a plan cannot hold a {type(value).__name__}")
