"""The turns of a conversation: what each role may hold, and each call with its one result."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowrun.chat.messages import ImageUrl, Message, Text, ToolCall
from flowrun.gateway.codec import Asked
from flowrun.gateway.codec_messages import MOST_MESSAGES
from tests.gateway.test_codec import HELLO, PICTURE, asked, fault

URL = f"data:image/png;base64,{base64.b64encode(PICTURE.data).decode()}"
SHOWN = {"type": "image_url", "image_url": {"url": URL}}


def said(*messages: dict[str, Any], **fields: Any) -> Asked:
    return asked(messages=[*HELLO, *messages], **fields)


def last(*messages: dict[str, Any], **fields: Any) -> Message:
    return said(*messages, **fields).request.messages[-1]


def param(*messages: Any) -> str | None:
    return fault(messages=[*HELLO, *messages]).param


def call(id: str = "call_1", arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    function = {"name": "now", "arguments": arguments}
    return {"id": id, "type": "function", "function": function, **fields}


def calling(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(id: str = "call_1", content: Any = "noon") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_pitfall_46_developers_are_systems_and_stay_in_place(role: str) -> None:
    assert last({"role": role, "content": "be brief"}) == Message("system", (Text("be brief"),))


def test_parts_are_texts_and_pictures() -> None:
    http = {"type": "image_url", "image_url": {"url": "https://example.org/a"}}
    parts = [{"type": "text", "text": "look"}, SHOWN, http, {**SHOWN, "image_url": URL}]
    assert last({"role": "user", "content": parts}) == Message(
        "user", (Text("look"), PICTURE, ImageUrl("https://example.org/a"), PICTURE)
    )


def test_pitfall_14_a_result_may_hold_pictures() -> None:
    found = last(calling(call()), result(content=[{"type": "text", "text": "see"}, SHOWN]))
    assert found == Message("tool", (Text("see"), PICTURE), tool_call_id="call_1")


def test_turns_may_say_nothing() -> None:
    assert last({"role": "assistant", "content": None}) == Message("assistant", ())
    assert last({"role": "assistant", "refusal": None}) == Message("assistant", ())
    assert last({"role": "user", "content": ""}) == Message("user", ())
    assert last(calling(call()), result(content=None)).parts == ()


def test_refusals_are_texts() -> None:
    part = {"type": "refusal", "refusal": "no"}
    found = last({"role": "assistant", "content": [part], "refusal": "never"})
    assert found == Message("assistant", (Text("no"), Text("never")))


def test_a_call_and_its_result() -> None:
    found = said(calling(call(arguments='{"a": 1}', index=0), content="Hm."), result())
    assert found.request.messages[1:] == (
        Message("assistant", (Text("Hm."),), (ToolCall("call_1", "now", '{"a": 1}'),)),
        Message("tool", (Text("noon"),), tool_call_id="call_1"),
    )
    assert found.dropped == ()


@pytest.mark.parametrize("arguments", ["", " ", "null", "{}", None])
def test_pitfall_63_no_arguments_are_none(arguments: str | None) -> None:
    found = said(calling(call(arguments=arguments)), result()).request.messages[1]
    assert found.tool_calls[0].arguments == "{}"


@pytest.mark.parametrize("arguments", ["[]", "7", "{", '{"a":NaN}', {"a": 1}])
def test_pitfall_63_arguments_that_are_no_object(arguments: object) -> None:
    assert param(calling(call(arguments=arguments)), result()) == (
        "messages[1].tool_calls[0].function.arguments"
    )


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "be brief"}]])
def test_pitfall_62_a_conversation_has_a_turn_beside_the_systems(messages: list[Any]) -> None:
    found = fault(messages=messages)
    assert found.param == "messages"
    assert found.message == '"messages" must hold a turn beside the system\'s'


@pytest.mark.parametrize(
    ("messages", "where"),
    [
        ([result()], "messages[1].tool_call_id"),
        ([calling(call()), result("other")], "messages[2].tool_call_id"),
        ([calling(call()), result(), result()], "messages[3].tool_call_id"),
        ([calling(call())], "messages[1].tool_calls[0].id"),
        ([calling(call("a"), call("b")), result("a")], "messages[1].tool_calls[1].id"),
        ([calling(call()), *HELLO, result()], "messages[1].tool_calls[0].id"),
        ([calling(call("a"), call("a")), result("a")], "messages[1].tool_calls[1].id"),
        ([calling(call("")), result("")], "messages[1].tool_calls[0].id"),
        ([calling(call()), {"role": "tool", "content": "x"}], "messages[2].tool_call_id"),
    ],
)
def test_calls_and_results_pair(messages: list[Any], where: str) -> None:
    assert param(*messages) == where


def test_results_may_come_in_any_order() -> None:
    found = said(calling(call("a"), call("b")), result("b"), result("a")).request
    assert [each.tool_call_id for each in found.messages] == ["", "", "b", "a"]


def test_ids_may_come_again_in_another_turn() -> None:
    assert last(calling(call()), result(), calling(call()), result()).role == "tool"


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (7, ""),
        ({"content": "x"}, ".role"),
        ({"role": "function", "content": "x", "name": "f"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": 7}, ".content"),
        ({"role": "system", "content": None}, ".content"),
        ({"role": "user", "content": ["x"]}, ".content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "file"}]}, ".content[0].type"),
        ({"role": "user", "content": [{**SHOWN, "size": 7}]}, ".content[0].size"),
        ({"role": "system", "content": [SHOWN]}, ".content[0].type"),
        ({"role": "assistant", "content": [SHOWN]}, ".content[0].type"),
        ({"role": "user", "content": "x", "tool_calls": []}, ".tool_calls"),
        ({"role": "user", "content": "x", "colour": "red"}, ".colour"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, ".audio"),
        ({"role": "assistant", "content": "x", "function_call": {}}, ".function_call"),
        ({"role": "assistant", "refusal": 7}, ".refusal"),
        ({"role": "assistant", "tool_calls": {}}, ".tool_calls"),
        (calling({"id": "a", "type": "custom"}), ".tool_calls[0].type"),
        (calling({"id": "a"}), ".tool_calls[0].function"),
        (calling({"id": 7}), ".tool_calls[0].id"),
        (calling(call(colour=1)), ".tool_calls[0].colour"),
        (calling({"id": "a", "function": {}}), ".tool_calls[0].function.name"),
        (calling({"id": "a", "function": {"name": ""}}), ".tool_calls[0].function.name"),
        (calling({"id": "a", "function": {"name": "a", "x": 1}}), ".tool_calls[0].function.x"),
    ],
)
def test_what_cannot_be_taken_is_named(message: Any, where: str) -> None:
    assert param(message) == f"messages[1]{where}"


def test_a_picture_that_is_none_is_named_by_its_path() -> None:
    text = {"type": "text", "text": "look"}
    picture = {"type": "image_url", "image_url": {"url": "ftp://a"}}
    expected = "messages[1].content[1].image_url.url"
    assert param({"role": "user", "content": [text, picture]}) == expected
    picture = {"type": "image_url", "image_url": {"url": None}}
    assert param({"role": "user", "content": [text, picture]}) == expected


def test_a_body_holds_messages_as_a_list() -> None:
    assert fault(messages=None).message == '"messages" is missing: it holds the conversation'
    assert fault(messages="hello").param == "messages"
    assert fault(messages=[None] * (MOST_MESSAGES + 1)).param == "messages"


def test_what_messages_say_beside_is_dropped_by_name() -> None:
    picture = {"type": "image_url", "image_url": {"url": URL, "detail": "low"}}
    text = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    found = said(
        {"role": "assistant", "content": "x", "reasoning": "hm", "annotations": []},
        {"role": "user", "content": [text, picture]},
    )
    assert found.dropped == (
        "messages[].annotations",
        "messages[].content[].cache_control",
        "messages[].content[].image_url.detail",
        "messages[].reasoning",
    )


ECHOED = {"role": "assistant", "content": "here", "images": [{"index": 0, **SHOWN}]}


def test_an_echoed_picture_goes_back_to_who_draws() -> None:
    found = said(ECHOED, *HELLO, modalities=["image"])
    assert found.request.messages[1] == Message("assistant", (Text("here"), PICTURE))
    assert found.dropped == ()


def test_an_echoed_picture_is_nothing_to_who_does_not_draw() -> None:
    found = said(ECHOED, *HELLO)
    assert found.request.messages[1] == Message("assistant", (Text("here"),))
    assert found.dropped == ("messages[].images",)


@pytest.mark.parametrize(
    ("images", "where"),
    [
        ({}, ""),
        ([7], "[0]"),
        ([{}], "[0].image_url"),
        ([SHOWN, {"image_url": {"url": "x"}}], "[1].image_url.url"),
    ],
)
def test_an_echoed_picture_that_is_none_is_named(images: object, where: str) -> None:
    found = fault(messages=[*HELLO, {**ECHOED, "images": images}], image_config={"size": "auto"})
    assert found.param == f"messages[1].images{where}"
