"""Each client is told what was used: in a whole answer, and in each form of a stream."""

from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.support.clients import Client
from tests.support.dialects import Speaker
from tests.support.upstreams import Upstreams

USED = Usage(10, cache_read_tokens=1000, output_tokens=7)
REPLY = ChatReply("Hello there.", "stop", "m-1", USED, id="r-1")
ASKED = [{"role": "user", "content": "Hello."}]


def require_used(usage: dict[str, Any] | None) -> None:
    assert usage is not None
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1010, 7)
    assert usage["total_tokens"] == 1017
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1000


def streamed(client: Client, speaker: Speaker, **options: Any) -> list[dict[str, Any]]:
    asked = {"model": f"{speaker.name}/{speaker.model}", "messages": ASKED, **options}
    heard = client.stream(**asked)
    assert heard.text == REPLY.text
    return heard.chunks


def test_a_whole_answer_tells_it(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    require_used(client.whole(model=f"{speaker.name}/{speaker.model}", messages=ASKED).get("usage"))


def test_unasked_it_stands_on_the_chunk_that_ends_the_stream(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY)
    *chunks, last = streamed(client, speaker)
    assert last["choices"][0]["finish_reason"] == "stop"
    require_used(last["usage"])
    assert all(each.get("usage") is None for each in chunks)


def test_asked_for_it_has_a_chunk_of_its_own(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY)
    *chunks, last = streamed(client, speaker, stream_options={"include_usage": True})
    assert last["choices"] == []
    require_used(last["usage"])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(each.get("usage") is None for each in chunks)


def test_not_wanted_it_is_not_told(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    chunks = streamed(client, speaker, stream_options={"include_usage": False})
    assert all(each.get("usage") is None for each in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("field", ["service_tier", "metadata", "session_id"])
def test_fields_that_mean_nothing_here_do_not_get_in_the_way(
    client: Client, upstreams: Upstreams, field: str
) -> None:
    upstreams.say(REPLY)
    value: Any = {"a": "b"} if field == "metadata" else "auto"
    found = client.whole(model="openai/gpt-5-mini", messages=ASKED, **{field: value})
    assert found["choices"][0]["message"]["content"] == REPLY.text
    assert field not in upstreams.bodies[0]
