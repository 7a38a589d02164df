"""Each client talks to each provider: whole answers, streams, and how they end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import openai
import pytest

from flowrun.chat.messages import ChatReply, FinishReason
from flowrun.chat.usage import Usage
from tests.gateway.clients.conftest import World
from tests.support.clients import Client
from tests.support.dialects import ANTHROPIC, GEMINI, OPENROUTER, Speaker
from tests.support.upstreams import Refusal, Upstreams

REPLY = ChatReply("Hällo — 日本 😀.", "stop", "m-1", Usage(9, output_tokens=4), id="r-1")
ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello."}]


def label(speaker: Speaker) -> str:
    return f"{speaker.name}/{speaker.model}"


def test_a_whole_answer(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    found = client.whole(model=label(speaker), messages=ASKED, max_completion_tokens=50)
    (choice,) = found["choices"]
    assert choice["message"]["content"] == REPLY.text
    assert (choice["message"]["role"], choice["finish_reason"]) == ("assistant", "stop")
    assert (found["object"], found["model"]) == ("chat.completion", label(speaker))
    assert found["usage"]["prompt_tokens"] == 9
    assert found["usage"]["completion_tokens"] == 4
    assert len(upstreams.asked) == 1


def test_a_stream(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    heard = client.stream(model=label(speaker), messages=ASKED, temperature=0.5)
    assert (heard.text, heard.finish, heard.error) == (REPLY.text, "stop", None)
    assert heard.deltas[0]["role"] == "assistant"
    assert len(heard.chunks) > 3
    assert len({each["id"] for each in heard.chunks}) == 1
    assert {each["model"] for each in heard.chunks} == {label(speaker)}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_ends_early_says_why(
    client: Client, speaker: Speaker, upstreams: Upstreams, finish: FinishReason
) -> None:
    reply = replace(REPLY, finish_reason=finish)
    upstreams.say(reply, reply)
    asked = {"model": label(speaker), "messages": ASKED}
    assert client.whole(**asked)["choices"][0]["finish_reason"] == finish
    heard = client.stream(**asked)
    assert (heard.finish, heard.text) == (finish, REPLY.text)


def test_the_conversation_goes_on(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY, REPLY)
    first = client.whole(model=label(speaker), messages=ASKED)["choices"][0]["message"]
    kept = {name: first[name] for name in ("role", "content")}
    more = [*ASKED, kept, {"role": "user", "content": "And now?"}]
    client.whole(model=label(speaker), messages=more)
    turns = json.dumps(upstreams.bodies[1][speaker.turns], ensure_ascii=False)
    assert turns.index("Hello.") < turns.index(REPLY.text) < turns.index("And now?")


THOUGHT = "First, think 😀."
THINKS = pytest.mark.parametrize(
    "speaker", [OPENROUTER, ANTHROPIC, GEMINI], ids=lambda each: each.name
)


@THINKS
def test_thoughts_are_told_beside_the_answer(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    reply = replace(REPLY, reasoning=THOUGHT)
    upstreams.say(reply, reply)
    asked = {"model": label(speaker), "messages": ASKED}
    assert client.whole(**asked)["choices"][0]["message"]["reasoning"] == THOUGHT
    heard = client.stream(**asked)
    assert "".join(each.get("reasoning") or "" for each in heard.deltas) == THOUGHT
    assert heard.text == REPLY.text


def test_openai_is_told_who_answered_and_what_was_left_out(
    world: World, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY)
    url = f"{world.gateway.url}/v1"
    asked: Any = {"model": label(ANTHROPIC), "messages": ASKED, "seed": 7, "store": True}
    with openai.OpenAI(base_url=url, api_key=world.rich, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**asked)
        assert raw.parse()._request_id == raw.headers["x-request-id"]
    assert raw.headers["x-flowrun-model"] == label(ANTHROPIC)
    assert raw.headers["x-flowrun-dropped"] == "store, seed"
    assert float(raw.headers["x-flowrun-credits"]) > 0
    assert "seed" not in upstreams.bodies[0]


def test_openrouter_is_told_by_whom_to_have_it_answered(
    client: Client, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY)
    routing = {"order": ["a", "b"], "data_collection": "deny"}
    client.whole(model=label(OPENROUTER), messages=ASKED, provider=routing)
    assert upstreams.bodies[0]["provider"] == routing


def test_another_model_is_asked_where_the_first_cannot_be_had(
    client: Client, upstreams: Upstreams
) -> None:
    upstreams.say(Refusal(529, "overloaded_error", "too busy"), REPLY)
    asked: Any = {"messages": ASKED, "model": label(ANTHROPIC), "models": [label(GEMINI)]}
    heard = client.stream(**asked)
    assert heard.text == REPLY.text
    assert heard.chunks[0]["model"] == label(GEMINI)
    assert [each.path.split("/")[1] for each in upstreams.asked] == ["anthropic", "gemini"]
