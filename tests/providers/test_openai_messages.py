from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.openai_messages import wire_messages
from tests.support.wire_bodies import ASKED, DATA_URL, DIALECT, PICTURE, body_of

SEARCH = ToolDefinition("search", "Finds pages.", {"type": "object", "properties": {}})
CALL = ToolCall("a", "search", '{"query":"lamps"}')


def calling(*calls: ToolCall, text: str = "") -> Message:
    return Message("assistant", (Text(text),) if text else (), calls)


def result(identity: str, *parts: Part) -> Message:
    return Message("tool", parts, tool_call_id=identity)


def test_tools_stand_in_the_body_under_their_wire_names() -> None:
    request = replace(ASKED, tools=(SEARCH,), tool_choice="required", parallel_tool_calls=False)
    body = body_of(DIALECT.encode(request, stream=False))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "search",
                "description": "Finds pages.",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


def test_what_was_not_said_of_tools_is_left_out() -> None:
    body = body_of(DIALECT.encode(replace(ASKED, tools=(replace(SEARCH, description=""),)),
                                  stream=True))  # fmt: skip
    assert body.keys().isdisjoint({"tool_choice", "parallel_tool_calls"})
    assert body["tools"][0]["function"].keys() == {"name", "parameters"}


def test_without_tools_nothing_is_said_of_them() -> None:
    request = replace(ASKED, tool_choice="none", parallel_tool_calls=True)
    assert body_of(DIALECT.encode(request, stream=False)).keys() == {"model", "messages"}


@pytest.mark.parametrize("name", ["tools", "tool_choice", "parallel_tool_calls"])
def test_tools_are_no_option(name: str) -> None:
    options: dict[str, JsonValue] = {name: []}
    with pytest.raises(Unsupported, match=f'^cannot take "{name}" as an option$'):
        DIALECT.encode(ChatRequest("m", (), options=options), stream=False)


def test_a_turn_of_calls_and_results() -> None:
    messages = [
        calling(CALL, ToolCall("b", "clock", "{}"), text="Let me look."),
        result("a", Text("three "), Text("lamps")),
        result("b", Text("")),
    ]
    assert wire_messages(messages) == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "search", "arguments": '{"query":"lamps"}'},
                },
                {"id": "b", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "three lamps"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]


def test_a_turn_without_words_has_no_content() -> None:
    (found,) = wire_messages([calling(CALL)])
    assert isinstance(found, dict)
    assert found["content"] is None


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        ("null", "{}"),
        ("[1]", "{}"),
        ('{"a": ', "{}"),
        ("[" * 100_000, "{}"),
        ('{"a": [' + "0," * 600_000 + "0]}", "{}"),
    ],
    ids=["object", "empty", "null", "list", "cut", "deep", "crowded"],
)
def test_arguments_that_are_no_object_are_not_sent_back(arguments: str, sent: str) -> None:
    found: Any = wire_messages([calling(ToolCall("a", "f", arguments))])
    assert found[0]["tool_calls"][0]["function"]["arguments"] == sent


def test_images_of_results_follow_the_last_result() -> None:
    url = ImageUrl("https://example.org/x.png")
    messages = [
        calling(CALL, replace(CALL, id="b")),
        result("a", Text("see "), PICTURE, Text(" and "), url),
        result("b", PICTURE),
        Message("user", (Text("go on"),)),
    ]
    assert wire_messages(messages)[1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "see [image 1] and [image 2]"},
        {"role": "tool", "tool_call_id": "b", "content": "[image 3]"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "[image 1]"},
                {"type": "image_url", "image_url": {"url": DATA_URL}},
                {"type": "text", "text": "[image 2]"},
                {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
                {"type": "text", "text": "[image 3]"},
                {"type": "image_url", "image_url": {"url": DATA_URL}},
            ],
        },
        {"role": "user", "content": "go on"},
    ]


def test_images_of_the_last_result_end_the_conversation() -> None:
    found: Any = wire_messages([calling(CALL), result("a", PICTURE)])
    assert [each["role"] for each in found] == ["assistant", "tool", "user"]


def test_pictures_of_each_turn_stand_in_its_own() -> None:
    turn = [calling(CALL), result("a", PICTURE)]
    found: Any = wire_messages([*turn, *turn])
    assert [each["role"] for each in found] == ["assistant", "tool", "user"] * 2
    assert found[5]["content"][0]["text"] == "[image 1]"
