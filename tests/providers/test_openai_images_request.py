from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.errors import Unsupported
from flowrun.providers.openai_images_request import drawing_of
from tests.support.wire_bodies import PICTURE

GIF = Image(b"gif", "image/gif", 1, 1, "0" * 64)


def user(*parts: Part) -> Message:
    return Message("user", parts)


ASKED = ChatRequest("gpt-image-2", (user(Text("a lamp")),), modalities=("image",))


def fields(request: ChatRequest = ASKED, *, stream: bool = False, **config: Any) -> dict[str, Any]:
    found = drawing_of(replace(request, image_config=config), stream=stream)
    return dict(found.fields)


def refused(request: ChatRequest = ASKED, **config: Any) -> tuple[str | None, str]:
    with pytest.raises(Unsupported) as caught:
        drawing_of(replace(request, image_config=config), stream=True)
    return caught.value.param, str(caught.value)


def test_a_prompt_is_all_that_it_takes() -> None:
    assert fields() == {"model": "gpt-image-2", "prompt": "a lamp"}
    assert fields(replace(ASKED, modalities=("text",), options={"n": 1})) == fields()
    assert fields(replace(ASKED, options={"user": "u-17"}))["user"] == "u-17"


def test_the_prompt_is_the_last_users_turn_below_the_system() -> None:
    turns = (
        Message("system", (Text("In oils."),)),
        user(Text("a cat"), GIF),
        Message("assistant", (Text("Here."),)),
        Message("system", (Text(" "),)),
        Message("system", (Text("No words."),)),
        user(Text("a lamp"), PICTURE, Text("like this")),
        Message("assistant", (Text("Which?"),)),
    )
    drawing = drawing_of(replace(ASKED, messages=turns), stream=False)
    assert drawing.fields["prompt"] == "In oils.\n\nNo words.\n\na lamp\nlike this"
    assert drawing.pictures == (PICTURE,)


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ((), "there is no user's turn that says what to draw"),
        ((Message("system", (Text("x"),)),), "there is no user's turn that says what to draw"),
        ((user(Text(" ")),), "the last user's turn does not say what to draw"),
        ((user(PICTURE),), "the last user's turn does not say what to draw"),
        (
            (user(Text("x"), ImageUrl("https://example.org/x.png")),),
            "pictures by their address are not fetched",
        ),
        ((user(Text("x"), GIF),), "it edits PNG, JPEG and WebP, and not image/gif"),
        ((user(Text("x"), *[PICTURE] * 17),), "it edits 16 pictures at most"),
    ],
)
def test_messages_that_cannot_be_drawn(messages: tuple[Message, ...], why: str) -> None:
    request = replace(ASKED, messages=messages)
    assert refused(request) == ("messages", f'cannot take "messages": {why}')


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("tools", {"tools": (ToolDefinition("f", "", {}),)}),
        ("response_format", {"response_format": ResponseFormat("json_object")}),
        ("provider", {"provider": {"sort": "price"}}),
        ("modalities", {"modalities": ("image", "audio")}),
        ("temperature", {"options": {"temperature": 1}}),
        ("n", {"options": {"n": 2}}),
        ("user", {"options": {"user": 7}}),
        ("max_completion_tokens", {"options": {"max_completion_tokens": 9}}),
    ],
)
def test_pitfall_43_what_belongs_to_a_chat_is_refused(name: str, beside: dict[str, Any]) -> None:
    assert refused(replace(ASKED, **beside))[0] == name


def test_what_was_not_said_is_not_refused() -> None:
    assert fields(replace(ASKED, options={"temperature": None}), size=None) == fields()


def test_what_is_configured_is_copied() -> None:
    config: dict[str, Any] = {
        "size": "1536x1024",
        "quality": "high",
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 50.0,
        "moderation": "low",
    }
    found = fields(**config, n=1)
    assert found == {**fields(), **config}
    assert isinstance(found["output_compression"], int)


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", "1024x1024"),
        ("5:4", "1536x1024"),
        ("6:5", "1024x1024"),
        ("3:2", "1536x1024"),
        ("16:9", "1536x1024"),
        ("21:9", "1536x1024"),
        ("2:3", "1024x1536"),
        ("9:16", "1024x1536"),
        ("4:5", "1024x1536"),
    ],
)
def test_a_ratio_becomes_the_nearest_size(ratio: str, size: str) -> None:
    assert fields(aspect_ratio=ratio)["size"] == size


@pytest.mark.parametrize("given", [0, 2, 3, 2.0])
def test_pitfall_58_a_whole_number_may_come_as_a_float(given: float) -> None:
    found = fields(stream=True, partial_images=given)["partial_images"]
    assert (found, type(found)) == (given, int)


@pytest.mark.parametrize("given", [1.5, True, False, 4, -1, "2", [2], float("inf")])
def test_pitfall_58_what_is_no_whole_number_is_refused(given: object) -> None:
    assert refused(partial_images=given) == (
        "image_config.partial_images",
        'cannot take "image_config.partial_images": it must be a whole number from 0 to 3',
    )


def test_frames_on_the_way_are_asked_for_only_in_a_stream() -> None:
    assert fields(partial_images=2) == fields()
    with pytest.raises(Unsupported):
        fields(partial_images=1.5)


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"image_size": "2K"}, "image_config.image_size"),
        ({"n": 2}, "image_config.n"),
        ({"size": 7}, "image_config.size"),
        ({"aspect_ratio": "wide"}, "image_config.aspect_ratio"),
        ({"aspect_ratio": 1.5}, "image_config.aspect_ratio"),
        ({"aspect_ratio": "0:1"}, "image_config.aspect_ratio"),
        ({"aspect_ratio": "1:1", "size": "auto"}, "image_config.aspect_ratio"),
        ({"output_format": "svg"}, "image_config.output_format"),
        ({"output_compression": 101}, "image_config.output_compression"),
        ({"input_fidelity": "high"}, "image_config.input_fidelity"),
        ({"mask": "data:"}, "image_config.mask"),
    ],
)
def test_what_cannot_be_configured_is_refused_by_name(config: dict[str, Any], param: str) -> None:
    assert refused(**config)[0] == param


def test_pictures_to_edit_may_be_kept_to_closely() -> None:
    request = replace(ASKED, messages=(user(Text("x"), PICTURE),))
    assert fields(request, input_fidelity="high")["input_fidelity"] == "high"
