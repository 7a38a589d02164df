from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text
from flowrun.config import Config, load
from flowrun.providers.anthropic import AnthropicDialect
from flowrun.providers.base import Dialect, Endpoint
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.dialects import dialect_of, imaging
from flowrun.providers.openai import OpenAIDialect
from flowrun.providers.openai_images import OpenAIImagesDialect
from flowrun.providers.router import Providers, resolve
from tests.support.endpoint import endpoint
from tests.support.replies import echo, unary
from tests.support.wire import Action, Seen, Wait
from tests.support.wire_bodies import PICTURE


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (ENDPOINTS["openai"], OpenAIDialect),
        (ENDPOINTS["gumloop"], OpenAIDialect),
        (ENDPOINTS["anthropic"], AnthropicDialect),
        (imaging(ENDPOINTS["openai"], "gpt-image-2"), OpenAIImagesDialect),
    ],
)
def test_each_endpoint_has_its_dialect(row: Endpoint, kind: type[Dialect]) -> None:
    assert isinstance(dialect_of(row, str), kind)


@pytest.mark.parametrize("name", ["local", "fake"])
def test_what_runs_here_has_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} speaks no dialect over HTTP$"):
        dialect_of(ENDPOINTS[name], str)


def test_gemini_has_a_dialect_of_its_own() -> None:
    row = Endpoint("gemini", "gemini")
    assert type(dialect_of(row, str)).__name__ == "GeminiDialect"


@pytest.mark.parametrize(
    "model", ["gpt-image-1", "gpt-image-2-mini", "chatgpt-image-latest", "dall-e-3"]
)
def test_models_for_pictures_are_asked_in_another_way(model: str) -> None:
    row = resolve(f"openai/{model}", Config()).endpoint
    assert (row.name, row.dialect, row.base_url) == (
        "openai",
        "openai-images",
        "https://api.openai.com/v1",
    )
    able = resolve(f"openai/{model}", Config()).capabilities
    assert (able.images_out, able.text_out, able.tools, able.json_schema) == (
        True,
        False,
        False,
        False,
    )


@pytest.mark.parametrize(
    "name", ["openai/gpt-5", "openai/gpt-5-image", "gumloop/gpt-image-2", "openrouter/gpt-image-2"]
)
def test_every_other_is_asked_as_its_endpoint_is(name: str) -> None:
    assert resolve(name, Config()).endpoint.dialect == "openai"


def test_geminis_pictures_come_in_its_own_protocol() -> None:
    row = Endpoint("gemini", "gemini")
    assert imaging(row, "gemini-3-pro").capabilities.images_out is None
    drawing = imaging(row, "gemini-3-pro-image-preview")
    assert (drawing.dialect, drawing.capabilities.images_out) == ("gemini", True)


def test_an_endpoint_of_another_dialect_makes_no_pictures() -> None:
    row = Endpoint("openai", "anthropic")
    assert imaging(row, "gpt-image-2") is row


def answered(seen: Seen) -> Iterator[Action]:
    """A picture or words, by the path, after a while."""
    yield Wait(0.02)
    if seen.path.endswith("/images/generations"):
        encoded = base64.b64encode(PICTURE.data).decode()
        yield unary({"created": 1, "data": [{"b64_json": encoded}]})
    else:
        yield from echo(seen)


def test_words_and_pictures_of_one_endpoint_go_through_one_gate(tmp_path: Path) -> None:
    asked = ChatRequest("", (Message("user", (Text("a lamp"),)),))

    async def main(url: str) -> list[ChatReply]:
        (tmp_path / "flowrun.toml").write_text(
            f'[endpoints.openai]\nbase_url = "{url}"\nkey_env = "MINE"\nmax_in_flight = 1\n'
        )
        environ = {"MINE": "sk-canary"}
        async with Providers(load(tmp_path, environ), in_flight=4, environ=environ) as providers:

            async def ask(model: str) -> ChatReply:
                found = providers.provider(providers.resolve(f"openai/{model}"))
                return await found.send(replace(asked, model=model))

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(each)) for each in ("gpt-5", "gpt-image-2") * 2]
        return [each.result() for each in tasks]

    with endpoint(answered) as server:
        words, picture, *_ = asyncio.run(main(server.url))
    assert words.text == "a lamp"
    assert (picture.text, picture.images, picture.model) == ("", (PICTURE,), "gpt-image-2")
    assert sorted(each.path for each in server.seen) == [
        *["/v1/chat/completions"] * 2,
        *["/v1/images/generations"] * 2,
    ]
    assert server.log.max_in_flight == 1
