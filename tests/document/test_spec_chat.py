"""The models of what goes to a model: messages, formats, and how tools are chosen."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowrun.digest import JsonValue
from flowrun.document.spec_chat import Asking, MessageSpec, WireFormat

PICTURE: JsonValue = {"type": "image_url", "image_url": {"url": "{{ hero }}"}}


@pytest.mark.parametrize("content", ["x", [], [{"type": "text", "text": "x"}, PICTURE]])
def test_a_message_is_text_or_parts(content: JsonValue) -> None:
    MessageSpec.model_validate({"role": "user", "content": content})


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": 3},
        {"role": "user", "content": [{"type": "sound"}]},
        {"role": "user", "content": ["x"]},
    ],
)
def test_other_messages_do_not_fit(message: JsonValue) -> None:
    with pytest.raises(ValidationError):
        MessageSpec.model_validate(message)


@pytest.mark.parametrize("name", ["", "a b", "a" * 65])
def test_a_schema_has_a_name_that_providers_take(name: str) -> None:
    schema = {"name": name, "schema": {}}
    with pytest.raises(ValidationError):
        WireFormat.model_validate({"type": "json_schema", "json_schema": schema})


@pytest.mark.parametrize(
    "choice", ["auto", "search", {"type": "function", "function": {"name": "search"}}]
)
def test_a_tool_is_chosen_by_a_word_or_as_on_the_wire(choice: JsonValue) -> None:
    Asking.model_validate({"tool_choice": choice})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tools", ["a", "b", "a"]),
        ("tools", ["{{ a }}"]),
        ("tool_choice", {"type": "function"}),
        ("tool_choice", {"type": "tool", "function": {"name": "a"}}),
        ("max_turns", 0),
        ("max_turns", 101),
        ("parallel_tool_calls", "yes"),
    ],
)
def test_what_does_not_fit_is_refused(key: str, value: JsonValue) -> None:
    with pytest.raises(ValidationError):
        Asking.model_validate({key: value})
