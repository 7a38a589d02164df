"""Which part of the language stands at a place of a file, and which keys it has."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.digest import JsonValue
from flowrun.document.outline import step_path
from flowrun.document.source import Path
from flowrun.document.spec import BudgetSpec, OutputForm, Pipeline, RepeatSpec, Step
from flowrun.document.spec_chat import (
    Asking,
    ImagePart,
    ImageReference,
    JsonSchemaFormat,
    MessageSpec,
    NamedFunction,
    TextPart,
    ToolChoice,
    WireFormat,
)
from flowrun.document.spec_tools import ArgumentSpec, HttpSpec, McpSpec, ShellSpec, ToolSpec
from flowrun.document.spec_values import FileText, Model


def known_keys(model: type[Model]) -> list[str]:
    """The keys of a part of the language, as written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def model_at(path: Path, part: JsonValue) -> type[Model]:
    """The part of the language whose keys stand at `path`; `part` is what the file has there."""
    step = step_path(path)
    match path[len(step) :]:
        case ():
            return Step if step else Pipeline
        case ("defaults",):
            return Asking
        case ("outputs", _) if not step:
            return OutputForm
        case ("tools", _, *inner) if not step:
            return _in_tool(tuple(inner))
        case ("repeat",):
            return RepeatSpec
        case ("budget",):
            return BudgetSpec
        case ("messages" | "response_format" | "tool_choice", *_) | ("defaults", "tool_choice", *_):
            return _on_the_wire(path, part)
        case _:
            return FileText


def place_of(key: str, path: Path, model: type[Model]) -> str:
    """Where a key belongs that is unknown at `path`, where `model` stands; nothing if nowhere."""
    inner = [name for name, part in _INSIDE.get(model, {}).items() if key in known_keys(part)]
    if inner:
        return f"write it under {' or '.join(inner)}"
    if path and key in known_keys(model_at(path[:-1], None)):
        return f"write it beside {path[-1]}"
    is_near = {f"{key}s", key.removesuffix("s")} & {*known_keys(model)}
    is_of_steps = key in known_keys(Step) and not is_near
    return "leave it out here: it is a word for steps" if is_of_steps else ""


_INSIDE: Mapping[type[Model], Mapping[str, type[Model]]] = {
    Pipeline: {"defaults": Asking, "budget": BudgetSpec},
    Step: {"repeat": RepeatSpec, "budget": BudgetSpec},
    ToolSpec: {"http": HttpSpec, "shell": ShellSpec, "mcp": McpSpec},
}
"""The parts of a part, by the keys that they stand under."""


def _in_tool(path: Path) -> type[Model]:
    match path:
        case ():
            return ToolSpec
        case ("http",):
            return HttpSpec
        case ("mcp",):
            return McpSpec
        case ("shell",):
            return ShellSpec
        case _:
            return ArgumentSpec


def _on_the_wire(path: Path, part: JsonValue) -> type[Model]:
    match path:
        case (*_, "response_format"):
            return WireFormat
        case (*_, "json_schema"):
            return JsonSchemaFormat
        case (*_, "tool_choice"):
            return ToolChoice
        case (*_, "function"):
            return NamedFunction
        case (*_, "image_url"):
            return ImageReference
        case (*_, "content", int()):
            is_image = isinstance(part, Mapping) and part.get("type") == "image_url"
            return ImagePart if is_image else TextPart
        case _:
            return MessageSpec
