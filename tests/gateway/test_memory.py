"""What a client does not send back is found again by its calls, for its own account only."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flowrun.chat.messages import Block, ChatReply, ChatRequest, Message, Text, ToolCall
from flowrun.gateway.codec import Writer, read
from flowrun.gateway.memory import Memory
from tests.gateway.test_codec import HELLO

CALL = ToolCall("call_1", "now", '{"a": 1, "b": 2}')
SIGNED: Block = {"by": "gemini", "call": 0, "signature": "c2ln"}
THOUGHT: Block = {"by": "anthropic", "block": {"thinking": "", "signature": "S="}}


def asking(*calls: ToolCall, blocks: tuple[Block, ...] = ()) -> ChatRequest:
    turn = Message("assistant", (), calls, blocks=blocks)
    results = (Message("tool", (Text("x"),), tool_call_id=each.id) for each in calls)
    return ChatRequest("m", (Message("user", (Text("hello"),)), turn, *results))


def kept(memory: Memory, *calls: ToolCall, account: str = "k_1") -> tuple[Block, ...]:
    return memory.restored(account, asking(*calls)).messages[1].blocks


def seen_by_a_client(reply: ChatReply) -> ChatRequest:
    """What is asked next by a client that keeps only what OpenAI's protocol knows."""
    body = json.loads(Writer("r", 1, "m", "finish").whole(reply))
    message = body["choices"][0]["message"]
    calls = [
        {name: each[name] for name in ("id", "type", "function")} for each in message["tool_calls"]
    ]
    turn = {"role": "assistant", "content": message["content"], "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": each["id"], "content": "x"} for each in calls]
    return read(json.dumps({"model": "m", "messages": [*HELLO, turn, *results]}).encode()).request


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param((SIGNED,), id="pitfall_06"),
        pytest.param((THOUGHT, {"by": "anthropic", "call": 0}), id="pitfall_08"),
    ],
)
def test_pitfall_06_08_signatures_survive_a_client_that_drops_them(
    blocks: tuple[Block, ...],
) -> None:
    reply = ChatReply("", "tool_calls", "m", tool_calls=(CALL,), blocks=blocks)
    memory = Memory()
    memory.keep("k_1", reply.tool_calls, reply.blocks)
    asked = seen_by_a_client(reply)
    assert asked.messages[1].blocks == ()
    assert memory.restored("k_1", asked).messages[1].blocks == blocks


def test_what_is_sent_back_is_left_as_it_is() -> None:
    memory = Memory()
    memory.keep("k_1", (CALL,), (SIGNED,))
    request = asking(CALL, blocks=(THOUGHT,))
    assert memory.restored("k_1", request) is request


def test_an_account_never_gets_what_is_anothers() -> None:
    memory = Memory()
    memory.keep("k_1", (CALL,), (SIGNED,))
    assert kept(memory, CALL, account="k_2") == ()


@pytest.mark.parametrize(
    "calls",
    [
        (replace(CALL, id="call_2"),),
        (replace(CALL, name="then"),),
        (replace(CALL, arguments='{"a": 2}'),),
        (CALL, replace(CALL, id="call_2")),
    ],
)
def test_ids_that_come_again_in_another_conversation_find_nothing(
    calls: tuple[ToolCall, ...],
) -> None:
    memory = Memory()
    memory.keep("k_1", (CALL,), (SIGNED,))
    assert kept(memory, *calls) == ()


def test_arguments_may_be_written_anew() -> None:
    memory = Memory()
    memory.keep("k_1", (CALL,), (SIGNED,))
    assert kept(memory, replace(CALL, arguments='{"b":2,"a":1}')) == (SIGNED,)


@pytest.mark.parametrize("arguments", ['{"a":', "[" * 99_999])
def test_arguments_that_are_cut_are_taken_as_they_are(arguments: str) -> None:
    memory, call = Memory(), replace(CALL, arguments=arguments)
    memory.keep("k_1", (call,), (SIGNED,))
    assert kept(memory, call) == (SIGNED,)


def test_a_reply_without_calls_or_blocks_leaves_nothing() -> None:
    memory = Memory()
    memory.keep("k_1", (), (SIGNED,))
    memory.keep("k_1", (CALL,), ())
    assert len(memory) == 0
    request = asking(CALL)
    assert memory.restored("k_1", request) is request


def calls(number: int) -> list[ToolCall]:
    return [replace(CALL, id=f"call_{each}") for each in range(number)]


def test_the_least_lately_used_is_forgotten_first() -> None:
    memory = Memory(2)
    first, second, third = calls(3)
    memory.keep("k_1", (first,), (SIGNED,))
    memory.keep("k_1", (second,), (SIGNED,))
    assert kept(memory, first)
    memory.keep("k_1", (third,), (SIGNED,))
    assert [bool(kept(memory, each)) for each in (first, second, third)] == [True, False, True]


def test_it_holds_at_most_so_many_characters() -> None:
    size = len(json.dumps(SIGNED))
    memory = Memory(most_characters=size * 2)
    first, second, third = calls(3)
    for each in (first, second, second, third):
        memory.keep("k_1", (each,), (SIGNED,))
    assert [bool(kept(memory, each)) for each in (first, second, third)] == [False, True, True]
    memory.keep("k_1", (first,), (SIGNED, SIGNED, SIGNED))
    assert len(memory) == 0
