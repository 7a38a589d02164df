from __future__ import annotations

import asyncio

import httpx2
import pytest

from flowrun.providers.http import open_client
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
