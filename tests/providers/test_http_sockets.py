from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from flowrun.chat.messages import fold
from flowrun.errors import Unavailable
from flowrun.providers.base import Endpoint
from flowrun.providers.http import HttpProvider, open_client
from flowrun.providers.openai import OpenAIDialect
from tests.support.endpoint import endpoint
from tests.support.mocked_http import (
    ASKED,
    KEY,
    T,
    Use,
    both_ways,
)

widths = pytest.mark.parametrize("in_flight", [4, 64], ids=["own pool", "aiohttp"])


def on_the_loopback(in_flight: int, use: Callable[[HttpProvider], Coroutine[Any, Any, T]]) -> T:
    async def main(url: str) -> T:
        row = Endpoint("mine", "openai", url, idle_timeout_s=0.5)
        async with open_client(in_flight, tls=False) as client:
            return await use(HttpProvider(row, OpenAIDialect(), client, key=KEY))

    with endpoint() as server:
        return asyncio.run(main(server.url))


@widths
@both_ways
def test_a_reply_comes_over_a_socket(in_flight: int, use: Use) -> None:
    request = replace(ASKED, model="echo")

    async def ask(provider: HttpProvider) -> str:
        return (await use(provider, request)).text

    assert on_the_loopback(in_flight, ask) == "hello, 日本"


@widths
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("reset-early", "mine broke the connection: "),
        ("close-early", "mine broke the connection: "),
        ("reset-body", "mine broke the connection: "),
        ("cut", "mine broke the connection: "),
        ("hang", "mine sent nothing for 0.5 s"),
        ("hang-body", "mine sent nothing for 0.5 s"),
        ("huge-header", "mine broke the connection: "),
    ],
)
@both_ways
def test_faults_of_the_transport_end_in_a_clear_error(
    in_flight: int, fault: str, said: str, use: Use
) -> None:
    request = replace(ASKED, model=f"chaos-{fault}")

    async def ask(provider: HttpProvider) -> None:
        with pytest.raises(Unavailable) as caught:
            await use(provider, request)
        assert str(caught.value).startswith(said)
        assert not caught.value.is_overload

    on_the_loopback(in_flight, ask)


@widths
def test_nobody_there_to_answer(in_flight: int) -> None:
    async def main() -> None:
        async with open_client(in_flight, tls=False) as client:
            row = Endpoint("mine", "openai", "http://127.0.0.1:9/v1")
            await HttpProvider(row, OpenAIDialect(), client).send(ASKED)

    with pytest.raises(
        Unavailable, match=r"^mine (cannot be reached at .*|broke the connection): "
    ):
        asyncio.run(main())


@widths
def test_https_is_refused_where_no_certificates_were_loaded(in_flight: int) -> None:
    async def main(url: str) -> None:
        async with open_client(in_flight, tls=False) as client:
            address = url.replace("http:", "https:")
            row = Endpoint("mine", "openai", address, connect_timeout_s=0.3)
            await HttpProvider(row, OpenAIDialect(), client).send(ASKED)

    with endpoint() as server, pytest.raises(Unavailable, match=r"^mine "):
        asyncio.run(main(server.url))


@widths
def test_a_client_with_certificates_can_be_opened(in_flight: int) -> None:
    async def main() -> bool:
        async with open_client(in_flight) as client:
            return client.follow_redirects

    assert asyncio.run(main()) is False


@widths
@both_ways
def test_cancelled_calls_leave_the_client_healthy(in_flight: int, use: Use) -> None:
    request = replace(ASKED, model="chaos-slow")

    async def give_up(provider: HttpProvider, after_s: float) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(provider, request), after_s)

    async def ask(provider: HttpProvider) -> list[str]:
        async with asyncio.TaskGroup() as tasks:
            for number in range(300):
                tasks.create_task(give_up(provider, 0.001 * (number % 100)))
        answers = [await provider.send(replace(ASKED, model="word")) for _ in range(20)]
        return [each.text for each in answers]

    assert len(on_the_loopback(in_flight, ask)) == 20


@widths
def test_connections_are_used_again(in_flight: int) -> None:
    async def ask(provider: HttpProvider) -> None:
        for _ in range(5):
            await provider.send(replace(ASKED, model="word"))
            fold([delta async for delta in provider.stream(replace(ASKED, model="echo"))])
            with pytest.raises(Unavailable):
                await provider.send(replace(ASKED, model="chaos-503"))

    async def main(url: str) -> None:
        async with open_client(in_flight, tls=False) as client:
            await ask(HttpProvider(Endpoint("mine", "openai", url), OpenAIDialect(), client))

    with endpoint() as server:
        asyncio.run(main(server.url))
        assert server.log.connections == 1


@widths
def test_a_proxy_of_the_environment_is_used(
    in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> str:
        async with open_client(in_flight, tls=False) as client:
            row = Endpoint("mine", "openai", "http://llm.example.org/v1")
            provider = HttpProvider(row, OpenAIDialect(), client)
            return (await provider.send(replace(ASKED, model="echo"))).text

    with endpoint() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1").replace("//", "//me:pw@"))
        assert asyncio.run(main()) == "hello, 日本"
        assert server.seen[0].headers["proxy-authorization"] == "Basic bWU6cHc="


@widths
def test_cookies_are_not_kept(in_flight: int) -> None:
    async def main() -> list[str]:
        async with open_client(in_flight, tls=False) as client:
            client.cookies.extract_cookies(
                httpx2.Response(
                    200,
                    headers={"set-cookie": "id=1"},
                    request=httpx2.Request("GET", "http://127.0.0.1/"),
                )
            )
            return list(client.cookies)

    assert asyncio.run(main()) == []
