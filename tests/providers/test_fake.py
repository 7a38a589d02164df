from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    ResponseFormat,
    Role,
    Text,
    ToolCall,
    ToolDefinition,
    fold,
)
from flowrun.chat.usage import Usage
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.fake import Answer, Calls, Fake, Held, echo, image, scripted
from flowrun.scripted import FakeRule, FakeSettings, ScriptedCall

SCHEMA: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {"headline": {"type": "string", "maxLength": 4}},
    "required": ["headline"],
}


SEARCH = ToolDefinition(
    "search",
    "Finds pages.",
    {"properties": {"query": {"type": "string", "maxLength": 4}}, "required": ["query"]},
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {}})


def asked(*texts: str, kind: str = "text", wants: str = "text") -> ChatRequest:
    roles: tuple[Role, ...] = ("user", "assistant")
    messages = tuple(Message(roles[index % 2], (Text(text),)) for index, text in enumerate(texts))
    form = ResponseFormat("json_schema", "x", SCHEMA) if kind == "json_schema" else ResponseFormat()
    return ChatRequest("m", messages, response_format=form, modalities=(wants,))


def send(fake: Fake, request: ChatRequest) -> ChatReply:
    return asyncio.run(fake.send(request))


def test_answers_come_in_turn_and_the_last_one_for_ever() -> None:
    fake = Fake(["one", "two"])
    assert [send(fake, asked("x")).text for _ in range(4)] == ["one", "two", "two", "two"]
    assert len(fake.requests) == 4


def test_a_script_needs_an_answer() -> None:
    with pytest.raises(ValueError, match="a script needs an answer at least"):
        Fake([])


def test_a_function_answers_by_the_request() -> None:
    fake = Fake(lambda request: f"{len(request.messages)} messages")
    assert send(fake, asked("a", "b", "c")) == ChatReply(
        "3 messages", "stop", "m", Usage(3, output_tokens=2)
    )


def test_a_whole_reply_is_given_as_it_is() -> None:
    reply = ChatReply("half", "length", "other")
    assert send(Fake([reply]), asked("x")) == reply


def test_an_error_is_raised() -> None:
    with pytest.raises(Unavailable, match=r"^down$"):
        send(Fake([Unavailable("down")]), asked("x"))


def test_a_held_answer_waits_for_its_event() -> None:
    async def main() -> tuple[int, str, int]:
        until = asyncio.Event()
        fake = Fake([Held(until, Held(until, "now"))])
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(fake.send(asked("x")))
            await asyncio.sleep(0)
            waiting = fake.in_flight
            until.set()
        return waiting, task.result().text, fake.in_flight

    assert asyncio.run(main()) == (1, "now", 0)


@pytest.mark.parametrize(
    "answer",
    [
        *("", "one", " two words ", "ends \n"),
        ChatReply("a b", "length", "n", None, (), "r"),
        Calls([("f", {"a": 1}), ("g", "")], "two words"),
    ],
)
def test_a_stream_adds_up_to_the_whole_reply(answer: Answer) -> None:
    async def main() -> ChatReply:
        return fold([delta async for delta in Fake([answer]).stream(asked("x"))])

    assert asyncio.run(main()) == send(Fake([answer]), asked("x"))


def test_a_stream_comes_word_by_word() -> None:
    async def main() -> list[str]:
        return [delta.text async for delta in Fake(["one two three"]).stream(asked("x"))]

    assert asyncio.run(main()) == ["one ", "two ", "three", ""]


def test_echo_says_what_the_last_user_said() -> None:
    assert echo(asked("first", "answer", "last")) == "last"
    assert echo(asked()) == ""


def test_echo_gives_data_that_fits_the_schema_always_the_same() -> None:
    first = echo(asked("a", kind="json_schema"))
    assert isinstance(first, str)
    assert json.loads(first) == {"headline": "echo"}
    assert echo(asked("a", kind="json_schema")) == first


def test_echo_gives_an_object_where_only_json_is_asked_for() -> None:
    request = ChatRequest("m", (), response_format=ResponseFormat("json_object"))
    assert echo(request) == "{}"


@pytest.mark.parametrize(
    ("script", "request_", "said"),
    [
        (echo, asked("x", wants="image"), "fake/echo makes no pictures: use fake/image"),
        (image, asked("x"), "fake/image makes pictures only: ask for `modalities: [image]`"),
        (
            image,
            replace(asked("x", wants="image"), tools=(SEARCH,)),
            "fake/image cannot call tools: use fake/echo",
        ),
        (
            echo,
            replace(
                asked("x"),
                tools=(ToolDefinition("f", "", {"not": {}}),),
                tool_choice="required",
            ),
            'fake cannot make "not"',
        ),
        (
            echo,
            ChatRequest(
                "m", (), response_format=ResponseFormat("json_schema", "x", {"pattern": "^a$"})
            ),
            'fake cannot make "pattern"',
        ),
    ],
)
def test_fakes_refuse_what_they_cannot_do(script: object, request_: ChatRequest, said: str) -> None:
    assert callable(script)
    error = script(request_)
    assert isinstance(error, Unsupported)
    assert str(error) == said


def test_a_picture_depends_on_the_prompt_alone() -> None:
    first, again, other = (image(asked(text, wants="image")) for text in ("a", "a", "b"))
    assert isinstance(first, Image)
    assert (first.mime_type, first.width, first.height) == ("image/png", 64, 64)
    assert first == again != other


def test_a_picture_stands_in_the_reply() -> None:
    reply = send(Fake(image), asked("a", wants="image"))
    assert len(reply.images) == 1
    assert reply.text == ""


def test_rules_go_before_replies() -> None:
    settings = FakeSettings(("else",), (FakeRule("to refund", "refund"), FakeRule("to re", "re")))
    fake = Fake(scripted(settings))
    texts = [send(fake, asked(text)).text for text in ("a refund", "retry", "what", "what")]
    assert texts == ["to refund", "to re", "else", "else"]


def test_no_rule_that_fits_is_an_error() -> None:
    fake = Fake(scripted(FakeSettings((), (FakeRule("x", "refund"),))))
    with pytest.raises(ProviderError, match=r"^fake/m has no rule for this prompt$"):
        send(fake, asked("what"))


def with_tools(choice: JsonValue = None, *turns: Message) -> ChatRequest:
    messages = (Message("user", (Text("a lamp"),)), *turns)
    return ChatRequest("m", messages, tools=(SEARCH, CLOCK), tool_choice=choice)


def turn(*results: tuple[str, str], number: int = 1) -> tuple[Message, ...]:
    """The calls of some tools in one turn, and their results."""
    calls = tuple(ToolCall(f"{number}{name}", name, "{}") for name, _ in results)
    return (
        Message("assistant", (), calls),
        *(Message("tool", (Text(text),), tool_call_id=f"{number}{name}") for name, text in results),
    )


def test_calls_are_a_reply_of_their_own() -> None:
    fake = Fake([Calls([("search", {"query": "é"}), ("clock", "{oops")], "Let me look.")])
    calls = (ToolCall("call_1", "search", '{"query": "é"}'), ToolCall("call_2", "clock", "{oops"))
    usage = Usage(2, output_tokens=6)
    assert send(fake, with_tools()) == ChatReply(
        "Let me look.", "tool_calls", "m", usage, tool_calls=calls
    )


def test_calls_are_counted_through_a_conversation() -> None:
    fake = Fake([Calls([("clock", {})])])
    reply = send(fake, with_tools(None, *turn(("search", "x"), ("clock", "y"))))
    assert [each.id for each in reply.tool_calls] == ["call_3"]


def test_echo_calls_a_tool_only_where_it_must() -> None:
    named: JsonValue = {"type": "function", "function": {"name": "clock"}}
    forced = send(Fake(echo), with_tools("required")).tool_calls
    assert forced == (ToolCall("call_1", "search", '{"query": "echo"}'),)
    assert send(Fake(echo), with_tools(named)).tool_calls == (ToolCall("call_1", "clock", "{}"),)
    for choice in (None, "auto", "none"):
        assert send(Fake(echo), with_tools(choice)).text == "a lamp"


def test_echo_does_what_a_strange_schema_says() -> None:
    strange = ToolDefinition("f", "", {"type": "array", "items": {"type": "null"}, "minItems": 1})
    request = replace(with_tools("required"), tools=(strange,))
    assert send(Fake(echo), request).tool_calls == (ToolCall("call_1", "f", "[null]"),)


FOUND = FakeSettings(
    rules=(
        FakeRule("no lamps", contains="nothing", after="search"),
        FakeRule((ScriptedCall("clock"),), after="search"),
        FakeRule("at noon", after="clock"),
        FakeRule((ScriptedCall("search", {"query": "lamps"}),), contains="lamp"),
    )
)


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ((), "search"),
        (turn(("search", "three")), "clock"),
        (turn(("search", "nothing")), "no lamps"),
        ((*turn(("search", "three")), *turn(("clock", "12:00"), number=2)), "at noon"),
        (turn(("clock", "12:00"), ("search", "three")), "clock"),
        ((*turn(("search", "three")), Message("user", (Text("go on"),))), "search"),
    ],
)
def test_rules_go_on_after_a_result(turns: tuple[Message, ...], said: str) -> None:
    reply = send(Fake(scripted(FOUND)), with_tools(None, *turns))
    assert (reply.tool_calls[0].name if reply.tool_calls else reply.text) == said


def test_no_rule_for_a_result_is_an_error() -> None:
    said = "fake/m has no rule for this prompt after the result of weather and tide"
    with pytest.raises(ProviderError, match=f"^{said}$"):
        send(Fake(scripted(FOUND)), with_tools(None, *turn(("weather", ""), ("tide", ""))))


def test_replies_in_turn_may_call_tools() -> None:
    settings = FakeSettings(((ScriptedCall("clock"), ScriptedCall("search")), "done"))
    fake = Fake(scripted(settings))
    first, second = send(fake, with_tools()), send(fake, with_tools(None, *turn(("clock", ""))))
    assert [each.name for each in first.tool_calls] == ["clock", "search"]
    assert second.text == "done"


def test_a_fake_can_be_closed() -> None:
    asyncio.run(Fake(["x"]).aclose())
