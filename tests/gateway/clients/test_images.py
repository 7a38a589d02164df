"""Each client sends pictures, and is sent some: drawn in a chat, or by the API of their own."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.gateway.clients.conftest import World
from tests.support.clients import Client, Refused
from tests.support.dialects import GEMINI, OPENROUTER, Speaker
from tests.support.image_bodies import held, parts_of
from tests.support.replies import data_url, png
from tests.support.upstreams import DRAWN, FRAME, PICTURE, Upstreams, picture_url

USED = Usage(9, output_tokens=4)
REPLY = ChatReply("A lamp.", "stop", "m-1", USED)
SHOWN = png("shown")
DRAWERS = pytest.mark.parametrize(
    ("speaker", "model"),
    [(OPENROUTER, "google/gemini-3-pro-image"), (GEMINI, "gemini-3-pro-image-preview")],
    ids=["openrouter", "gemini"],
)


def showing(url: str, text: str = "What is it?") -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_picture_in_the_request(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    asked = {"model": f"{speaker.name}/{speaker.model}", "messages": showing(data_url(SHOWN))}
    assert client.whole(**asked)["choices"][0]["message"]["content"] == "A lamp."
    assert encoded(SHOWN) in upstreams.asked[0].body.decode()


def test_a_picture_by_its_address(
    client: Client, speaker: Speaker, upstreams: Upstreams, world: World
) -> None:
    upstreams.say(REPLY)
    asked = {
        "model": f"{speaker.name}/{speaker.model}",
        "messages": showing(picture_url(world.root)),
    }
    assert client.stream(**asked).text == "A lamp."
    sent = upstreams.asked[0].body.decode()
    assert encoded(PICTURE) in sent
    assert world.root not in sent


def test_an_address_that_is_not_public_is_not_fetched(client: Client, upstreams: Upstreams) -> None:
    with pytest.raises(Refused) as caught:
        client.whole(model="openai/gpt-5-mini", messages=showing("http://127.0.0.1:9/x.png"))
    assert (caught.value.status, caught.value.code) == (400, "invalid_image_url")
    assert caught.value.param == "messages[0].content[1].image_url.url"
    assert upstreams.asked == []


@DRAWERS
def test_a_picture_in_the_answer(
    client: Client, speaker: Speaker, model: str, upstreams: Upstreams
) -> None:
    upstreams.say(ChatReply("Here.", "stop", "m-1", USED, (DRAWN,)))
    asked = {"messages": showing(data_url(SHOWN), "Draw it."), "modalities": ["image", "text"]}
    found = client.whole(model=f"{speaker.name}/{model}", **asked)
    message = found["choices"][0]["message"]
    assert [each["image_url"]["url"] for each in message["images"]] == [data_url(DRAWN.data)]
    assert message["content"] == "Here."


@DRAWERS
def test_a_picture_in_the_stream(
    client: Client, speaker: Speaker, model: str, upstreams: Upstreams
) -> None:
    upstreams.say(ChatReply("Here.", "stop", "m-1", USED, (DRAWN,)))
    asked = {"messages": [{"role": "user", "content": "Draw."}], "modalities": ["image", "text"]}
    heard = client.stream(model=f"{speaker.name}/{model}", **asked)
    assert (heard.images, heard.text) == ([data_url(DRAWN.data)], "Here.")


CONFIG = {"size": "1024x1024", "quality": "low", "partial_images": 2}
DRAW: list[dict[str, Any]] = [{"role": "user", "content": "Draw a lamp."}]
OPENAIS = "openai/gpt-image-2"


def test_a_picture_by_an_api_of_its_own(client: Client, upstreams: Upstreams) -> None:
    upstreams.say(ChatReply("", "stop", "m-1", USED, (DRAWN,)))
    found = client.whole(model=OPENAIS, messages=DRAW, modalities=["image"], image_config=CONFIG)
    (choice,) = found["choices"]
    urls = [each["image_url"]["url"] for each in choice["message"]["images"]]
    assert (urls, choice["finish_reason"]) == ([data_url(DRAWN.data)], "stop")
    assert upstreams.bodies == [
        {"model": "gpt-image-2", "prompt": "Draw a lamp.", "size": "1024x1024", "quality": "low"}
    ]


def test_the_name_of_a_drawing_model_asks_for_a_picture(
    client: Client, upstreams: Upstreams
) -> None:
    upstreams.say(ChatReply("", "stop", "m-1", USED, (DRAWN,)))
    message = client.whole(model=OPENAIS, messages=DRAW)["choices"][0]["message"]
    assert len(message["images"]) == 1


def test_frames_come_before_the_picture(client: Client, upstreams: Upstreams) -> None:
    upstreams.say(ChatReply("", "stop", "m-1", USED, (FRAME, DRAWN)))
    heard = client.stream(model=OPENAIS, messages=DRAW, image_config=CONFIG, modalities=["image"])
    assert heard.images == [data_url(FRAME.data), data_url(DRAWN.data)]
    last = next(each for each in heard.chunks if each["choices"][0].get("finish_reason"))
    assert len(last["choices"][0]["delta"]["images"]) == 1
    assert upstreams.bodies[0]["partial_images"] == 2


def test_a_picture_is_changed(client: Client, upstreams: Upstreams) -> None:
    upstreams.say(ChatReply("", "stop", "m-1", USED, (DRAWN,)))
    asked = {"messages": showing(data_url(SHOWN), "Make it blue."), "modalities": ["image"]}
    message = client.whole(model=OPENAIS, **asked)["choices"][0]["message"]
    assert [each["image_url"]["url"] for each in message["images"]] == [data_url(DRAWN.data)]
    (seen,) = upstreams.asked
    assert seen.path.endswith("/images/edits")
    parts = [held(each) for each in parts_of(seen.body, seen.headers["content-type"])]
    assert SHOWN in parts
    assert b"Make it blue." in parts


@pytest.mark.parametrize(
    ("model", "status"),
    [("openai/gpt-5-mini", 400), ("anthropic/claude-opus-5-5", 501), (GEMINI.model, 400)],
    ids=["openai", "anthropic", "gemini"],
)
def test_a_model_that_draws_nothing_says_so(
    client: Client, upstreams: Upstreams, model: str, status: int
) -> None:
    name = model if "/" in model else f"gemini/{model}"
    with pytest.raises(Refused) as caught:
        client.whole(model=name, messages=DRAW, modalities=["image"])
    assert (caught.value.status, caught.value.param) == (status, "modalities")
    assert upstreams.asked == []
