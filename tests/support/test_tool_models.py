"""The models that call tools, as the dialect reads them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text, ToolDefinition
from tests.support.asking import MODES, Limits, Mode, asking, reply_of, request
from tests.support.endpoint import endpoint
from tests.support.tool_models import DEEP, HUGE, TOOL_MODELS, Said, Talk, call, calling

SEARCH = ToolDefinition(
    "search",
    "",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {}})
FITTING = '{"query": "query lamps"}'


def asked(model: str, prompt: str = "lamps") -> ChatRequest:
    return replace(request(model, prompt), tools=(SEARCH, CLOCK))


def answered(before: ChatRequest, reply: ChatReply, result: str = "found") -> ChatRequest:
    """The conversation with the calls of a reply and their results."""
    said = Message("assistant", (Text(reply.text),) if reply.text else (), reply.tool_calls)
    results = [Message("tool", (Text(result),), tool_call_id=c.id) for c in reply.tool_calls]
    return replace(before, messages=(*before.messages, said, *results))


def two_turns(url: str, before: ChatRequest, mode: Mode) -> tuple[ChatReply, ChatReply]:
    async def main() -> tuple[ChatReply, ChatReply]:
        async with asking(url, "pool", Limits()) as provider:
            first = await reply_of(provider, before, mode)
            return first, await reply_of(provider, answered(before, first), mode)

    return asyncio.run(main())


WANTED: dict[str, list[tuple[str, str]]] = {
    "one": [("search", FITTING)],
    "two": [("search", FITTING)] * 2,
    "each": [("search", FITTING), ("clock", "{}")],
    "bad-args": [("search", '{"query": "lamps", ')],
    "schema-args": [("search", '{"unexpected": [true, {"a": null}]}')],
    "array-args": [("search", '["lamps"]')],
    "empty-args": [("search", "{}")],
    "null-args": [("search", "{}")],
    "obj-args": [("search", '{"query":"query lamps"}')],
    "huge-args": [("search", HUGE)],
    "deep-args": [("search", DEEP)],
    "twice-args": [("search", '{"query": "a", "query": "b"}')],
    "nan-args": [("search", '{"query": NaN}')],
    "unknown": [("rm_rf", '{"path": "/"}')],
    "no-name": [("", "{}")],
    "no-id": [("search", FITTING)] * 2,
    "same-id": [("search", FITTING)] * 2,
    "strange-id": [("search", FITTING)] * 2,
    "many": [("search", FITTING)] * 40,
    "stop": [("search", FITTING)] * 2,
    "letters": [("search", FITTING)] * 2,
    "legacy": [("search", '{"query": "lamps"}')],
    "flat": [("search", '{"query": "lamps"}')],
    "no-index": [("search", '{"query": "lamps"}')] * 2,
    "same-index": [("search", '{"query": "lamps"}')] * 2,
    "junk": [("search", '{"query": "lamps"}')],
    "words": [("search", '{"query": "lamps"}')],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WANTED)
def test_each_model_calls_and_then_answers(name: str, mode: Mode) -> None:
    with endpoint() as server:
        first, second = two_turns(server.url, asked(f"tool-{name}"), mode)
    assert [(each.name, each.arguments) for each in first.tool_calls] == WANTED[name]
    assert len({each.id for each in first.tool_calls}) == len(first.tool_calls)
    assert first.finish_reason == "tool_calls"
    assert (second.text, second.finish_reason) == (
        f"done: {' | '.join(['found'] * len(first.tool_calls))}",
        "stop",
    )


def test_what_is_not_among_them_has_its_own_test() -> None:
    others = {"told", "then", "four", "cut", "loop", "bad-loop", "mend", "none"}
    assert {name.removeprefix("tool-") for name in TOOL_MODELS} == WANTED.keys() | others


@pytest.mark.parametrize("mode", MODES)
def test_calls_may_be_told(mode: Mode) -> None:
    told = json.dumps([["clock", {}], ["search", "{oops"]])
    with endpoint() as server:
        first, second = two_turns(server.url, asked("chaos-tool-told", told), mode)
    assert [(c.name, c.arguments) for c in first.tool_calls] == [
        ("clock", "{}"),
        ("search", "{oops"),
    ]
    assert second.text == "done: found | found"


def test_a_cut_call_stays_cut() -> None:
    with endpoint() as server:
        first, _ = two_turns(server.url, asked("tool-cut"), "send")
    assert first.finish_reason == "length"


def talked(model: str, turns: int) -> list[str]:
    """What the model says, turn by turn: the names that it calls, or its text."""

    async def main(url: str) -> list[str]:
        said = []
        async with asking(url, "pool") as provider:
            conversation = asked(model)
            for _ in range(turns):
                reply = await provider.send(conversation)
                said.append(" ".join(c.arguments for c in reply.tool_calls) or reply.text)
                conversation = answered(conversation, reply)
        return said

    with endpoint() as server:
        return asyncio.run(main(server.url))


def _four(turn: int) -> str:
    texts = (f"lamps {name} {turn}" for name in ("search", "clock"))
    return " ".join(json.dumps({"text": each}) for each in texts)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("tool-loop", [FITTING] * 4),
        ("tool-bad-loop", ["{"] * 4),
        ("tool-mend", ["{oops", FITTING, "done: found", "done: found"]),
        ("tool-then", [FITTING, "{}", "done", "done"]),
        ("tool-four", [_four(turn) for turn in range(4)]),
        ("tool-none", ["I call nothing: lamps"] * 4),
        ("tool-told", ["I was told nothing."] * 4),
    ],
)
def test_models_that_talk_on(model: str, said: list[str]) -> None:
    assert talked(model, 4) == said


def test_a_script_is_a_function_of_the_conversation() -> None:
    def script(talk: Talk) -> Said:
        if not talk.results:
            return [call("search", query=f"{talk.opening} {talk.choice} {sorted(talk.tools)}")]
        return f"{talk.turns} {talk.results} {talk.messages[1]['role']}"

    with endpoint(calling(script)) as server:
        before = replace(asked("any"), tool_choice="required")
        first, second = two_turns(server.url, before, "stream")
    assert json.loads(first.tool_calls[0].arguments) == {
        "query": "lamps required ['clock', 'search']"
    }
    assert second.text == "1 ('found',) assistant"
