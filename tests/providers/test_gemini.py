from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

from flowrun.chat.converse import Watch, converse
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    Message,
    Part,
    ResponseFormat,
    Text,
    ToolCall,
    ToolDefinition,
    fold,
)
from flowrun.chat.toolcalls import Judged
from flowrun.chat.usage import Usage
from flowrun.config import Config, load
from flowrun.errors import ProviderError, Unavailable, Unsupported
from flowrun.providers.base import Endpoint
from flowrun.providers.dialects import dialect_of, imaging
from flowrun.providers.gemini import GeminiDialect
from flowrun.providers.http import HttpProvider
from flowrun.providers.router import Providers, Router
from tests.support.dialects import GEMINI
from tests.support.gemini_types import valid_request
from tests.support.wire_bodies import PICTURE, body_of

T = TypeVar("T")
DIALECT = GeminiDialect()
ASKED = ChatRequest("gemini-3.1-pro-preview", (Message("user", (Text("hello"),)),))


def encoded(request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
    return valid_request(body_of(DIALECT.encode(request, stream=stream)))


def test_a_plain_request() -> None:
    wire = DIALECT.encode(ASKED, stream=False)
    assert (wire.method, wire.headers) == ("POST", {})
    assert wire.path == "/models/gemini-3.1-pro-preview:generateContent"
    assert encoded(ASKED) == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    streamed = DIALECT.encode(ASKED, stream=True)
    assert streamed.path == "/models/gemini-3.1-pro-preview:streamGenerateContent?alt=sse"
    assert streamed.body == wire.body


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-x", "/models/gemini-x:generateContent"),
        ("../a?key=b#c", "/models/..%2Fa%3Fkey%3Db%23c:generateContent"),
    ],
)
def test_a_model_is_named_in_the_path_and_nothing_else_is(model: str, path: str) -> None:
    assert DIALECT.encode(replace(ASKED, model=model), stream=False).path == path


def test_a_request_with_everything() -> None:
    messages = (Message("system", (Text("be "), Text("brief"))), *ASKED.messages)
    asked = replace(
        ASKED,
        messages=(*messages, Message("system", (Text("be kind"),))),
        options={"max_tokens": 9, "service_tier": "flex", "reasoning_effort": "low"},
        response_format=ResponseFormat("json_object"),
        modalities=("text", "image"),
        image_config={"aspect_ratio": "1:1"},
        tools=(ToolDefinition("now", "", {}),),
        tool_choice="required",
    )
    assert encoded(asked, stream=True) == {
        "systemInstruction": {"parts": [{"text": "be brief\nbe kind"}]},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "now"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "1:1"},
            "responseMimeType": "application/json",
        },
        "serviceTier": "flex",
    }


def test_what_only_others_take_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        DIALECT.encode(replace(ASKED, provider={"zdr": True}), stream=False)
    assert (caught.value.param, str(caught.value)) == (
        "provider",
        'cannot take "provider": it answers for itself',
    )


def test_models_are_listed_with_all_that_is_said_of_them() -> None:
    row = {"name": "models/gemini-x", "supportedGenerationMethods": ["generateContent"]}
    assert DIALECT.listing().path == "/models?pageSize=1000"
    assert DIALECT.models(json.dumps({"models": [row]}).encode()) == [{**row, "id": "gemini-x"}]


ROW = Endpoint("gemini", "gemini", "https://llm.example.org/v1beta", key_env="K")


def over_http(
    handler: Callable[[httpx2.Request], httpx2.Response],
    use: Callable[[HttpProvider], Coroutine[Any, Any, T]],
) -> T:
    async def main() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as client:
            return await use(HttpProvider(ROW, DIALECT, client, key="sk-canary"))

    return asyncio.run(main())


PLAIN = ChatReply("Three.", "stop", "served", Usage(1, output_tokens=1), id="r")
CALLING = replace(
    PLAIN,
    text="Let me see.",
    finish_reason="tool_calls",
    tool_calls=(
        ToolCall("c1", "search", '{"q":"lamps"}'),
        ToolCall("c2", "search", '{"q":"suns"}'),
    ),
)
STREAM = {"content-type": "text/event-stream"}


def spoken(reply: ChatReply, *, is_streamed: bool) -> httpx2.Response:
    if is_streamed:
        return httpx2.Response(200, headers=STREAM, content=b"".join(GEMINI.events(reply)))
    return httpx2.Response(200, json=GEMINI.unary(reply))


def test_pitfall_42_the_key_is_in_a_header_and_nowhere_else() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.method == "GET":
            return httpx2.Response(200, json={"models": [{"name": "models/gemini-x"}]})
        said = f"{request.url} {request.headers['x-goog-api-key']}"
        return httpx2.Response(400, json={"error": {"code": 400, "message": said}})

    async def use(provider: HttpProvider) -> list[object]:
        for each in (provider.send(ASKED), anext(aiter(provider.stream(ASKED)))):
            with pytest.raises(ProviderError) as caught:
                await each
            assert "sk-canary" not in str(caught.value) + repr(caught.value)
        return [row["id"] for row in await provider.models()]

    assert over_http(answer, use) == ["gemini-x"]
    base = "https://llm.example.org/v1beta/models"
    assert [str(each.url) for each in seen] == [
        f"{base}/gemini-3.1-pro-preview:generateContent",
        f"{base}/gemini-3.1-pro-preview:streamGenerateContent?alt=sse",
        f"{base}?pageSize=1000",
    ]
    for each in seen:
        assert each.headers["x-goog-api-key"] == "sk-canary"
        assert "authorization" not in each.headers


def test_an_error_in_the_midst_of_a_stream_names_the_endpoint_and_not_the_key() -> None:
    failure = GEMINI.failure("overloaded_error", "sk-canary is busy")
    sent = [*GEMINI.events(CALLING)[:3], f"data: {json.dumps(failure)}\n\n".encode()]

    async def use(provider: HttpProvider) -> ChatReply:
        return fold([delta async for delta in provider.stream(ASKED)])

    with pytest.raises(Unavailable) as caught:
        over_http(lambda _: httpx2.Response(200, headers=STREAM, content=b"".join(sent)), use)
    assert "sk-canary" not in str(caught.value)
    assert str(caught.value).startswith("gemini reported an error: ")


class Lamps:
    """A tool that finds three lamps."""

    routes = ()
    most_turns = 2

    def kept(self, turn: int) -> ChatReply | None:
        return None

    def keep(self, turn: int, reply: ChatReply) -> None: ...

    async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
        return [(Text(f"three lamps for {each.arguments['q']}"), PICTURE) for each in calls]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_pitfall_06_signatures_go_back_as_they_came(is_streamed: bool) -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(valid_request(json.loads(request.content)))
        return spoken(CALLING if len(seen) == 1 else PLAIN, is_streamed=is_streamed)

    async def use(provider: HttpProvider) -> str:
        watch = Watch(lambda _: None, lambda *_: None, on_text=print if is_streamed else None)
        found = await converse(
            provider,
            replace(ASKED, tools=(ToolDefinition("search", "", {}),)),
            read=lambda reply: reply.text,
            repairs=0,
            watch=watch,
            tools=Lamps(),
        )
        return found.value

    assert over_http(answer, use) == "Three."
    said, result = seen[1]["contents"][1:]
    assert said["parts"] == [
        {"text": "Let me see."},
        {
            "functionCall": {"id": "c1", "name": "search", "args": {"q": "lamps"}},
            "thoughtSignature": "c2lnbmVk+/8=",
        },
        {"functionCall": {"id": "c2", "name": "search", "args": {"q": "suns"}}},
    ]
    assert [list(each["functionResponse"]) for each in result["parts"]] == [
        ["id", "name", "response", "parts"]
    ] * 2


@pytest.mark.parametrize(
    ("model", "draws"),
    [
        ("gemini-3-pro-image-preview", True),
        ("gemini-3.1-flash-image", True),
        ("gemini-2.5-flash-image", True),
        ("gemini-3.1-pro-preview", False),
        ("imagen-4", False),
    ],
)
def test_models_for_pictures_are_known_by_their_names(model: str, draws: bool) -> None:
    known = Router(Config(variables=frozenset({"GEMINI_API_KEY"}))).resolve("gemini/x")
    assert known.label == "gemini/x"
    assert known.endpoint.base_url == "https://generativelanguage.googleapis.com/v1beta"
    found = imaging(known.endpoint, model).capabilities
    assert (found.images_out, found.tools) == (draws, not draws)
    assert found.images_in is found.text_out is True


def test_a_configured_endpoint_is_asked_in_its_dialect(tmp_path: Path) -> None:
    (tmp_path / "flowrun.toml").write_text(
        '[endpoints.mine]\nbase_url = "https://x.example.org"\ndialect = "gemini"\n'
    )
    config = load(tmp_path, {})

    async def main() -> None:
        async with Providers(config, in_flight=1, environ={}) as providers:
            resolved = providers.resolve("mine/gemini-x")
            assert isinstance(dialect_of(resolved.endpoint, str), GeminiDialect)
            with pytest.raises(Unsupported, match='mine cannot take "user"'):
                await providers.provider(resolved).send(replace(ASKED, options={"user": "u"}))

    asyncio.run(main())
