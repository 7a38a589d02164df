"""The models of tools: what fits each kind."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowrun.digest import JsonValue
from flowrun.document.spec_tools import ToolSpec


@pytest.mark.parametrize(
    "tool",
    [
        {},
        {"description": "d", "parameters": {"type": "object"}, "returns": "entry"},
        {"python": "a.b:c", "pure": True, "timeout": "5s"},
        {"http": {"url": "https://x/{{ a }}", "query": {"a": [1, "b"]}, "body": None}},
        {"shell": ["git", {"each": "{{ a }}"}, {"option": "-x"}]},
        {"shell": {"command": ["git"], "env": ["A"], "stdin": "{{ a }}"}},
        {"mcp": {"command": ["a"], "env": ["B"], "allow": ["c"]}},
        {"mcp": {"url": "http://x", "bearer": "B"}},
        {"uses": "./a.yaml"},
    ],
)
def test_a_tool_of_each_kind_fits(tool: dict[str, JsonValue]) -> None:
    ToolSpec.model_validate(tool)


@pytest.mark.parametrize("key", [*ToolSpec.model_fields])
def test_a_key_of_a_tool_with_nothing_behind_it_does_not_fit(key: str) -> None:
    with pytest.raises(ValidationError):
        ToolSpec.model_validate({key: None})


@pytest.mark.parametrize("key", ["http", "mcp", "shell"])
def test_parts_of_a_tool_have_no_other_keys(key: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        ToolSpec.model_validate({key: {"url": "http://x", "command": ["a"], "other": 1}})
