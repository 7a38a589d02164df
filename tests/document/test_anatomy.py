"""Which part of the language stands where."""

from __future__ import annotations

import pytest

from flowrun.digest import JsonValue
from flowrun.document.anatomy import known_keys, model_at
from flowrun.document.source import Path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), "Pipeline"),
        (("defaults",), "Asking"),
        (("defaults", "system"), "FileText"),
        (("defaults", "tool_choice"), "ToolChoice"),
        (("defaults", "tool_choice", "function"), "NamedFunction"),
        (("outputs", "a"), "OutputForm"),
        (("schemas", "a"), "FileText"),
        (("tools", "a"), "ToolSpec"),
        (("tools", "a", "http"), "HttpSpec"),
        (("tools", "a", "mcp"), "McpSpec"),
        (("tools", "a", "shell"), "ShellSpec"),
        (("tools", "a", "shell", 2), "ArgumentSpec"),
        (("tools", "a", "shell", "command", 2), "ArgumentSpec"),
        (("steps", "a"), "Step"),
        (("steps", "a", "prompt"), "FileText"),
        (("steps", "steps", "prompt"), "FileText"),
        (("steps", "a", "repeat"), "RepeatSpec"),
        (("budget",), "BudgetSpec"),
        (("steps", "budget", "budget"), "BudgetSpec"),
        (("steps", "a", "steps", "b", "budget"), "BudgetSpec"),
        (("steps", "a", "steps", "b"), "Step"),
        (("steps", "a", "steps", "b", "steps", "repeat"), "Step"),
        (("steps", "a", "steps", "b", "repeat"), "RepeatSpec"),
        (("steps", "a", "steps", "b", "tool_choice", "function"), "NamedFunction"),
        (("steps", "a", "response_format"), "WireFormat"),
        (("steps", "a", "response_format", "json_schema"), "JsonSchemaFormat"),
        (("steps", "a", "messages", 0), "MessageSpec"),
        (("steps", "a", "messages", 0, "content", 1), "TextPart"),
        (("steps", "a", "messages", 0, "content", 1, "image_url"), "ImageReference"),
    ],
)
def test_a_place_has_its_part(path: Path, name: str) -> None:
    assert model_at(path, {}).__name__ == name


@pytest.mark.parametrize(
    ("part", "name"),
    [({"type": "image_url"}, "ImagePart"), ({"type": "text"}, "TextPart"), ("x", "TextPart")],
)
def test_a_part_of_a_message_shows_by_its_type(part: JsonValue, name: str) -> None:
    assert model_at(("steps", "a", "messages", 0, "content", 1), part).__name__ == name


def test_keys_are_named_as_the_file_writes_them() -> None:
    assert known_keys(model_at(("outputs", "a"), {})) == ["value", "file", "foreach", "as"]
    assert {"if", "as", "with"} <= set(known_keys(model_at(("steps", "a"), {})))
