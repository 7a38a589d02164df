"""The scripted providers refuse what the true ones would."""

from __future__ import annotations

import httpx2
import pytest

from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.support.endpoint import endpoint
from tests.support.upstreams import SPEAKERS, Upstreams

PATHS = {
    "openai": "openai/v1/chat/completions",
    "anthropic": "anthropic/v1/messages",
    "gemini": "gemini/v1beta/models/m:generateContent",
}
TURN = {"role": "user", "content": "Hello."}
GOOD: dict[str, dict[str, object]] = {
    "openai": {"model": "m", "messages": [TURN]},
    "anthropic": {"model": "m", "max_tokens": 5, "messages": [TURN]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]},
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    ("change", "key", "status"),
    [({}, "secret", 200), ({}, "wrong", 400), ({"unheard_of": 1}, "secret", 400)],
    ids=["good", "wrong key", "unknown field"],
)
def test_a_request_is_checked(name: str, change: dict[str, int], key: str, status: int) -> None:
    upstreams = Upstreams()
    upstreams.say(ChatReply("Hi.", "stop", "m", Usage(1, output_tokens=1)))
    header, value = SPEAKERS[name].key_header
    with endpoint(upstreams) as server:
        url = f"{server.url.removesuffix('/v1')}/{PATHS[name]}"
        headers = {header: value.replace("secret", key)}
        answer = httpx2.post(url, json={**GOOD[name], **change}, headers=headers)
    assert answer.status_code == status
    assert bool(upstreams.faults) == (status != 200)


def test_a_script_that_is_at_its_end_is_a_fault() -> None:
    upstreams = Upstreams()
    with endpoint(upstreams) as server:
        url = f"{server.url.removesuffix('/v1')}/{PATHS['openai']}"
        answer = httpx2.post(url, json=GOOD["openai"], headers={"authorization": "Bearer secret"})
    assert answer.status_code == 500
    assert upstreams.faults == ["/openai/v1/chat/completions: the script is at its end"]
