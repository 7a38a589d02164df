from __future__ import annotations

from dataclasses import replace

import pytest

from flowrun.chat.capabilities import Capabilities, agreed, lacks, refusal, shows_pictures
from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from tests.support.replies import png

PLAIN = ChatRequest("m", (Message("user", (Text("hello"),)),))
SHOWN = ChatRequest("m", (Message("user", (Image.from_bytes(png("a")),)),))
LINKED = ChatRequest("m", (Message("user", (ImageUrl("https://example.org/a.png"),)),))
DRAWN = replace(PLAIN, modalities=("image",))
TOOLED = replace(PLAIN, tools=(ToolDefinition("t", "", {}),))
SCHEMA = replace(PLAIN, response_format=ResponseFormat("json_schema", "s", {}))
OBJECT = replace(PLAIN, response_format=ResponseFormat("json_object"))


@pytest.mark.parametrize(
    ("able", "request_", "param", "said"),
    [
        (Capabilities(images_out=False), DRAWN, "modalities", "make pictures"),
        (Capabilities(text_out=False), PLAIN, "modalities", "answer in text"),
        (Capabilities(images_in=False), SHOWN, "messages", "take images"),
        (Capabilities(images_in=False), LINKED, "messages", "take images"),
        (Capabilities(tools=False), TOOLED, "tools", "call tools"),
        (Capabilities(json_schema=False), SCHEMA, "response_format", "answer in JSON of a schema"),
        (Capabilities(json_object=False), OBJECT, "response_format", "answer in JSON"),
    ],
)
def test_what_a_model_is_known_not_to_take_is_named(
    able: Capabilities, request_: ChatRequest, param: str, said: str
) -> None:
    assert lacks(able, request_) == param
    assert refusal("mine/x", param, request_) == f'"mine/x" cannot {said}'


def test_json_without_a_schema_is_had_with_one() -> None:
    said = refusal("mine/x", "response_format", OBJECT, Capabilities(json_schema=True))
    wanted = "send response_format json_schema"
    assert said == f'"mine/x" cannot answer in JSON without a schema: {wanted}'


@pytest.mark.parametrize("request_", [PLAIN, SHOWN, LINKED, DRAWN, TOOLED, SCHEMA, OBJECT])
def test_what_nobody_knows_is_tried(request_: ChatRequest) -> None:
    assert lacks(Capabilities(), request_) is None
    assert lacks(Capabilities(True, True, True, True, True, True), request_) is None


def test_what_is_not_asked_for_need_not_be_there() -> None:
    nothing = Capabilities(False, False, True, False, False, False)
    assert lacks(nothing, PLAIN) is None
    assert lacks(replace(nothing, images_out=True, text_out=False), DRAWN) is None


def test_pictures_are_seen_as_bytes_and_as_addresses() -> None:
    assert [shows_pictures(each) for each in (PLAIN, SHOWN, LINKED)] == [False, True, True]


def test_what_is_known_first_holds() -> None:
    first, then = Capabilities(tools=False), Capabilities(tools=True, images_in=True)
    assert first.or_else(then) == Capabilities(tools=False, images_in=True)


def test_only_what_all_say_is_agreed() -> None:
    assert agreed([True, True]) is True
    assert agreed([False, False]) is False
    assert (agreed([True, None]), agreed([True, False]), agreed([])) == (None, None, None)
