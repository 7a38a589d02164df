"""Tools for the embedded model: what it is told, what it is held to, and how it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Delta,
    Message,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.local import Embedded
from flowrun.providers.local_request import MODEL, encode
from tests.support.engine import LABEL, Scripted, asked, chunk, sent

SEARCH = ToolDefinition(
    "search",
    "Finds\n  pages.",
    {
        "properties": {"query": {"type": "string", "maxLength": 9}, "most": {"$ref": "#/$defs/n"}},
        "required": ["query"],
        "$defs": {"n": {"enum": [1, 2]}},
    },
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {}})
NAMED: JsonValue = {"type": "function", "function": {"name": "search"}}
CALL = '{"tool": "search", "arguments": {"query": "é"}}'


def with_tools(
    choice: JsonValue = None, *turns: Message, schema: Any = None, text: str = "Find."
) -> ChatRequest:
    request = asked(text, schema=schema)
    return replace(
        request,
        messages=(*request.messages, *turns),
        tools=(SEARCH, CLOCK),
        tool_choice=choice,
    )


TURN = (
    Message("assistant", (Text("Let me look."),), (ToolCall("a", "search", '{"query":"x"}'),)),
    Message("tool", (Text("three"),), tool_call_id="a"),
)


def branches(request: ChatRequest) -> list[Mapping[str, Any]]:
    schema: Mapping[str, Any] = encode(request).schemas[0]
    return list(schema.get("anyOf", [schema]))


def reply(text: str, request: ChatRequest, finish: str = "stop") -> ChatReply:
    pieces = [chunk(text[at : at + 5]) for at in range(0, len(text), 5)]
    (found,) = sent(Scripted(*pieces, chunk(finish=finish)), request)
    return found


def test_a_free_choice_is_a_call_or_an_answer() -> None:
    search, clock, answer = branches(with_tools())
    assert search["properties"]["tool"] == {"enum": ["search"]}
    assert search["properties"]["arguments"]["required"] == ["query"]
    assert search["properties"]["arguments"]["properties"]["most"] == {"enum": [1, 2]}
    assert clock["properties"]["arguments"]["properties"] == {}
    assert answer["required"] == ["answer"]
    assert all(each["additionalProperties"] is False for each in (search, clock, answer))


@pytest.mark.parametrize(
    ("choice", "names"), [("required", ["search", "clock"]), (NAMED, ["search"])], ids=str
)
def test_a_forced_choice_leaves_no_answer(choice: JsonValue, names: list[str]) -> None:
    found = branches(with_tools(choice))
    assert [each["properties"]["tool"]["enum"] for each in found] == [[name] for name in names]


def test_it_is_told_of_its_tools() -> None:
    body: Any = encode(with_tools()).body
    assert body["messages"][0] == {
        "role": "system",
        "content": "You are a helpful assistant.\n\nYou can call tools:\n"
        "- search(query, most): Finds pages.\n- clock()\n"
        'Reply with JSON: {"tool": name, "arguments": {...}} or {"answer": ...}',
    }
    system = Message("system", (Text("Be brief."),))
    forced = with_tools("required")
    body = encode(replace(forced, messages=(*forced.messages, system))).body
    assert body["messages"][1]["content"].startswith("Be brief.\n\nYou can call tools:\n")
    assert body["messages"][1]["content"].endswith('{"tool": name, "arguments": {...}}')


@pytest.mark.parametrize(
    "request_", [with_tools("none"), with_tools(None, *TURN)], ids=["none", "results"]
)
def test_without_a_choice_it_answers_in_words(request_: ChatRequest) -> None:
    assert encode(request_).schemas == ()
    assert reply("Three.", request_).text == "Three."


def test_calls_and_results_are_told_in_words() -> None:
    strange = Message("tool", (Text("?"),), tool_call_id="z")
    bare = Message("assistant", (), (ToolCall("b", "clock", "{}"),))
    body: Any = encode(with_tools(None, *TURN, bare, strange)).body
    assert [(each["role"], each["content"]) for each in body["messages"][2:]] == [
        ("assistant", 'Let me look.\n{"tool": "search", "arguments": {"query":"x"}}'),
        ("user", "Result of search: three"),
        ("assistant", '{"tool": "clock", "arguments": {}}'),
        ("user", "Result of a tool: ?"),
    ]


def test_a_call_is_read_from_its_form() -> None:
    found = reply(CALL, with_tools())
    assert (found.text, found.finish_reason) == ("", "tool_calls")
    assert found.tool_calls == (ToolCall("call_1", "search", '{"query": "é"}'),)
    assert found.model == MODEL


def test_calls_are_counted_through_a_conversation() -> None:
    later = (*TURN, Message("user", (Text("And now?"),)))
    assert reply(CALL, with_tools(None, *later)).tool_calls[0].id == "call_2"


def test_an_answer_is_read_from_its_form() -> None:
    found = reply('{"answer": "Three."}', with_tools())
    assert (found.text, found.finish_reason, found.tool_calls) == ("Three.", "stop", ())


def test_an_answer_may_have_a_schema() -> None:
    request = with_tools(schema=LABEL)
    assert branches(request)[2]["properties"]["answer"]["properties"] == LABEL["properties"]
    assert reply('{"answer": {"label": "good"}}', request).text == '{"label": "good"}'
    assert reply('{"answer": "good"}', request).text == '"good"'


@pytest.mark.parametrize(
    ("text", "finish"),
    [('{"tool": "sea', "length"), ('{"tool": "sea', "stop"), ('{"other": 1}', "stop")],
)
def test_what_has_not_its_form_stays_what_it_is(text: str, finish: str) -> None:
    found = reply(text, with_tools(), finish)
    assert (found.text, found.finish_reason, found.tool_calls) == (text, finish, ())


def test_a_call_is_streamed_whole() -> None:
    async def run() -> list[Delta]:
        provider = Embedded(lambda progress: Scripted(chunk(CALL), chunk(finish="stop")))
        deltas = [delta async for delta in provider.stream(with_tools())]
        await provider.aclose()
        return deltas

    (delta,) = asyncio.run(run())
    assert [each.name for each in delta.tool_calls] == ["search"]


def test_an_engine_that_does_not_take_the_form_is_found_out() -> None:
    with pytest.raises(Unsupported, match=f'"{MODEL}" cannot be held to "search or clock"'):
        sent(Scripted(chunk("Sure!"), chunk(finish="stop")), with_tools())


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            replace(with_tools(), tools=(replace(SEARCH, parameters={"allOf": [{"$ref": "#"}]}),)),
            'cannot keep to "search": the schema allows nothing',
        ),
        (
            replace(with_tools(), response_format=ResponseFormat("json_object")),
            "writes JSON only to a schema",
        ),
        (
            with_tools(
                None,
                Message("tool", (Image(b"", "image/png", 1, 1, "0" * 64),), tool_call_id="a"),
            ),
            "cannot see",
        ),
    ],
    ids=["endless", "no schema", "picture"],
)
def test_what_it_cannot_do_is_refused(request_: ChatRequest, said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        encode(request_)
