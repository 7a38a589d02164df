from __future__ import annotations

import asyncio

import httpx2
import pytest

from flowrun.providers.http import open_client
from flowrun.providers.ways import KnowsWays
from tests.support.endpoint import endpoint


async def post(url: str, model: str) -> httpx2.Response:
    async with open_client(64, tls=False) as client:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        return await client.post(f"{url}/chat/completions", json=body, timeout=0.5)


def test_it_answers_as_any_client_does() -> None:
    with endpoint() as server:
        response = asyncio.run(post(server.url, "echo"))
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("reset-early", httpx2.NetworkError),
        ("close-early", httpx2.NetworkError),
        ("reset-body", httpx2.NetworkError),
        ("cut", httpx2.NetworkError),
        ("huge-header", httpx2.RemoteProtocolError),
        ("hang", httpx2.ReadTimeout),
    ],
)
def test_failures_have_the_kind_that_they_are(fault: str, kind: type[Exception]) -> None:
    with endpoint() as server, pytest.raises(kind):
        asyncio.run(post(server.url, f"chaos-{fault}"))


def test_nobody_there_is_no_time_out() -> None:
    with pytest.raises(httpx2.NetworkError):
        asyncio.run(post("http://127.0.0.1:9/v1", "echo"))


NOBODY = "http://127.0.0.1:9/v1"
TIMEOUTS = {"connect": 0.5, "read": 0.5, "write": 0.5, "pool": None}


@pytest.mark.parametrize("in_flight", [4, 64], ids=["own pool", "aiohttp"])
def test_a_password_in_the_address_leaves_the_long_way_only(in_flight: int) -> None:
    async def main() -> object:
        async with open_client(in_flight, tls=False) as client:
            assert isinstance(client, KnowsWays)
            return client.way("POST", "http://me:pw@127.0.0.1:9/v1", {}, TIMEOUTS)

    assert asyncio.run(main()) is None


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (NOBODY, {"x-key": "one\r\nx-other: two"}),
        ("ftp://127.0.0.1/v1", {}),
        ("/v1", {}),
    ],
    ids=["line break", "scheme", "no host"],
)
def test_what_cannot_be_asked_has_no_short_way(url: str, headers: dict[str, str]) -> None:
    async def main() -> object:
        async with open_client(64, tls=False) as client:
            assert isinstance(client, KnowsWays)
            return client.way("POST", url, headers, TIMEOUTS)

    assert asyncio.run(main()) is None


def test_a_proxy_leaves_the_long_way_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def main() -> object:
        async with open_client(64, tls=False) as client:
            assert isinstance(client, KnowsWays)
            return client.way("POST", NOBODY, {}, TIMEOUTS)

    assert asyncio.run(main()) is None


@pytest.mark.parametrize("in_flight", [4, 64], ids=["own pool", "aiohttp"])
def test_both_ways_send_the_same_request(in_flight: int) -> None:
    async def main(url: str) -> None:
        address = f"{url}/chat/completions"
        body = b'{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'
        headers = {"content-type": "application/json", "accept": "*/*", "x-mine": "1"}
        async with open_client(in_flight, tls=False) as client:
            assert isinstance(client, KnowsWays)
            way = client.way("POST", address, headers, TIMEOUTS)
            assert way is not None
            response = await way.ask(body)
            assert response.status_code == 200
            assert b"hello" in b"".join([chunk async for chunk in response.aiter_bytes()])
            await response.aclose()
            request = httpx2.Request("POST", address, headers=headers, content=body)
            assert (await client.send(request)).status_code == 200

    with endpoint() as server:
        asyncio.run(main(server.url))
        assert server.log.connections == 1
        first, second = ({name.lower(): value for name, value in each.headers.items()}
                         for each in server.seen)  # fmt: skip
    for headers in (first, second):
        for automatic in ("user-agent", "accept-encoding"):  # aiohttp's, where nobody gives one
            headers.pop(automatic, None)
    assert first == second
