from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace

import httpx2
import pytest

from flowrun.chat.messages import ChatReply, Delta
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.masking import Masker
from flowrun.providers.http import HttpProvider
from flowrun.providers.openai import OpenAIDialect
from tests.support.mocked_http import (
    ASKED,
    KEY,
    ROW,
    Use,
    both_ways,
    completion,
    events,
    failure,
    mocked,
    piece,
)


@both_ways
def test_a_request_as_it_goes_out(use: Use) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=completion())

    assert mocked(answer, use, headers={"x-team": "blue"}).text == "hi"
    (request,) = seen
    assert str(request.url) == "https://llm.example.org/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-team"] == "blue"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert json.loads(request.content)["messages"] == [{"role": "user", "content": "hello, 日本"}]


def test_without_a_key_none_is_sent() -> None:
    async def main() -> None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            assert "authorization" not in request.headers
            return httpx2.Response(200, json=completion())

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            await HttpProvider(ROW, OpenAIDialect(), client, masker=Masker()).send(ASKED)

    asyncio.run(main())


@both_ways
@pytest.mark.parametrize(("served", "model"), [(None, "m"), ("m-2026", "m-2026")])
def test_the_model_that_answered_is_told(use: Use, served: str | None, model: str) -> None:
    reply = mocked(lambda _: httpx2.Response(200, json=completion(model=served)), use)
    assert reply.model == model


@both_ways
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ProviderError), (401, AccessDenied), (404, Unsupported), (503, Unavailable)],
)
def test_a_failed_status_is_a_typed_error(use: Use, status: int, kind: type[ProviderError]) -> None:
    body = {"error": {"message": f"said with {KEY}"}}
    error = failure(lambda _: httpx2.Response(status, json=body), use)
    assert type(error) is kind
    assert str(error) == f"mine answered {status}: said with ***"
    assert error.status == status


def test_retry_after_reaches_the_error() -> None:
    headers = {"Retry-After": "Thu, 01 Jan 1970 00:00:09 GMT"}
    error = failure(lambda _: httpx2.Response(429, headers=headers))
    assert isinstance(error, Unavailable)
    assert (error.retry_after_s, error.is_overload) == (9.0, True)


def test_a_long_explanation_of_an_error_is_cut() -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"no " * 10_000

    error = failure(lambda _: httpx2.Response(500, content=body()))
    assert len(str(error)) < 400


def test_an_explanation_that_is_lost_does_not_hide_the_status() -> None:
    async def body() -> AsyncIterator[bytes]:
        raise httpx2.ReadError("reset")
        yield b""

    error = failure(lambda _: httpx2.Response(401, content=body()))
    assert (type(error), str(error)) == (AccessDenied, "mine answered 401: an empty body")


@both_ways
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://evil.example:8443/v1?x=1", "https://evil.example:8443"),
        ("/v2/chat", "another path"),
        ("https://example.org:port/", "an address that cannot be read"),
    ],
)
def test_a_redirect_is_not_followed(use: Use, location: str, said: str) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(307, headers={"location": location})

    error = failure(answer, use)
    assert str(error) == f"mine redirects to {said}: redirects are not followed"
    assert error.shown == "mine redirects: redirects are not followed"
    assert type(error) is ProviderError
    assert asked == ["llm.example.org"]


@both_ways
@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (httpx2.ConnectTimeout("x"), Unavailable, "mine did not take a connection within 10 s"),
        (httpx2.ReadTimeout("x"), Unavailable, "mine sent nothing for 2 min"),
        (
            httpx2.ConnectError("refused"),
            Unavailable,
            "mine cannot be reached at https://llm.example.org/v1/: refused",
        ),
        (httpx2.ReadError(f"got {KEY}"), Unavailable, "mine broke the connection: got ***"),
        (httpx2.RemoteProtocolError(""), Unavailable,
         "mine broke the connection: RemoteProtocolError"),
        (ConnectionResetError(104, "reset"), Unavailable,
         "mine broke the connection: [Errno 104] reset"),
        (ssl.SSLError(1, "handshake"), Unavailable, "mine broke the connection: handshake"),
        (httpx2.LocalProtocolError("header"), ProviderError, "mine cannot be asked: header"),
        (httpx2.UnsupportedProtocol("gopher"), ProviderError, "mine cannot be asked: gopher"),
    ],
)  # fmt: skip
def test_what_the_transport_raises_is_translated(
    use: Use, raised: Exception, kind: type[ProviderError], said: str
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise raised

    error = failure(answer, use)
    assert type(error) is kind
    assert str(error) == said
    assert error.__cause__ is raised
    assert not getattr(error, "is_overload", False)
    never_came = isinstance(raised, httpx2.ConnectError | httpx2.ConnectTimeout)
    assert getattr(error, "is_unsent", False) == never_came


def test_the_cause_of_a_cause_is_told() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("") from OSError("no route")

    error = failure(answer)
    assert str(error) == "mine cannot be reached at https://llm.example.org/v1/: no route"
    assert error.shown == "mine cannot be reached"


def test_an_address_that_is_none_cannot_be_asked() -> None:
    error = failure(lambda _: httpx2.Response(200), base_url="http://example.org:port")
    assert str(error).startswith("mine cannot be asked: ")


@both_ways
def test_what_cannot_be_said_is_not_sent(use: Use) -> None:
    async def main(provider: HttpProvider) -> ChatReply:
        return await use(provider, replace(ASKED, options={"messages": []}))

    error = failure(lambda _: httpx2.Response(500), main)
    assert str(error) == 'mine cannot take "messages" as an option'


@pytest.mark.parametrize(
    ("row", "url"),
    [
        ({}, "https://llm.example.org/v1/models"),
        ({"models_url": "https://list.example.org/models"}, "https://list.example.org/models"),
    ],
)
def test_the_models_that_an_endpoint_lists(row: Mapping[str, str], url: str) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.method} {request.url}")
        return httpx2.Response(200, json={"data": [{"id": "a"}]})

    async def models(provider: HttpProvider) -> object:
        return await provider.models()

    assert mocked(answer, models, **row) == [{"id": "a"}]
    assert asked == [f"GET {url}"]


def test_a_list_of_models_that_is_none() -> None:
    async def main(provider: HttpProvider) -> ChatReply:
        await provider.models()
        raise AssertionError

    error = failure(lambda _: httpx2.Response(200, text="<html>"), main)
    assert str(error) == "mine gave no list of models: an HTML page"


def test_closing_a_provider_leaves_the_client_open() -> None:
    async def main(provider: HttpProvider) -> ChatReply:
        await provider.aclose()
        return await provider.send(ASKED)

    assert mocked(lambda _: httpx2.Response(200, json=completion()), main).text == "hi"


def test_who_stops_listening_gives_the_connection_back() -> None:
    closed = []

    class Body(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncGenerator[bytes, None]:
            for _ in range(9):
                yield events(piece("a"))

        async def aclose(self) -> None:
            closed.append(True)

    async def main(provider: HttpProvider) -> Delta:
        deltas = provider.stream(ASKED)
        first = await anext(deltas)
        await deltas.aclose()
        return first

    headers = {"content-type": "text/event-stream"}
    mocked(lambda _: httpx2.Response(200, headers=headers, stream=Body()), main)
    assert closed == [True]
