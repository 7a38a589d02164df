import asyncio
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    ImageUrl,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.placeholder import CAPABILITIES, MODEL, SAID, Placeholder, missing


def asked(*parts: Part, seed: JsonValue = None, **image_config: JsonValue) -> ChatRequest:
    return ChatRequest(
        MODEL,
        (Message("system", (Text("You draw."),)), Message("user", parts or (Text("a kite"),))),
        options={"temperature": 0.7, "seed": seed},
        modalities=("image",),
        image_config=image_config,
    )


def sent(request: ChatRequest) -> ChatReply:
    return asyncio.run(Placeholder().send(request))


def size(**image_config: JsonValue) -> tuple[int, int]:
    image = sent(asked(**image_config)).images[0]
    return image.width, image.height


def test_an_image_is_answered_and_says_what_it_is() -> None:
    reply = sent(asked())
    assert (reply.finish_reason, reply.model, reply.text) == ("stop", "placeholder", SAID)
    (image,) = reply.images
    assert (image.mime_type, image.width, image.height) == ("image/png", 1024, 1024)
    assert reply.usage is not None
    assert reply.usage.total_tokens == 0
    assert reply.usage.cost_usd == Decimal(0)


def test_the_same_request_gives_the_same_picture() -> None:
    assert sent(asked(size="64x64")) == sent(asked(size="64x64"))


def test_prompt_pictures_and_seed_decide_the_picture() -> None:
    first = sent(asked(size="64x64")).images[0]
    others = [
        asked(Text("a boat"), size="64x64"),
        asked(Text("a kite"), first, size="64x64"),
        asked(seed=7, size="64x64"),
    ]
    digests = {sent(each).images[0].sha256 for each in others}
    assert len(digests | {first.sha256}) == 4


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"aspect_ratio": "16:9"}, (1360, 768)),
        ({"aspect_ratio": "9:16", "image_size": "512"}, (384, 688)),
        ({"aspect_ratio": "21:9", "image_size": "4K"}, (2048, 880)),
        ({"image_size": "2K"}, (1440, 1440)),
        ({"size": "200x100"}, (200, 100)),
        ({"size": "auto", "quality": "low", "partial_images": 2}, (1024, 1024)),
        ({"size": None, "aspect_ratio": None}, (1024, 1024)),
    ],
    ids=str,
)
def test_sizes(config: dict[str, JsonValue], expected: tuple[int, int]) -> None:
    assert size(**config) == expected


def test_half_a_character_does_no_harm() -> None:
    assert sent(asked(Text("a \ud800 kite"), size="64x64")).images


def test_formats() -> None:
    assert sent(asked(output_format="webp", size="64x64")).images[0].mime_type == "image/webp"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": "big"}, 'takes WIDTHxHEIGHT, as "1024x768", or auto for "size", not "big"'),
        ({"size": 5}, 'takes WIDTHxHEIGHT, as "1024x768", or auto for "size", not "5"'),
        ({"size": "63x64"}, 'takes sides from 64 to 2048 pixels for "size", not "63x64"'),
        ({"size": "64x2049"}, 'takes sides from 64 to 2048 pixels for "size", not "64x2049"'),
        ({"image_size": "8K"}, 'takes 512, 1K, 2K, 4K for "image_size", not "8K"'),
        ({"image_size": ["1K"]}, 'takes 512, 1K, 2K, 4K for "image_size", not "[\'1K\']"'),
        ({"aspect_ratio": "wide"}, 'takes WIDTH:HEIGHT, as "16:9" for "aspect_ratio", not "wide"'),
        ({"aspect_ratio": "0:9"}, 'takes WIDTH:HEIGHT, as "16:9" for "aspect_ratio", not "0:9"'),
        (
            {"aspect_ratio": "9:1"},
            'takes at most 8:1 and at least 1:8 for "aspect_ratio", not "9:1"',
        ),
        ({"output_format": "svg"}, 'takes png, jpeg or webp for "output_format", not "svg"'),
        (
            {"stile": "x"},
            'does not know "stile" of image_config; it knows aspect_ratio, background, '
            "image_size, output_format, partial_images, quality, size",
        ),
    ],
    ids=str,
)
def test_what_is_not_understood_is_refused(config: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(Unsupported, match=f"^local/placeholder {re.escape(message)}$"):
        sent(asked(**config))


def test_text_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"draws pictures only; ask for one with modalities"):
        sent(ChatRequest(MODEL, (Message("user", (Text("hello"),)),)))


def test_json_is_refused() -> None:
    request = ChatRequest(
        MODEL, (), response_format=ResponseFormat("json_object"), modalities=("image",)
    )
    with pytest.raises(Unsupported, match="cannot answer in JSON"):
        sent(request)


def test_tools_are_refused() -> None:
    tools = (ToolDefinition("search", "", {}),)
    with pytest.raises(Unsupported, match="cannot call tools"):
        sent(ChatRequest(MODEL, (), modalities=("image",), tools=tools))


def test_a_picture_to_be_fetched_is_refused() -> None:
    with pytest.raises(Unsupported, match="fetches no pictures; give the picture itself"):
        sent(asked(ImageUrl("https://example.org/x.png")))


def test_a_damaged_picture_is_refused() -> None:
    start = sent(asked(size="64x64")).images[0]
    damaged = Image(b"\x89PNG", "image/png", 64, 64, start.sha256)
    with pytest.raises(Unsupported, match="the placeholder cannot be drawn: a picture to build on"):
        sent(asked(damaged))


def test_no_messages_give_a_picture_of_nothing() -> None:
    request = ChatRequest(MODEL, (), modalities=("image",), image_config={"size": "64x64"})
    assert sent(request).images


def test_nothing_is_missing_where_the_extra_is_installed() -> None:
    assert missing() is None
    assert CAPABILITIES.images_in
    asyncio.run(Placeholder().aclose())


def test_without_pillow_it_says_how_to_install_it() -> None:
    script = "from flowrun.providers.placeholder import missing; print(missing())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],  # -S: without installed packages
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        'the placeholder picture needs the package "pillow", which is not installed; run '
        "`pip install '.[local]'` in a checkout of this project, or `pip install pillow`\n"
    )
