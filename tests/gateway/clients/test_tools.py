"""Each client has tools called by each provider, and gives their results back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flowrun.chat.messages import ChatReply, ToolCall
from flowrun.chat.usage import Usage
from tests.support.clients import Client, Gumloop, OpenAI
from tests.support.dialects import ANTHROPIC, GEMINI, OPENROUTER, Speaker
from tests.support.replies import data_url, png
from tests.support.upstreams import Upstreams

SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Finds pages.",
        "parameters": {
            "type": "object",
            "properties": {"q": {"type": "string"}},
            "required": ["q"],
        },
    },
}
NOW = {"type": "function", "function": {"name": "now", "description": "Tells the time."}}
TOOLS = [SEARCH, NOW]
CALLS = (
    ToolCall("call_a", "search", '{"q": "lamps — 日本"}'),
    ToolCall("call_b", "search", '{"q": "bulbs"}'),
    ToolCall("call_c", "now", "{}"),
)
WANTS = ChatReply("Let me see.", "tool_calls", "m-1", Usage(9, output_tokens=4), tool_calls=CALLS)
DONE = ChatReply("It is late.", "stop", "m-1", Usage(20, output_tokens=5))
ASKED = [{"role": "user", "content": "Which lamps?"}]
RESULTS = {"call_a": "three lamps", "call_b": "no bulbs", "call_c": "12:00"}


def label(speaker: Speaker) -> str:
    return f"{speaker.name}/{speaker.model}"


def called(calls: Any) -> list[tuple[str, str, Any]]:
    return [
        (each["id"], each["function"]["name"], json.loads(each["function"]["arguments"]))
        for each in calls
    ]


EXPECTED = [(each.id, each.name, json.loads(each.arguments)) for each in CALLS]


def answered(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation with the turn and the results of its calls."""
    results = [
        {"role": "tool", "tool_call_id": each["id"], "content": RESULTS[each["id"]]}
        for each in turn["tool_calls"]
    ]
    return [*ASKED, turn, *results]


def require_order(upstreams: Upstreams, speaker: Speaker) -> None:
    """The second request holds the calls, then the results, each in its order."""
    sent, place = json.dumps(upstreams.bodies[1][speaker.turns], ensure_ascii=False), 0
    for each in ("Which lamps?", "lamps — 日本", "bulbs", "now", *RESULTS.values()):
        place = sent.index(each, place) + 1


def test_parallel_calls_and_their_results(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(WANTS, DONE)
    asked = {"model": label(speaker), "tools": TOOLS}
    (choice,) = client.whole(messages=ASKED, **asked)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    turn = choice["message"]
    assert called(turn["tool_calls"]) == EXPECTED
    found = client.whole(messages=answered(turn), **asked)
    assert found["choices"][0]["message"]["content"] == "It is late."
    require_order(upstreams, speaker)


def test_streamed_calls_and_their_results(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(WANTS, DONE)
    asked = {"model": label(speaker), "tools": TOOLS, "tool_choice": "auto"}
    heard = client.stream(messages=ASKED, **asked)
    assert (heard.finish, heard.text) == ("tool_calls", "Let me see.")
    assert called(heard.calls) == EXPECTED
    turn = {"role": "assistant", "content": heard.text, "tool_calls": heard.calls}
    assert client.stream(messages=answered(turn), **asked).text == "It is late."
    require_order(upstreams, speaker)


def test_a_call_without_arguments_and_without_words(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    reply = replace(WANTS, text="", tool_calls=CALLS[2:])
    upstreams.say(reply, reply)
    asked = {"model": label(speaker), "tools": [NOW], "messages": ASKED}
    message = client.whole(**asked)["choices"][0]["message"]
    assert message["content"] is None
    assert called(message["tool_calls"]) == EXPECTED[2:]
    heard = client.stream(**asked)
    assert (called(heard.calls), heard.text, heard.finish) == (EXPECTED[2:], "", "tool_calls")


@pytest.mark.parametrize(
    "choice",
    ["required", "none", {"type": "function", "function": {"name": "search"}}],
    ids=["required", "none", "named"],
)
def test_which_tool_is_to_be_called(
    client: Client, speaker: Speaker, upstreams: Upstreams, choice: object
) -> None:
    upstreams.say(DONE)
    client.whole(model=label(speaker), messages=ASKED, tools=TOOLS, tool_choice=choice)
    body = upstreams.bodies[0]
    said = body.get("tool_choice") or body["toolConfig"]["functionCallingConfig"]
    named = isinstance(choice, dict)
    expected: dict[str, object] = {
        "anthropic": {"type": "tool", "name": "search"}
        if named
        else {"type": {"required": "any", "none": "none"}[str(choice)]},
        "gemini": {"mode": "ANY", "allowedFunctionNames": ["search"]}
        if named
        else {"mode": {"required": "ANY", "none": "NONE"}[str(choice)]},
    }
    assert said == expected.get(speaker.name, choice)


SIGNED = pytest.mark.parametrize("speaker", [ANTHROPIC, GEMINI, OPENROUTER], ids=lambda s: s.name)
SIGNATURE = {"anthropic": "c2lnbmVk==", "gemini": "c2lnbmVk+/8=", "openrouter": "c2lnbmVk=="}
PLAIN = pytest.mark.parametrize("client", [OpenAI, Gumloop], ids=lambda c: c.name, indirect=True)


@SIGNED
@PLAIN
@pytest.mark.parametrize("is_kept", [True, False], ids=["echoed", "forgotten"])
def test_signed_thoughts_go_back_as_they_came(
    client: Client, speaker: Speaker, upstreams: Upstreams, is_kept: bool
) -> None:
    """Also for a caller who sends back no more than the calls."""
    upstreams.say(replace(WANTS, reasoning="First, think."), DONE)
    asked = {"model": label(speaker), "tools": TOOLS}
    turn = client.whole(messages=ASKED, **asked)["choices"][0]["message"]
    if not is_kept:
        turn = {name: turn[name] for name in ("role", "content", "tool_calls")}
        for each in turn["tool_calls"]:
            each.pop("extra_content", None)
    client.whole(messages=answered(turn), **asked)
    assert SIGNATURE[speaker.name] in upstreams.asked[1].body.decode()


@SIGNED
@PLAIN
def test_signed_thoughts_of_a_stream_go_back_as_they_came(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(replace(WANTS, reasoning="First, think."), DONE)
    asked = {"model": label(speaker), "tools": TOOLS}
    heard = client.stream(messages=ASKED, **asked)
    turn = {"role": "assistant", "content": heard.text, "tool_calls": heard.calls}
    client.whole(messages=answered(turn), **asked)
    assert SIGNATURE[speaker.name] in upstreams.asked[1].body.decode()


@PLAIN
@pytest.mark.parametrize("first", [OPENROUTER, ANTHROPIC, GEMINI], ids=lambda each: each.name)
def test_a_conversation_moves_on_to_another_provider(
    client: Client, first: Speaker, speaker: Speaker, upstreams: Upstreams
) -> None:
    """What one has signed is no matter of another's."""
    upstreams.say(replace(WANTS, reasoning="First, think."), DONE)
    turn = client.whole(model=label(first), messages=ASKED, tools=TOOLS)["choices"][0]["message"]
    messages = [*answered(turn), {"role": "user", "content": "And bulbs?"}]
    found = client.whole(model=label(speaker), messages=messages, tools=TOOLS)
    assert found["choices"][0]["message"]["content"] == "It is late."
    require_order(upstreams, speaker)
    if speaker is not first:
        assert "c2lnbmVk" not in upstreams.asked[1].body.decode()


@PLAIN
def test_a_picture_in_a_result_reaches_the_model(
    client: Client, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(WANTS, DONE)
    asked = {"model": label(speaker), "tools": TOOLS}
    turn = client.whole(messages=ASKED, **asked)["choices"][0]["message"]
    messages = answered(turn)
    shown = png("result")
    part = {"type": "image_url", "image_url": {"url": data_url(shown)}}
    messages[-1]["content"] = [{"type": "text", "text": RESULTS["call_c"]}, part]
    client.whole(messages=messages, **asked)
    require_order(upstreams, speaker)
    assert data_url(shown).partition(",")[2] in upstreams.asked[1].body.decode()
